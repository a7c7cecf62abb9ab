// SPDX-License-Identifier: Apache-2.0
#pragma once
// A machine: memory, and one table of the operations that a model is made of. `reference` is the plain one and never
// removed; faster machines override operations and are held to it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernels/contracts/arithmetic.h"
#include "kernels/contracts/attend.h"
#include "kernels/contracts/attend_tiles.h"
#include "kernels/contracts/embed.h"
#include "kernels/contracts/experts.h"
#include "kernels/contracts/layer_norm.h"
#include "kernels/contracts/linear.h"
#include "kernels/contracts/logits.h"
#include "kernels/contracts/low_rank.h"
#include "kernels/contracts/memory.h"
#include "kernels/contracts/norm.h"
#include "kernels/contracts/pixel_shuffle.h"
#include "kernels/contracts/position.h"
#include "kernels/contracts/project.h"
#include "kernels/contracts/step_shape.h"

namespace paddock::kernels {

// Used by one thread at a time; operations spread over the machine's own threads and have finished when `read` returns.
// Results do not depend on the number of threads. Memory may be had and filled by other threads meanwhile, and given
// back.
class Machine {
 public:
  virtual ~Machine() = default;

  virtual std::string_view name() const = 0;
  virtual int threads() const = 0;
  // How products with weights of this format run here, for the log: "scalar float32".
  virtual std::string path_of(tensor::DType dtype) const = 0;
  virtual Arithmetic arithmetic_of(tensor::DType dtype) const = 0;
  // The most bytes that operations of such steps keep beside the buffers passed to them.
  virtual size_t private_bytes(const StepShape& step) const = 0;

  // Memory. `allocate` gives zeroed bytes that cost nothing until they are touched. `adopt` makes mapped weights usable
  // by operations: in place where the machine shares the host's memory; the mapping must outlive the machine's use of
  // it.
  virtual Result<Buffer> allocate(size_t bytes) = 0;
  virtual Result<Address> adopt(std::span<const std::byte> mapped) = 0;
  virtual void read(Address from, std::span<std::byte> to) = 0;
  virtual void write(std::span<const std::byte> from, Address to) = 0;

  // The operations, as coarse as the sentences of the paper.
  virtual void embed(const Embed& op) = 0;
  virtual void rms_norm(const RmsNorm& op) = 0;
  virtual void head_norm(const HeadNorm& op) = 0;
  virtual void project(const Project& op) = 0;
  virtual void project_qkv(const ProjectQkv& op) = 0;
  virtual void rotate(const Rotate& op) = 0;
  virtual void scale_queries(const ScaleQueries& op) = 0;
  virtual void append_kv(const AppendKv& op) = 0;
  virtual void attend(const Attend& op) = 0;
  virtual void mlp(const Mlp& op) = 0;
  virtual void route(const Route& op) = 0;
  virtual void experts(const Experts& op) = 0;
  virtual void logits(const Logits& op) = 0;
  virtual void add_low_rank(const AddLowRank& op) = 0;

  // Of picture tiles.
  virtual void add_table(const AddTable& op) = 0;
  virtual void layer_norm(const LayerNorm& op) = 0;
  virtual void linear(const Linear& op) = 0;
  virtual void attend_tiles(const AttendTiles& op) = 0;
  virtual void pixel_shuffle(const PixelShuffle& op) = 0;
  // The most bytes that these keep beside the buffers passed to them: products of up to `inputs` numbers a row, heads
  // of `head_width`, tiles of `tile_rows`.
  virtual size_t tile_private_bytes(int64_t inputs, int64_t head_width, int64_t tile_rows) const = 0;
};

}  // namespace paddock::kernels
