// SPDX-License-Identifier: Apache-2.0
#pragma once
// The adapters of a model by the names that requests know them by: loaded and unloaded while others run.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "llama4/adapter/adapter.h"
#include "llama4/model.h"

namespace paddock::engine {

struct NamedAdapter {
  std::string name;
  int64_t loaded = 0;  // seconds of Unix time
  std::shared_ptr<const llama4::Adapter> adapter;
};

// Thread-safe. What is unloaded serves the requests that have it to their end; its bytes count until then.
class AdapterShelf {
 public:
  // The adapters together take at most so many bytes.
  AdapterShelf(std::shared_ptr<const llama4::Model> model, size_t most_bytes);

  // Reads the adapter of a folder (llama4::Adapter::load), one at a time. Refused: a name that is taken.
  Result<void> load(const std::string& name, const std::filesystem::path& folder);
  // False: there is none of that name.
  bool unload(std::string_view name);

  std::shared_ptr<const NamedAdapter> find(std::string_view name) const;  // null: there is none
  std::vector<std::shared_ptr<const NamedAdapter>> all() const;           // in the order in which they came

  size_t bytes() const { return memory_->used(); }
  size_t most_bytes() const { return memory_->most(); }

 private:
  Result<void> check_is_free(std::string_view name) const;

  const std::shared_ptr<const llama4::Model> model_;
  const std::shared_ptr<llama4::AdapterMemory> memory_;
  std::mutex loading_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const NamedAdapter>> adapters_;
};

}  // namespace paddock::engine
