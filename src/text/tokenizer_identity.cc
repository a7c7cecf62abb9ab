// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_identity.h"

#include <fmt/format.h>

namespace paddock::text {

Digest identity_of(const Tokenizer& tokenizer) {
  std::string all;
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::string_view bytes = tokenizer.token_bytes(id);
    all += fmt::format("{}{} ", tokenizer.is_special(id) ? "s" : "", bytes.size());
    all += bytes;
  }
  return sha256(all);
}

}  // namespace paddock::text
