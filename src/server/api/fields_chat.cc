// SPDX-License-Identifier: Apache-2.0
// OpenAI's chat completions and the older completions.
#include "server/api/fields.h"

namespace paddock::server {
namespace {

using namespace shared_fields;

Field cache_breakpoint() {
  return without_effect("prompt_cache_breakpoint", any_object(), "equal prefixes are always shared");
}

Shape text_part() { return tagged("type", {known("text", {required("text", text()), cache_breakpoint()})}); }

Shape user_part() {
  return tagged(
      "type",
      {known("text", {required("text", text()), cache_breakpoint()}),
       known("image_url",
             {required("image_url",
                       object({required("url", text(1),
                                        "data: with base64; other addresses only where the server fetches them"),
                               honoured("detail", words({"auto", "low", "high", "original"}),
                                        "low: one tile of the whole; else as many as the picture needs")})),
              cache_breakpoint()}),
       refused_case("input_audio", "the model does not hear"),
       refused_case("file", "send the text of the file instead")});
}

Shape assistant_part() {
  return tagged("type", {known("text", {required("text", text()), cache_breakpoint()}),
                         known("refusal", {required("refusal", text())})});
}

Field name_of_author() { return honoured("name", text(0, 256), "handed to the chat template"); }

Shape call_in_history() {
  return tagged("type",
                {known("function",
                       {required("id", text(1, 256)),
                        required("function", object({required("name", text(1, 256)), required("arguments", text())}))}),
                 refused_case("custom", "the model calls functions with JSON arguments only")},
                "function");
}

Case instruction_message(const char* role) {
  return known(role, {required("content", either({text(), list(text_part(), 1)})), name_of_author()});
}

Shape chat_message() {
  return tagged(
      "role",
      {instruction_message("system"), instruction_message("developer"),
       known("user", {required("content", either({text(), list(user_part(), 1)})), name_of_author()}),
       known("assistant", {honoured("content", either({text(), list(assistant_part(), 1)})),
                           honoured("tool_calls", list(call_in_history(), 0, 1024)), honoured("refusal", text()),
                           honoured("reasoning_content", text(), "handed to the chat template"), name_of_author(),
                           refused("audio", "the model does not hear"), refused("function_call", "use tool_calls"),
                           without_effect("annotations", anything(), "they are notes to the answer, not part of it")}),
       known("tool", {required("content", either({text(), list(user_part(), 1)})),
                      required("tool_call_id", text(1, 256)), name_of_author()}),
       refused_case("function", "use the role tool with tool_call_id")});
}

Shape chat_tool() {
  return tagged("type", {known("function", {required("function", object({
                                                                     required("name", function_name()),
                                                                     honoured("description", text()),
                                                                     honoured("parameters", tool_schema()),
                                                                     honoured("strict", boolean()),
                                                                 }))}),
                         refused_case("custom", "the model calls functions with JSON arguments only")});
}

Shape named_function() { return object({required("name", text(1, 256))}); }

Shape chat_tool_choice() {
  return either(
      {words({"none", "auto", "required"}),
       tagged("type",
              {known("function", {required("function", named_function())}),
               known("allowed_tools",
                     {required("allowed_tools",
                               object({required("mode", words({"auto", "required"})),
                                       required("tools",
                                                list(tagged("type", {known("function",
                                                                           {required("function", named_function())})}),
                                                     1, kMostTools))}))}),
               refused_case("custom", "the model calls functions with JSON arguments only")})});
}

Shape response_format() {
  return tagged("type",
                {known("text", {}), known("json_object", {}),
                 known("json_schema",
                       {required("json_schema", object({
                                                    required("name", identifier(64)),
                                                    honoured("description", text()),
                                                    required("schema", tool_schema()),
                                                    honoured("strict", boolean(), "the schema is enforced either way"),
                                                }))})});
}

std::vector<Field> chat_fields() {
  return {
      required("model", model_name()),
      required("messages", list(chat_message(), 1, kMostMessages)),
      honoured("max_completion_tokens", integer(1, 1 << 30)),
      honoured("max_tokens", integer(1, 1 << 30), "the smaller of it and max_completion_tokens counts"),
      honoured("n", integer(1, kMostChoices)),
      honoured("stop", either({text(1, 1024), list(text(1, 1024), 0, 4)})),
      honoured("logprobs", boolean()),
      honoured("top_logprobs", integer(0, 20), "needs logprobs"),
      honoured("tools", list(chat_tool(), 0, kMostTools)),
      honoured("tool_choice", chat_tool_choice()),
      honoured("parallel_tool_calls", boolean()),
      honoured("response_format", response_format()),
      stream(),
      stream_options(),
      user(),
      safety_identifier(),
      honoured("metadata", metadata(), "recorded with the request"),
      service_tier(),
      prompt_cache_key(),
      prompt_cache_options(),
      prompt_cache_retention(),
      honoured("modalities", list(words({"text"}), 1, 1)),
      honoured("verbosity", words({"medium"}), "the model has one way to answer"),
      without_effect("prediction", any_object(), "it could only save time, never change the answer"),
      refused("reasoning_effort", "the model does not reason apart from its answer", {"\"none\""}),
      refused("store", "chat completions are not kept; /v1/responses keeps what it is asked to", {"false"}),
      refused("audio", "the model answers in text"),
      refused("functions", "use tools", {"[]"}),
      refused("function_call", "use tool_choice"),
      refused("web_search_options", "the server does not search the web"),
      moderation(),
  };
}

std::vector<Field> template_fields() {
  return {
      honoured("add_generation_prompt", boolean(), "false: the prompt ends with the last message"),
      honoured("continue_final_message", boolean(), "the answer goes on where the last message, the assistant's, ends"),
      honoured("chat_template_kwargs", any_object(), "variables of the chat template"),
      honoured("documents", list(any_object(), 0, 1024), "handed to the chat template"),
      refused("chat_template", "the checkpoint's own template is used"),
  };
}

std::vector<Field> completions_fields() {
  return {
      required("model", model_name()),
      required("prompt",
               either({text(), list(text(), 1, 128), list(integer(0, 2147483647), 1),
                       list(list(integer(0, 2147483647), 1), 1, 128)}),
               "a text, token ids, or a list of either"),
      honoured("max_tokens", integer(1, 1 << 30), "16 unless given"),
      honoured("n", integer(1, kMostChoices)),
      honoured("stop", either({text(1, 1024), list(text(1, 1024), 0, 4)})),
      honoured("logprobs", integer(0, 5)),
      honoured("echo", boolean(), "not together with logprobs"),
      honoured("best_of", integer(1, 20), "must equal n: answers are not ranked"),
      stream(),
      stream_options(),
      user(),
      refused("suffix", "the model does not fill in the middle", {"\"\""}),
      honoured("add_special_tokens", boolean(), "false: no beginning of text is put before the prompt"),
      honoured("response_format", response_format()),
  };
}

Shape with_sampling(std::vector<Field> fields) {
  Shape shape = with_fields(object(std::move(fields)), openai_sampling());
  return with_fields(std::move(shape), extension_fields());
}

}  // namespace

const Shape& chat_shape() {
  static const Shape shape = with_fields(with_sampling(chat_fields()), template_fields());
  return shape;
}

const Shape& completions_shape() {
  static const Shape shape = with_sampling(completions_fields());
  return shape;
}

const Shape& tokenize_shape() {
  static const Shape shape = object({
      honoured("model", model_name()),
      honoured("prompt", text(), "give this, content or messages"),
      honoured("content", text(), "another name of prompt"),
      honoured("messages", list(chat_message(), 1, kMostMessages)),
      honoured("tools", list(chat_tool(), 0, kMostTools)),
      honoured("add_special_tokens", boolean(), "put beginning of text before a prompt"),
      honoured("add_special", boolean(), "another name of add_special_tokens"),
      honoured("parse_special", boolean(), "recognise special tokens in the prompt"),
      honoured("add_generation_prompt", boolean()),
      honoured("continue_final_message", boolean()),
      honoured("chat_template_kwargs", any_object()),
      honoured("return_token_strs", boolean(), "also the text of each token"),
      honoured("with_pieces", boolean(), "another name of return_token_strs"),
  });
  return shape;
}

const Shape& detokenize_shape() {
  static const Shape shape =
      object({honoured("model", model_name()), required("tokens", list(integer(0, 2147483647)))});
  return shape;
}

const Shape& load_adapter_shape() {
  static const Shape shape = object({
      required("lora_name", model_name(), "by which requests name it as their model"),
      required("lora_path", text(1, 4096), "its folder, in the server's folder of adapters"),
      honoured("base_model_name", model_name(), "the model that it changes; otherwise the first"),
      without_effect("lora_int_id", integer(0, 2147483647), "adapters are known by their names"),
      refused("load_inplace", "unload the adapter first", {"false"}),
  });
  return shape;
}

const Shape& unload_adapter_shape() {
  static const Shape shape =
      object({required("lora_name", model_name()),
              without_effect("lora_int_id", integer(0, 2147483647), "adapters are known by their names")});
  return shape;
}

}  // namespace paddock::server
