// SPDX-License-Identifier: Apache-2.0
// Adapters that come and go while the server runs. They are read on a thread of their own: a large one takes seconds.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/api/model_list.h"
#include "server/api/parse.h"
#include "server/service/adapter_path.h"
#include "server/service/service.h"

namespace paddock::server {
namespace {

// What is wrong with the files or their place is the request's mistake.
ApiError refusal_of(const Error& error) {
  ApiError told{ApiErrorKind::kInvalidRequest, error.message, "lora_path", "", {}};
  if (error.code == ErrorCode::kOutOfMemory) told.kind = ApiErrorKind::kOverloaded;
  if (error.code == ErrorCode::kNotAllowed) told.kind = ApiErrorKind::kPermission;
  if (error.code == ErrorCode::kNotFound) told.kind = ApiErrorKind::kNotFound;
  return told;
}

}  // namespace

bool Service::is_named(std::string_view name) const {
  return std::ranges::any_of(models_, [&](const auto& model) {
    return model->id == name || (model->adapters && model->adapters->find(name));
  });
}

void Service::load_adapter(const CallPointer& call) {
  const auto parsed = parse_load_adapter(call->request.body);
  if (!parsed) return refuse(call, parsed.error());
  call->entry.model = parsed->name;
  call->entry.parameters = json_text({{"lora_path", parsed->path}});
  if (options_.adapter_folder.empty())
    return refuse(call, {ApiErrorKind::kPermission,
                         "no adapters are loaded while this server runs: start it with --adapter-folder",
                         "",
                         "adapters_not_allowed",
                         {}});
  const auto post = [this, call, wanted = *parsed] {
    const auto loaded = load_adapter(wanted);
    if (!loaded) return refuse(call, loaded.error());
    answer(call, json_response(*loaded));
  };
  if (!loading_->post(post))
    refuse(call, {ApiErrorKind::kQueueFull, "too many adapters wait to be read: try again in a moment", "", "",
                  options_.retry_after_seconds});
}

ApiResult<Json> Service::load_adapter(const LoadAdapterRequest& wanted) {
  const auto base = std::ranges::find_if(
      models_, [&](const auto& model) { return wanted.base_model.empty() || model->id == wanted.base_model; });
  if (base == models_.end()) return tl::unexpected(no_such_model(wanted.base_model));
  if (is_named(wanted.name))
    return invalid("lora_name", "name_taken",
                   "lora_name: expected a name of its own, found one that is served already; unload it first");
  const auto path = adapter_path(options_.adapter_folder, wanted.path);
  if (!path) return tl::unexpected(refusal_of(path.error()));
  if (const auto loaded = (*base)->adapters->load(wanted.name, *path); !loaded)
    return tl::unexpected(refusal_of(loaded.error()));
  return write_model(served_models(), wanted.name, Dialect::kOpenAi);
}

void Service::unload_adapter(const CallPointer& call) {
  const auto parsed = parse_unload_adapter(call->request.body);
  if (!parsed) return refuse(call, parsed.error());
  call->entry.model = parsed->name;
  const bool gone = std::ranges::any_of(
      models_, [&](const auto& model) { return model->adapters && model->adapters->unload(parsed->name); });
  if (!gone) {
    ApiError none = no_such_model(parsed->name);
    none.param = "lora_name";
    return refuse(call, none);
  }
  answer(call, json_response({{"id", parsed->name}, {"object", "model"}, {"deleted", true}}));
}

}  // namespace paddock::server
