// SPDX-License-Identifier: Apache-2.0
#pragma once
// Every field that the specifications of the dialects know, and what becomes of it. One table a route; parsers check
// bodies by them and openapi.json is written from them.

#include <vector>

#include "server/api/shape.h"

namespace paddock::server {

// Source: OpenAI's API reference and the request types of its Python package 3.54.
const Shape& chat_shape();         // POST /v1/chat/completions and /v1/chat/completions/render
const Shape& completions_shape();  // POST /v1/completions
const Shape& responses_shape();    // POST /v1/responses

// Source: Anthropic's API reference and the request types of its Python package 2.12.
const Shape& messages_shape();      // POST /v1/messages
const Shape& count_tokens_shape();  // POST /v1/messages/count_tokens

const Shape& tokenize_shape();    // POST /tokenize: a prompt or messages
const Shape& detokenize_shape();  // POST /detokenize

const Shape& load_adapter_shape();    // POST /v1/load_lora_adapter
const Shape& unload_adapter_shape();  // POST /v1/unload_lora_adapter

// What peers accept beside the specifications, in every route that generates.
const std::vector<Field>& extension_fields();

// The same words in several tables.
namespace shared_fields {

inline constexpr size_t kMostMessages = 10'000;
inline constexpr size_t kMostTools = 512;
inline constexpr int kMostChoices = 128;  // of one prompt

std::vector<Field> openai_sampling();  // temperature, top_p, penalties, logit_bias, seed
Shape model_name();
Shape metadata();       // up to 16 texts by name
Shape function_name();  // of a tool
Shape tool_schema();    // JSON Schema of a tool's arguments, or of an answer
Field prompt_cache_key();
Field prompt_cache_options();
Field prompt_cache_retention();
Field safety_identifier();
Field service_tier();
Field user();
Field moderation();
Field stream();
Field stream_options();

}  // namespace shared_fields
}  // namespace paddock::server
