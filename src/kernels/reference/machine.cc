// SPDX-License-Identifier: Apache-2.0
#include "kernels/reference/machine.h"

#include <algorithm>
#include <cstring>

#include "kernels/host/host_memory.h"

namespace paddock::kernels {

std::string ReferenceMachine::path_of(tensor::DType dtype) const {
  return dtype == tensor::DType::kF32 ? "plain float32" : "decoded row by row to plain float32";
}

int64_t ReferenceMachine::product_floats(const ProductSet& set, int64_t tokens) {
  int64_t floats = 0;
  // A token goes to an expert once at most.
  const int64_t rows = set.groups > 1 ? std::min(set.rows, tokens) : set.rows;
  for (const ProductSet::Stored& matrix : set.matrices)
    floats = std::max(floats, matrix.order == MatrixOrder::kOutputMajor ? set.inputs : (rows + 1) * kOutputsAtOnce);
  return floats;
}

size_t ReferenceMachine::private_bytes(const StepShape& step) const {
  int64_t floats = std::max(step.width, step.page_positions * (2 * step.head_width + 1));
  for (const ProductSet& set : step.products) floats = std::max(floats, product_floats(set, step.tokens));
  floats = std::max(floats, step.update_rank);
  return static_cast<size_t>(threads()) * static_cast<size_t>(floats) * sizeof(float);
}

Result<Buffer> ReferenceMachine::allocate(size_t bytes) { return HostMemory::allocate(bytes); }

Result<Address> ReferenceMachine::adopt(std::span<const std::byte> mapped) {
  return HostMemory::address_of(mapped.data());
}

void ReferenceMachine::read(Address from, std::span<std::byte> to) {
  std::memcpy(to.data(), HostMemory::bytes(from), to.size());
}

void ReferenceMachine::write(std::span<const std::byte> from, Address to) {
  std::memcpy(HostMemory::bytes(to), from.data(), from.size());
}

float* ReferenceMachine::scratch(int thread, int64_t floats) {
  std::vector<float>& mine = scratch_[static_cast<size_t>(thread)];
  if (mine.size() < static_cast<size_t>(floats)) {
    mine = {};  // not both at once
    mine.resize(static_cast<size_t>(floats));
  }
  return mine.data();
}

}  // namespace paddock::kernels
