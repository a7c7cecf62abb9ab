// SPDX-License-Identifier: Apache-2.0
#pragma once
// tokenizer.json as it is written, before anything is understood: its two long lists as flat arrays (a value for each
// of their hundred thousands of entries would take seconds), the rest as JSON.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace paddock::text {

// Texts one after the other in a single string.
class TextList {
 public:
  void append(std::string_view text) {
    texts_ += text;
    ends_.push_back(texts_.size());
  }
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t index) const {
    const size_t begin = index > 0 ? ends_[index - 1] : 0;
    return std::string_view(texts_).substr(begin, ends_[index] - begin);
  }

 private:
  std::string texts_;
  std::vector<size_t> ends_;
};

struct TokenizerJson {
  TextList vocab;                  // keys of model.vocab
  std::vector<int64_t> vocab_ids;  // their values
  TextList merge_sides;            // of model.merges, left and right in turn
};

// Reads the file; `rest` becomes everything but model.vocab and model.merges where these are an object and an array of
// merges ("left right" or ["left", "right"]).
Result<TokenizerJson> parse_tokenizer_json(std::string_view file, std::string_view source, Json& rest);

}  // namespace paddock::text
