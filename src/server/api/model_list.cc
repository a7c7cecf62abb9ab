// SPDX-License-Identifier: Apache-2.0
#include "server/api/model_list.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utc_time.h"
#include "server/api/shape_check.h"

namespace paddock::server {
namespace {

Json openai_model(const ServedModel& model) {
  Json written{{"id", model.id},
               {"object", "model"},
               {"created", model.created},
               {"owned_by", "paddock"},
               {"max_model_len", model.context_tokens},
               {"input_modalities", Json::array({"text"})}};
  if (!model.parent.empty()) written["parent"] = model.parent;
  if (model.images) {
    written["input_modalities"].push_back("image");
    written["image_limits"] = {{"images", model.images->images}, {"bytes", model.images->bytes}};
  }
  return written;
}

Json anthropic_model(const ServedModel& model) {
  return {{"type", "model"},
          {"id", model.id},
          {"display_name", model.display_name.empty() ? model.id : model.display_name},
          {"created_at", format_utc(model.created * kNsPerSecond)},
          {"lifecycle", "active"},
          {"max_input_tokens", model.context_tokens},
          {"max_tokens", model.context_tokens}};
}

using Models = std::vector<ServedModel>;

Models::const_iterator find_model(const Models& models, std::string_view id) {
  return std::find_if(models.begin(), models.end(), [&](const ServedModel& model) { return model.id == id; });
}

}  // namespace

ApiError no_such_model(std::string_view id) {
  return {.kind = ApiErrorKind::kNotFound,
          .message = fmt::format("The model {} is not served here; GET /v1/models lists those that are", in_quotes(id)),
          .param = "model",
          .code = "model_not_found"};
}

Json write_models(const Models& models) {
  Json data = Json::array();
  for (const ServedModel& model : models) data.push_back(openai_model(model));
  return {{"object", "list"}, {"data", std::move(data)}};
}

ApiResult<Json> write_model(const Models& models, std::string_view id, Dialect dialect) {
  const auto found = find_model(models, id);
  if (found == models.end()) return tl::unexpected(no_such_model(id));
  return dialect == Dialect::kOpenAi ? openai_model(*found) : anthropic_model(*found);
}

ApiResult<Json> write_model_page(const Models& models, const ModelPage& page) {
  if (page.limit < 1 || page.limit > 1000)
    return invalid("limit", "invalid_value", fmt::format("limit must be from 1 to 1000, not {}", page.limit));
  auto begin = models.begin();
  auto end = models.end();
  if (!page.after_id.empty()) {
    const auto found = find_model(models, page.after_id);
    if (found == models.end()) return tl::unexpected(no_such_model(page.after_id));
    begin = found + 1;
  }
  if (!page.before_id.empty()) {
    const auto found = find_model(models, page.before_id);
    if (found == models.end()) return tl::unexpected(no_such_model(page.before_id));
    end = std::max(begin, found);
  }
  const auto count = std::min<std::ptrdiff_t>(page.limit, end - begin);
  // Before a model means the nearest before it.
  if (!page.before_id.empty()) begin = end - count;
  Json data = Json::array();
  for (auto model = begin; model != begin + count; ++model) data.push_back(anthropic_model(*model));
  const bool has_more = page.before_id.empty() ? begin + count != models.end() : begin != models.begin();
  return Json{{"data", data},
              {"first_id", data.empty() ? Json(nullptr) : data.front()["id"]},
              {"last_id", data.empty() ? Json(nullptr) : data.back()["id"]},
              {"has_more", has_more}};
}

}  // namespace paddock::server
