// SPDX-License-Identifier: Apache-2.0
#include "server/inference/loaded_model.h"

namespace paddock::server {

std::shared_ptr<const grammar::MaskVocabulary> LoadedModel::mask_vocabulary() const {
  std::call_once(made_, [this] {
    std::vector<std::string_view> bytes(static_cast<size_t>(tokenizer->vocab_size()));
    for (size_t token = 0; token < bytes.size(); ++token)
      if (!tokenizer->is_special(static_cast<int32_t>(token)))
        bytes[token] = tokenizer->token_bytes(static_cast<int32_t>(token));
    mask_vocabulary_ = std::make_shared<grammar::MaskVocabulary>(bytes, stop_tokens);
  });
  return mask_vocabulary_;
}

}  // namespace paddock::server
