// SPDX-License-Identifier: Apache-2.0
#include "server/api/completion_request.h"

#include <nlohmann/json.hpp>

namespace paddock::server {
namespace {

ApiResult<void> check_token_id(int64_t id, int64_t vocabulary_size, const std::string& path) {
  if (id >= 0 && id < vocabulary_size) return {};
  return invalid(path, "invalid_value",
                 fmt::format("{} must be a token id below {}, not {}", path, vocabulary_size, id));
}

}  // namespace

SharedJson share(Json json) { return std::make_shared<const Json>(std::move(json)); }

bool CompletionRequest::has_tools() const { return conversation && conversation->contains("tools"); }

ApiResult<void> check_token_ids(const CompletionRequest& request, int64_t vocabulary_size) {
  for (const Prompt& prompt : request.prompts)
    if (const auto* ids = std::get_if<std::vector<int32_t>>(&prompt))
      for (const int32_t id : *ids) TRY_VOID(check_token_id(id, vocabulary_size, "prompt"));
  for (const auto& [id, bias] : request.sampling.logit_bias)
    TRY_VOID(check_token_id(id, vocabulary_size, "logit_bias"));
  for (const int32_t id : request.stop_tokens) TRY_VOID(check_token_id(id, vocabulary_size, "stop_token_ids"));
  return {};
}

}  // namespace paddock::server
