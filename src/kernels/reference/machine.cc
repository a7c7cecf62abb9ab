// SPDX-License-Identifier: Apache-2.0
#include "kernels/reference/machine.h"

#include <algorithm>
#include <cstring>

#include "kernels/host/host_memory.h"

namespace paddock::kernels {

std::string ReferenceMachine::path_of(tensor::DType dtype) const {
  return dtype == tensor::DType::kF32 ? "plain float32" : "decoded row by row to plain float32";
}

size_t ReferenceMachine::private_bytes(int64_t width, int64_t tokens) const {
  const int64_t floats = std::max(width, (tokens + 1) * kOutputsAtOnce);
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
  if (mine.size() < static_cast<size_t>(floats)) mine.resize(static_cast<size_t>(floats));
  return mine.data();
}

}  // namespace paddock::kernels
