// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/products.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/output.h"

namespace paddock::kernels {
namespace {

constexpr size_t kAlignment = 64;
// What waits packed at once. Products beyond it wait for the next wave; one that is larger has a wave of its own.
constexpr size_t kWaveBytes = size_t{16} << 20;
constexpr int64_t kPiecesOfAThread = 8;  // enough that no thread waits long for another's last

int64_t blocks_of(int64_t count, int64_t block) { return (count + block - 1) / block; }

std::byte* aligned(std::vector<std::byte>& bytes) {
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  return bytes.data() + (kAlignment - address % kAlignment) % kAlignment;
}

// The last of `items` that begins at or before `index`.
template <typename Item, typename Begin>
const Item& item_at(const std::vector<Item>& items, int64_t index, Begin Item::*begin) {
  const auto after = std::upper_bound(items.begin(), items.end(), index,
                                      [&](int64_t value, const Item& item) { return value < item.*begin; });
  return *(after - 1);
}

}  // namespace

const ProductKernel* Products::kernel_of(const Matrix& weights) const {
  return weights.order == MatrixOrder::kOutputMajor ? choose_(weights.dtype) : nullptr;
}

size_t Products::most_bytes(int64_t width, int64_t tokens, int threads) {
  constexpr size_t kScratch = size_t{1} << 20;
  const int64_t rows = blocks_of(std::min(tokens, kMostTokens), kTokenBlock) * kTokenBlock;
  const size_t largest = static_cast<size_t>(rows) * static_cast<size_t>(width + 64) * 6;  // three bf16
  return std::max(kWaveBytes, largest) + static_cast<size_t>(threads) * kScratch;
}

void Products::multiply(std::span<const Product> products) {
  scratch_.resize(static_cast<size_t>(pool_.threads()));
  while (!products.empty()) {
    products = products.subspan(plan_wave(products));
    if (packed_bytes_.size() < packed_size_ + kAlignment) packed_bytes_.resize(packed_size_ + kAlignment);
    pool_.parallel_for(blocks_, 1, [this](int64_t begin, int64_t end, int) {
      for (int64_t block = begin; block < end; ++block) pack_block(block);
    });
    pool_.parallel_for(pieces_, 1, [this](int64_t begin, int64_t end, int thread) {
      for (int64_t piece = begin; piece < end; ++piece) multiply_piece(piece, thread);
    });
  }
}

// Takes as many of the products as fit; returns how many.
size_t Products::plan_wave(std::span<const Product> products) {
  packed_.clear();
  parts_.clear();
  blocks_ = pieces_ = 0;
  packed_size_ = 0;
  size_t taken = 0;
  for (const Product& product : products) {
    const Matrix& weights = *product.weights;
    const ProductKernel* kernel = kernel_of(weights);
    CHECK(kernel != nullptr);
    CHECK(product.x.width == weights.inputs && product.y.width == weights.outputs && product.x.rows <= product.y.rows);
    if (taken > 0 && packed_size_ + kernel->packing->bytes(product.x.rows, weights.inputs) > kWaveBytes) break;
    for (int64_t first = 0; first < product.x.rows; first += kMostTokens) {
      Part part = {.product = &product,
                   .kernel = kernel,
                   .packed = 0,
                   .first_token = first,
                   .tokens = std::min(kMostTokens, product.x.rows - first),
                   .outputs_at_once = 0,
                   .first_piece = 0};
      part.packed = packed_for(part);
      parts_.push_back(part);
    }
    ++taken;
  }
  int64_t outputs = 0;
  for (const Part& part : parts_) outputs += part.product->weights->outputs;
  const int64_t share = outputs / (pool_.threads() * kPiecesOfAThread) / kOutputBlock * kOutputBlock;
  for (Part& part : parts_) {
    part.outputs_at_once = std::clamp(share, kOutputBlock, kMostOutputs);
    part.first_piece = pieces_;
    pieces_ += blocks_of(part.product->weights->outputs, part.outputs_at_once);
  }
  return taken;
}

// Index of the part's rows among what is packed; they join it unless a product before wanted the same.
size_t Products::packed_for(const Part& part) {
  const Rows& rows = part.product->x;
  const Packed wanted = {.x = HostMemory::row(rows, part.first_token),
                         .stride = rows.width,
                         .tokens = part.tokens,
                         .inputs = rows.width,
                         .packing = part.kernel->packing,
                         .offset = packed_size_,
                         .first_block = blocks_};
  for (size_t index = packed_.size(); index-- > 0;)
    if (packed_[index].x == wanted.x && packed_[index].tokens == wanted.tokens &&
        packed_[index].packing == wanted.packing)
      return index;
  packed_.push_back(wanted);
  blocks_ += blocks_of(wanted.tokens, kTokenBlock);
  packed_size_ += wanted.packing->bytes(wanted.tokens, wanted.inputs);
  return packed_.size() - 1;
}

void Products::pack_block(int64_t block) {
  const Packed& rows = item_at(packed_, block, &Packed::first_block);
  const int64_t first = (block - rows.first_block) * kTokenBlock;
  rows.packing->pack(rows.x, rows.stride, rows.tokens, rows.inputs, first, std::min(kTokenBlock, rows.tokens - first),
                     aligned(packed_bytes_) + rows.offset);
}

void Products::multiply_piece(int64_t piece, int thread) {
  const Part& part = item_at(parts_, piece, &Part::first_piece);
  const Matrix& weights = *part.product->weights;
  const int64_t first_output = (piece - part.first_piece) * part.outputs_at_once;
  const int64_t outputs = std::min(part.outputs_at_once, weights.outputs - first_output);
  float scales[kMostOutputs];
  const bool scaled = !weights.scales.is_null();
  for (int64_t output = 0; scaled && output < outputs; ++output)
    scales[output] = scale_of(weights, first_output + output);
  part.kernel->multiply(
      {.dtype = weights.dtype,
       .weights = HostMemory::bytes(weights.weights) + static_cast<size_t>(first_output) * weights.row_stride,
       .row_stride = weights.row_stride,
       .inputs = weights.inputs,
       .outputs = outputs,
       .x = aligned(packed_bytes_) + packed_[part.packed].offset,
       .tokens = part.tokens,
       .scales = scaled ? scales : nullptr,
       .y = HostMemory::row(part.product->y, part.first_token) + first_output,
       .y_stride = part.product->y.width,
       .add = part.product->add,
       .scratch = scratch(thread, part.kernel->scratch_bytes)});
}

std::byte* Products::scratch(int thread, size_t bytes) {
  Bytes& mine = scratch_[static_cast<size_t>(thread)];
  if (mine.size() < bytes + kAlignment) mine.resize(bytes + kAlignment);
  return aligned(mine);
}

}  // namespace paddock::kernels
