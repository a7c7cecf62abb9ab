// SPDX-License-Identifier: Apache-2.0
#include "text/llama_specials.h"

#include <fmt/core.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace paddock::text {
namespace {

// Builds a list of names in which some are spelled out and the rest are numbered.
class Names {
 public:
  void named(std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) names_.push_back(fmt::format("<|{}|>", name));
  }
  // "<|KIND_reserved_special_token_N|>" for each N of [first, end).
  void reserved(std::string_view kind, int first, int end) {
    for (int number = first; number < end; ++number)
      names_.push_back(fmt::format("<|{}reserved_special_token_{}|>", kind, number));
  }
  std::vector<std::string> take() { return std::move(names_); }

 private:
  std::vector<std::string> names_;
};

}  // namespace

std::vector<std::string> llama4_special_names() {
  Names names;
  names.named({"begin_of_text", "end_of_text", "fim_prefix", "fim_middle", "fim_suffix", "header_start", "header_end",
               "eom", "eot", "step"});
  names.reserved("text_post_train_", 0, 6);
  names.named({"python_start", "python_end", "finetune_right_pad"});
  names.reserved("text_post_train_", 8, 69);
  names.named({"image_start", "image_end"});
  names.reserved("vision_", 0, 2);
  names.named({"tile_x_separator", "tile_y_separator"});
  names.reserved("vision_", 2, 6);
  names.named({"image"});
  names.reserved("vision_", 6, 7);
  names.named({"patch"});
  names.reserved("vision_", 7, 1048);
  names.reserved("reasoning_", 0, 8);
  names.named({"reasoning_thinking_start", "reasoning_thinking_end"});
  names.reserved("", 0, 904);
  return names.take();
}

std::vector<std::string> llama3_special_names() {
  Names names;
  names.named({"begin_of_text", "end_of_text"});
  names.reserved("", 0, 2);
  names.named({"finetune_right_pad_id", "step_id", "start_header_id", "end_header_id", "eom_id", "eot_id", "python_tag",
               "image"});
  names.reserved("", 2, 246);
  return names.take();
}

Result<void> name_unnamed_llama4_tokens(Vocabulary& vocabulary) {
  const bool is_llama4 = std::any_of(vocabulary.added.begin(), vocabulary.added.end(), [](const AddedToken& token) {
    return token.id == kLlama4Ranks && token.text == "<|begin_of_text|>";
  });
  if (!is_llama4) return {};
  TokenId id = kLlama4Ranks;
  for (const std::string& name : llama4_special_names()) {
    if (!vocabulary.tokens.contains(id)) {
      TRY_VOID(vocabulary.tokens.add(id, name, false));
      vocabulary.unnamed.push_back(id);
    }
    ++id;
  }
  return {};
}

}  // namespace paddock::text
