// SPDX-License-Identifier: Apache-2.0
#pragma once
// The key-value pairs at the head of a GGUF file.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace paddock::checkpoint {

// As numbered in the file.
enum class GgufType : uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
};

// Integers of all widths are kept as 64 bits and floats as double, so that a reader need not care which width a
// converter chose. Arrays of strings view the mapped file. Arrays of arrays are kept as GgufNested and have no use so
// far.
struct GgufNested {};
using GgufValue = std::variant<bool, int64_t, uint64_t, double, std::string, std::vector<bool>, std::vector<int64_t>,
                               std::vector<uint64_t>, std::vector<double>, std::vector<std::string_view>, GgufNested>;

struct GgufPair {
  std::string key;
  GgufValue value;
  std::optional<GgufType> width = {};  // in the file, of an array its elements'; a writer chooses where there is none
};

// In file order, keys unique.
class GgufMetadata {
 public:
  GgufMetadata() = default;
  explicit GgufMetadata(std::vector<GgufPair> pairs) : pairs_(std::move(pairs)) {}

  const std::vector<GgufPair>& pairs() const { return pairs_; }
  const GgufValue* find(std::string_view key) const {
    for (const GgufPair& pair : pairs_)
      if (pair.key == key) return &pair.value;
    return nullptr;
  }

 private:
  std::vector<GgufPair> pairs_;
};

}  // namespace paddock::checkpoint
