// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokenizer that a GGUF file carries in its metadata.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace paddock::text {

// The values of the keys tokenizer.ggml.*, viewed; a program fills it from a checkpoint, which this folder does not
// know. What is absent stays empty.
struct GgufVocabulary {
  std::string_view model;                    // "gpt2" is byte-level BPE
  std::string_view pre;                      // names the split pattern
  std::span<const std::string_view> tokens;  // by id
  std::vector<int64_t> token_types;          // by id: 1 normal, 3 control, 4 user-defined, 5 unused
  std::span<const std::string_view> merges;  // "left right" in order of rank
  std::optional<int64_t> bos_id;             // bos_token_id
  std::optional<int64_t> eos_id;             // eos_token_id
  std::optional<int64_t> eot_id;             // eot_token_id
  std::optional<int64_t> eom_id;             // eom_token_id
  std::optional<int64_t> pad_id;             // padding_token_id
  std::optional<bool> add_bos;               // add_bos_token
};

// Refuses other models than byte-level BPE and unknown split patterns by name. `source` names the file in errors.
Result<Vocabulary> vocabulary_from_gguf(const GgufVocabulary& gguf, std::string_view source);

}  // namespace paddock::text
