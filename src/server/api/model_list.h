// SPDX-License-Identifier: Apache-2.0
#pragma once
// What GET /v1/models and /v1/models/{id} answer.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "server/api/api_error.h"

namespace paddock::server {

// What a picture of a request may have, and how many there may be.
struct ImageLimits {
  int64_t images = 0;
  uint64_t bytes = 0;
};

struct ServedModel {
  std::string id;            // what clients name
  std::string display_name;  // empty: as the id
  int64_t created = 0;       // seconds of Unix time
  int64_t context_tokens = 0;
  std::optional<ImageLimits> images;  // where it sees any
  std::string parent;                 // the model that an adapter changes; empty: it is none
};

// Of OpenAI: {"object": "list", "data": […]}.
Json write_models(const std::vector<ServedModel>& models);
ApiResult<Json> write_model(const std::vector<ServedModel>& models, std::string_view id, Dialect dialect);

// Of Anthropic, for requests with the header anthropic-version: a page of the list.
struct ModelPage {
  std::string after_id;   // the page begins behind this model; empty: at the first
  std::string before_id;  // the page ends before this model; empty: at the last
  int limit = 20;         // 1 to 1000
};
ApiResult<Json> write_model_page(const std::vector<ServedModel>& models, const ModelPage& page);

// What a request that names a model which is not served is told.
ApiError no_such_model(std::string_view id);

}  // namespace paddock::server
