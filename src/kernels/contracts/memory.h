// SPDX-License-Identifier: Apache-2.0
#pragma once
// Handles to a machine's memory. A handle can be passed on and offset, but only the machine that gave it can look
// behind it: the door (kernels/host/host_memory.h) is closed to the model by src/LAYERS, so that a device's memory
// needs no change there.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "tensor/dtype.h"

namespace paddock::kernels {

// A place in a machine's memory.
class Address {
 public:
  Address() = default;

  bool is_null() const { return value_ == 0; }
  Address plus(size_t bytes) const { return Address(value_ + bytes); }

 private:
  friend struct HostMemory;
  explicit Address(uintptr_t value) : value_(value) {}

  uintptr_t value_ = 0;
};

// Memory that is given back to its machine when the buffer goes. Movable.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Address address, size_t bytes, std::function<void()> release)
      : address_(address), bytes_(bytes), release_(std::move(release)) {}
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(bytes_, other.bytes_);
    std::swap(release_, other.release_);
    return *this;
  }
  ~Buffer() {
    if (release_) release_();
  }

  Address address() const { return address_; }
  size_t bytes() const { return bytes_; }

 private:
  Address address_;
  size_t bytes_ = 0;
  std::function<void()> release_;
};

// Float32 activations, one row a token: [rows, width], rows `width` floats apart.
struct Rows {
  Address address;
  int64_t rows = 0;
  int64_t width = 0;

  Rows first(int64_t count) const { return {address, count, width}; }
};

// How a weight matrix lies in memory.
enum class MatrixOrder : uint8_t {
  kOutputMajor,  // W[output][input]: a row holds the weights of one output, as a Linear layer stores it
  kInputMajor,   // W[input][output]: Llama 4's fused experts in safetensors; plain types only
};

// A weight matrix: y[output] = scale[output] * sum over input of W[output, input] * x[input].
struct Matrix {
  Address weights;
  tensor::DType dtype = tensor::DType::kF32;
  MatrixOrder order = MatrixOrder::kOutputMajor;
  int64_t outputs = 0;
  int64_t inputs = 0;
  size_t row_stride = 0;  // bytes from one stored row to the next: an output's in kOutputMajor, else an input's
  Address scales;         // null: no scales
  tensor::DType scale_dtype = tensor::DType::kF32;
  int64_t scale_count = 0;  // outputs, or 1 for one scale for all
};

// Weights of a norm: [width].
struct NormWeight {
  Address weights;
  tensor::DType dtype = tensor::DType::kF32;
  int64_t width = 0;
};

}  // namespace paddock::kernels
