// SPDX-License-Identifier: Apache-2.0
#pragma once
// Little-endian numbers and digests in bytes that have been counted.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/digest.h"

namespace paddock {

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> bytes_of(const Digest& digest) { return std::as_bytes(std::span(digest)); }

class ByteWriter {
 public:
  template <typename Integer>
  void number(Integer value) {
    for (size_t byte = 0; byte < sizeof value; ++byte)
      bytes_.push_back(static_cast<std::byte>(static_cast<uint64_t>(value) >> (8 * byte)));
  }
  void append(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  std::span<const std::byte> so_far() const { return bytes_; }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> take(size_t count) {
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  template <typename Integer>
  Integer number() {
    uint64_t value = 0;
    const auto taken = take(sizeof(Integer));
    for (size_t byte = 0; byte < taken.size(); ++byte) value |= std::to_integer<uint64_t>(taken[byte]) << (8 * byte);
    return static_cast<Integer>(value);
  }
  Digest digest() {
    Digest digest;
    std::memcpy(digest.data(), take(sizeof(Digest)).data(), sizeof(Digest));
    return digest;
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace paddock
