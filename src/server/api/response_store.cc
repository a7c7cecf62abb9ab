// SPDX-License-Identifier: Apache-2.0
#include "server/api/response_store.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/api/completion_request.h"
#include "server/api/shape_check.h"

namespace paddock::server {
namespace {

// What the values take in memory, about: a value's own size, its text, and its place in the parent.
size_t size_in_memory(const Json& json) {
  size_t bytes = 2 * sizeof(Json);
  if (json.is_string()) bytes += json.get_ref<const std::string&>().size();
  if (json.is_object())
    for (const auto& [key, value] : json.items()) bytes += sizeof(std::string) + key.size() + size_in_memory(value);
  if (json.is_array())
    for (const Json& value : json) bytes += size_in_memory(value);
  return bytes;
}

size_t size_in_memory(const StoredResponse& stored) {
  size_t bytes =
      sizeof(StoredResponse) + stored.id.size() + size_in_memory(*stored.response) + size_in_memory(*stored.input);
  for (const auto& items : stored.before) bytes += size_in_memory(*items);
  return bytes;
}

template <typename Visit>
void for_each_item(const StoredResponse& stored, const Visit& visit) {
  for (const Json& item : *stored.input) visit(item);
  for (const Json& item : (*stored.response)["output"]) visit(item);
}

std::string id_of(const Json& item) {
  const auto id = item.find("id");
  return id != item.end() && id->is_string() ? id->get<std::string>() : "";
}

tl::unexpected<ApiError> no_such_response(std::string_view id) {
  return tl::unexpected(
      ApiError{.kind = ApiErrorKind::kNotFound,
               .message = fmt::format("No response {} is kept; it was not stored, or it is too old", in_quotes(id)),
               .param = "response_id"});
}

}  // namespace

StoredResponse stored_turn(const CompletionRequest& request, std::shared_ptr<const Json> response) {
  std::string id = (*response)["id"].get<std::string>();
  return {std::move(id), std::move(response), request.input_items, request.past};
}

MemoryResponseStore::MemoryResponseStore(Limits limits, std::function<int64_t()> now)
    : limits_(limits), now_(std::move(now)) {}

void MemoryResponseStore::put(std::string_view owner, StoredResponse response) {
  const size_t bytes = size_in_memory(response);
  const std::lock_guard lock(mutex_);
  if (bytes > limits_.bytes) return;
  Owner& holder = owners_[std::string(owner)];
  if (const auto old = holder.by_id.find(response.id); old != holder.by_id.end()) remove(holder, old->second);
  holder.entries.push_back({std::make_shared<const StoredResponse>(std::move(response)), bytes, now_()});
  const StoredResponse& stored = *holder.entries.back().stored;
  holder.by_id[stored.id] = std::prev(holder.entries.end());
  for_each_item(stored, [&](const Json& item) { holder.response_of_item[id_of(item)] = stored.id; });
  holder.bytes += bytes;
  bytes_ += bytes;
  make_room();
}

const MemoryResponseStore::Entry* MemoryResponseStore::current_entry(std::string_view owner,
                                                                     std::string_view id) const {
  const auto holder = owners_.find(std::string(owner));
  if (holder == owners_.end()) return nullptr;
  const auto found = holder->second.by_id.find(std::string(id));
  return found != holder->second.by_id.end() && is_current(*found->second) ? &*found->second : nullptr;
}

std::shared_ptr<const StoredResponse> MemoryResponseStore::get(std::string_view owner, std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = current_entry(owner, id);
  return entry ? entry->stored : nullptr;
}

bool MemoryResponseStore::erase(std::string_view owner, std::string_view id) {
  const std::lock_guard lock(mutex_);
  if (!current_entry(owner, id)) return false;
  Owner& holder = owners_.at(std::string(owner));
  remove(holder, holder.by_id.at(std::string(id)));
  return true;
}

std::shared_ptr<const Json> MemoryResponseStore::find_item(std::string_view owner, std::string_view item_id) const {
  const std::lock_guard lock(mutex_);
  const auto holder = owners_.find(std::string(owner));
  if (holder == owners_.end()) return nullptr;
  const auto response = holder->second.response_of_item.find(std::string(item_id));
  if (response == holder->second.response_of_item.end()) return nullptr;
  const Entry* entry = current_entry(owner, response->second);
  if (!entry) return nullptr;
  std::shared_ptr<const Json> found;
  for_each_item(*entry->stored, [&](const Json& item) {
    if (id_of(item) == item_id) found = std::make_shared<const Json>(item);
  });
  return found;
}

size_t MemoryResponseStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void MemoryResponseStore::remove(Owner& owner, std::list<Entry>::iterator entry) {
  for_each_item(*entry->stored, [&](const Json& item) {
    const auto found = owner.response_of_item.find(id_of(item));
    if (found != owner.response_of_item.end() && found->second == entry->stored->id)
      owner.response_of_item.erase(found);
  });
  owner.bytes -= entry->bytes;
  bytes_ -= entry->bytes;
  owner.by_id.erase(entry->stored->id);
  owner.entries.erase(entry);
}

void MemoryResponseStore::make_room() {
  for (auto& [name, owner] : owners_)
    while (!owner.entries.empty() && !is_current(owner.entries.front())) remove(owner, owner.entries.begin());
  while (bytes_ > limits_.bytes) {
    const auto greatest = std::max_element(owners_.begin(), owners_.end(), [](const auto& left, const auto& right) {
      return left.second.bytes < right.second.bytes;
    });
    remove(greatest->second, greatest->second.entries.begin());
  }
  std::erase_if(owners_, [](const auto& owner) { return owner.second.entries.empty(); });
}

ApiResult<Json> stored_response(const ResponseStore& store, std::string_view owner, std::string_view id) {
  const auto stored = store.get(owner, id);
  if (!stored) return no_such_response(id);
  return *stored->response;
}

ApiResult<Json> delete_response(ResponseStore& store, std::string_view owner, std::string_view id) {
  if (!store.erase(owner, id)) return no_such_response(id);
  return Json{{"id", id}, {"object", "response"}, {"deleted", true}};
}

ApiResult<Json> stored_input_items(const ResponseStore& store, std::string_view owner, std::string_view id,
                                   const ItemPage& page) {
  const auto stored = store.get(owner, id);
  if (!stored) return no_such_response(id);
  if (page.limit < 1 || page.limit > 100)
    return invalid("limit", "invalid_value", fmt::format("limit must be from 1 to 100, not {}", page.limit));
  std::vector<const Json*> items;
  for (const auto& earlier : stored->before)
    for (const Json& item : *earlier) items.push_back(&item);
  for (const Json& item : *stored->input) items.push_back(&item);
  if (page.newest_first) std::reverse(items.begin(), items.end());
  auto begin = items.begin();
  if (!page.after.empty()) {
    begin = std::find_if(items.begin(), items.end(), [&](const Json* item) { return id_of(*item) == page.after; });
    if (begin == items.end())
      return invalid("after", "invalid_value",
                     fmt::format("after must be the id of an item of the response, not {}", in_quotes(page.after)));
    ++begin;
  }
  const auto end = begin + std::min<std::ptrdiff_t>(page.limit, items.end() - begin);
  Json data = Json::array();
  for (auto item = begin; item != end; ++item) data.push_back(**item);
  return Json{{"object", "list"},
              {"data", data},
              {"first_id", data.empty() ? "" : id_of(data.front())},
              {"last_id", data.empty() ? "" : id_of(data.back())},
              {"has_more", end != items.end()}};
}

}  // namespace paddock::server
