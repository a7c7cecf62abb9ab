// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/products.h"

#include <algorithm>
#include <set>

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

// What it held is lost: the old and the new memory are not held at once.
void grow(std::vector<std::byte>* bytes, size_t size) {
  if (bytes->size() >= size) return;
  *bytes = {};
  bytes->resize(size);
}

// The last of `items` that begins at or before `index`.
template <typename Item, typename Begin>
const Item& item_at(const std::vector<Item>& items, int64_t index, Begin Item::*begin) {
  const auto after = std::upper_bound(items.begin(), items.end(), index,
                                      [&](int64_t value, const Item& item) { return value < item.*begin; });
  return *(after - 1);
}

}  // namespace

const ProductKernel* Products::kernel_of(const ProductSet::Stored& matrix) const {
  return matrix.order == MatrixOrder::kOutputMajor ? kernels_.of(matrix.role)(matrix.dtype) : nullptr;
}

size_t Products::most_bytes(std::span<const ProductSet> sets, int64_t tokens) const {
  size_t packed = 0, scratch = 0;
  for (const ProductSet& set : sets) {
    packed = std::max(packed, packed_bytes(set, tokens));
    for (const ProductSet::Stored& matrix : set.matrices)
      if (const ProductKernel* kernel = kernel_of(matrix)) scratch = std::max(scratch, kernel->scratch_bytes);
  }
  return packed + static_cast<size_t>(pool_.threads()) * scratch +
         static_cast<size_t>(1 + pool_.threads()) * kAlignment;
}

// What a wave of these products packs at most: all of it, or as much as waits at once.
size_t Products::packed_bytes(const ProductSet& set, int64_t tokens) const {
  const auto bytes_of_rows = [&](const Packing& packing, int64_t rows) {
    size_t bytes = 0;
    for (int64_t first = 0; first < rows; first += kMostTokens)
      bytes += packing.bytes(std::min(kMostTokens, rows - first), set.inputs);
    return bytes;
  };
  std::set<const Packing*> packings;
  for (const ProductSet::Stored& matrix : set.matrices)
    if (const ProductKernel* kernel = kernel_of(matrix)) packings.insert(kernel->packing);
  const bool in_groups = set.groups > 1;
  // Each group's last block may be nearly empty; one group may be given all tokens.
  const int64_t rows = set.rows + (in_groups ? std::min(set.groups, set.rows) * (kTokenBlock - 1) : 0);
  size_t all = 0, largest = 0;
  for (const Packing* packing : packings) {
    all += bytes_of_rows(*packing, rows);
    largest = std::max(largest, bytes_of_rows(*packing, in_groups ? std::min(set.rows, tokens) : rows));
  }
  return std::min(all, std::max(kWaveBytes, largest));
}

void Products::multiply(std::span<const Product> products) {
  scratch_.resize(static_cast<size_t>(pool_.threads()));
  while (!products.empty()) {
    products = products.subspan(plan_wave(products));
    grow(&packed_bytes_, packed_size_ + kAlignment);
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
    const ProductKernel* kernel = kernel_of(product);
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
  grow(&mine, bytes + kAlignment);
  return aligned(mine);
}

}  // namespace paddock::kernels
