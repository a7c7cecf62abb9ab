// SPDX-License-Identifier: Apache-2.0
#pragma once
// An adapter that is ready to run: the low-rank updates of a model's matrices, in the memory of the machine that runs
// it.

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "kernels/contracts/machine.h"
#include "llama4/config.h"

namespace paddock::llama4 {

// Of an update: what a machine keeps room for.
inline constexpr int64_t kMostAdapterRank = 512;

// The bytes that a model's adapters may take together. Thread-safe.
class AdapterMemory {
 public:
  explicit AdapterMemory(size_t most) : most_(most) {}

  size_t most() const { return most_; }
  size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  friend class Adapter;
  bool take(size_t bytes);
  void give_back(size_t bytes) { used_ -= bytes; }

  const size_t most_;
  std::atomic<size_t> used_{0};
};

// Of a layer; an update of rank 0 is none.
struct LayerUpdate {
  kernels::LowRank q, k, v, o;
  kernels::MlpUpdate mlp;                   // dense layers; MoE layers: the shared expert
  std::vector<kernels::MlpUpdate> experts;  // [E], or empty where none is updated
};

// Constant once it is loaded, so that threads share it; its memory goes back with the last of them.
class Adapter {
 public:
  // Of PEFT's two files in `folder` (llama4/adapter/adapter_file.h): attention, networks, routed experts, head.
  // Refused: what does not fit the model, updates of embedding and router, a rank beyond kMostAdapterRank, more than
  // `memory` has left. May be called by any thread; machine and memory outlive the adapter. While it is read it takes
  // its size again.
  static Result<std::shared_ptr<const Adapter>> load(const std::filesystem::path& folder, const Config& config,
                                                     kernels::Machine* machine, std::shared_ptr<AdapterMemory> memory);
  ~Adapter();
  Adapter(const Adapter&) = delete;

  const LayerUpdate& layer(size_t index) const { return layers_[index]; }
  const kernels::LowRank& head() const { return head_; }
  size_t bytes() const { return buffer_.bytes(); }
  const Digest& digest() const { return digest_; }  // adapters with the same digest are the same

 private:
  friend class AdapterLoader;
  explicit Adapter(std::shared_ptr<AdapterMemory> memory) : memory_(std::move(memory)) {}

  std::shared_ptr<AdapterMemory> memory_;
  kernels::Buffer buffer_;
  std::vector<LayerUpdate> layers_;
  kernels::LowRank head_;
  Digest digest_{};
};

}  // namespace paddock::llama4
