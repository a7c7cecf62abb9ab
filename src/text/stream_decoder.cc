// SPDX-License-Identifier: Apache-2.0
#include "text/stream_decoder.h"

#include <utility>

#include "base/utf8.h"

namespace paddock::text {

std::string Utf8Stream::push(std::string_view bytes) {
  held_ += bytes;
  const size_t unfinished = incomplete_utf8_suffix(held_);
  std::string complete = replace_invalid_utf8(std::string_view(held_).substr(0, held_.size() - unfinished));
  held_.erase(0, held_.size() - unfinished);
  return complete;
}

std::string Utf8Stream::flush() { return replace_invalid_utf8(std::exchange(held_, {})); }

std::string StreamDecoder::push(TokenId id) {
  if (special_text_ == SpecialText::kSkip && tokenizer_->is_special(id)) return {};
  return stream_.push(tokenizer_->token_bytes(id));
}

}  // namespace paddock::text
