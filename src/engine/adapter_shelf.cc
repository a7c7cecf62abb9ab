// SPDX-License-Identifier: Apache-2.0
#include "engine/adapter_shelf.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace paddock::engine {

AdapterShelf::AdapterShelf(std::shared_ptr<const llama4::Model> model, size_t most_bytes)
    : model_(std::move(model)), memory_(std::make_shared<llama4::AdapterMemory>(most_bytes)) {}

Result<void> AdapterShelf::check_is_free(std::string_view name) const {
  if (find(name) == nullptr) return {};
  return error(ErrorCode::kInvalidArgument, "{}: expected a name of its own, found one that an adapter has already",
               name);
}

Result<void> AdapterShelf::load(const std::string& name, const std::filesystem::path& folder) {
  const std::lock_guard one_at_a_time(loading_);
  TRY_VOID(check_is_free(name));
  auto adapter = TRY(llama4::Adapter::load(folder, model_->config, model_->machine, memory_));
  const int64_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  auto named = std::make_shared<const NamedAdapter>(NamedAdapter{name, now, std::move(adapter)});
  const std::lock_guard lock(mutex_);
  adapters_.push_back(std::move(named));
  return {};
}

bool AdapterShelf::unload(std::string_view name) {
  std::shared_ptr<const NamedAdapter> gone;  // its memory goes back without the lock
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(
      adapters_, name, [](const auto& each) -> const auto& { return each->name; });
  if (found == adapters_.end()) return false;
  gone = std::move(*found);
  adapters_.erase(found);
  return true;
}

std::shared_ptr<const NamedAdapter> AdapterShelf::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(
      adapters_, name, [](const auto& each) -> const auto& { return each->name; });
  return found == adapters_.end() ? nullptr : *found;
}

std::vector<std::shared_ptr<const NamedAdapter>> AdapterShelf::all() const {
  const std::lock_guard lock(mutex_);
  return adapters_;
}

}  // namespace paddock::engine
