// SPDX-License-Identifier: Apache-2.0
#pragma once
// The config.json of an upcycled model, as Hugging Face's Llama4ForCausalLM reads it.

#include <string>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "llama4/config.h"
#include "upcycle/wishes.h"

namespace paddock::upcycle {

// What was written, and what it means.
struct UpcycledConfig {
  std::string json;
  llama4::Config config;
};

// Refused: a model that is no dense Llama; numbers that make no model; rotary scaling that only a GGUF file knows.
Result<UpcycledConfig> upcycled_config(const checkpoint::Checkpoint& dense, const llama4::Config& config,
                                       const UpcycleWishes& wishes);

}  // namespace paddock::upcycle
