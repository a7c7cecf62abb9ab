// SPDX-License-Identifier: Apache-2.0
#pragma once
// The plain machine: every operation as its contract says it, in simple loops over float32. It runs anywhere and is
// what the other machines are held to.

#include <vector>

#include "base/thread_pool.h"
#include "kernels/contracts/machine.h"

namespace paddock::kernels {

// Outputs that one thread takes at a time in an input-major product: a few cache lines of each stored row.
inline constexpr int64_t kOutputsAtOnce = 64;

class ReferenceMachine : public Machine {
 public:
  // `threads` as ThreadPool: 0 means all processors.
  explicit ReferenceMachine(int threads) : pool_(threads), scratch_(static_cast<size_t>(pool_.threads())) {}

  std::string_view name() const override { return "reference"; }
  int threads() const override { return pool_.threads(); }
  std::string path_of(tensor::DType dtype) const override;
  Arithmetic arithmetic_of(tensor::DType) const override { return Arithmetic::kFloat32; }
  size_t private_bytes(const StepShape& step) const override;

  Result<Buffer> allocate(size_t bytes) override;
  Result<Address> adopt(std::span<const std::byte> mapped) override;
  void read(Address from, std::span<std::byte> to) override;
  void write(std::span<const std::byte> from, Address to) override;

  void embed(const Embed& op) override;
  void rms_norm(const RmsNorm& op) override;
  void head_norm(const HeadNorm& op) override;
  void project(const Project& op) override;
  void project_qkv(const ProjectQkv& op) override;
  void rotate(const Rotate& op) override;
  void scale_queries(const ScaleQueries& op) override;
  void append_kv(const AppendKv& op) override;
  void attend(const Attend& op) override;
  void mlp(const Mlp& op) override;
  void route(const Route& op) override;
  void experts(const Experts& op) override;
  void logits(const Logits& op) override;
  void add_low_rank(const AddLowRank& op) override;
  void add_table(const AddTable& op) override;
  void layer_norm(const LayerNorm& op) override;
  void linear(const Linear& op) override;
  void attend_tiles(const AttendTiles& op) override;
  void pixel_shuffle(const PixelShuffle& op) override;
  size_t tile_private_bytes(int64_t inputs, int64_t head_width, int64_t tile_rows) const override;

 protected:
  // y (+)= W x for the rows given, on all threads.
  virtual void multiply(const Rows& x, const Matrix& weights, const Rows& y, bool add);
  // The same for the head, which meets few rows.
  virtual void multiply_head(const Rows& x, const Matrix& weights, const Rows& y) { multiply(x, weights, y, false); }
  // Each by itself; no two write the same rows.
  virtual void mlps(std::span<const Mlp> ops);
  // gate = silu(gate) * up
  virtual void silu_multiply(const Mlp& op);

  // What multiply() keeps of scratch() for these products, in floats of one thread.
  static int64_t product_floats(const ProductSet& set, int64_t tokens);
  // At least `floats` floats that only this thread of the pool uses; what was in them is lost.
  float* scratch(int thread, int64_t floats);

  ThreadPool pool_;

 private:
  std::vector<std::vector<float>> scratch_;  // one for each thread
};

}  // namespace paddock::kernels
