// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <unordered_set>

#include "base/check.h"
#include "base/new_file.h"
#include "checkpoint/gguf.h"
#include "checkpoint/wording.h"

namespace paddock::checkpoint {
namespace {

constexpr uint32_t kVersion = 3;

template <typename T>
void append(std::string& text, T value) {
  static_assert(std::is_arithmetic_v<T>);
  text.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_string(std::string& text, std::string_view value) {
  append(text, uint64_t{value.size()});
  text += value;
}

// Whether `value` is the same after a journey through T.
template <typename T, typename Wide>
bool fits(Wide value) {
  if constexpr (std::is_floating_point_v<T> && std::is_floating_point_v<Wide>)
    return value != value || static_cast<Wide>(static_cast<T>(value)) == value;
  else if constexpr (std::is_floating_point_v<T> || std::is_floating_point_v<Wide>)
    return false;
  else
    return value >= 0 ? static_cast<uint64_t>(value) <= static_cast<uint64_t>(std::numeric_limits<T>::max())
                      : std::is_signed_v<T> &&
                            static_cast<int64_t>(value) >= static_cast<int64_t>(std::numeric_limits<T>::min());
}

// Calls visit with a value of the type that `type` is stored as; false where it is no number.
template <typename Visit>
bool with_stored_type(GgufType type, Visit visit) {
  switch (type) {
    case GgufType::kUint8: return visit(uint8_t{});
    case GgufType::kInt8: return visit(int8_t{});
    case GgufType::kUint16: return visit(uint16_t{});
    case GgufType::kInt16: return visit(int16_t{});
    case GgufType::kUint32: return visit(uint32_t{});
    case GgufType::kInt32: return visit(int32_t{});
    case GgufType::kFloat32: return visit(float{});
    case GgufType::kUint64: return visit(uint64_t{});
    case GgufType::kInt64: return visit(int64_t{});
    case GgufType::kFloat64: return visit(double{});
    case GgufType::kBool:
    case GgufType::kString:
    case GgufType::kArray: break;
  }
  return false;
}

template <typename Wide>
bool all_fit(GgufType type, std::span<const Wide> values) {
  return with_stored_type(type, [&](auto stored) {
    for (const Wide value : values)
      if (!fits<decltype(stored)>(value)) return false;
    return true;
  });
}

// The width to take where the pair names none.
template <typename Wide>
GgufType default_type(std::span<const Wide> values) {
  constexpr bool kIsFloat = std::is_floating_point_v<Wide>;
  constexpr GgufType kNarrow = kIsFloat                 ? GgufType::kFloat32
                               : std::is_signed_v<Wide> ? GgufType::kInt32
                                                        : GgufType::kUint32;
  constexpr GgufType kWide = kIsFloat                 ? GgufType::kFloat64
                             : std::is_signed_v<Wide> ? GgufType::kInt64
                                                      : GgufType::kUint64;
  return all_fit(kNarrow, values) ? kNarrow : kWide;
}

void append_type(std::string& header, GgufType type) { append(header, static_cast<uint32_t>(type)); }

void append_array_head(std::string& header, bool is_array, GgufType type, size_t count) {
  if (is_array) append_type(header, GgufType::kArray);
  append_type(header, type);
  if (is_array) append(header, uint64_t{count});
}

// Appends type and value of a pair; returns false where its width does not suit the value.
class ValueWriter {
 public:
  ValueWriter(std::string& header, std::optional<GgufType> width) : header_(header), width_(width) {}

  bool operator()(int64_t value) { return numbers(std::span<const int64_t>(&value, 1), false); }
  bool operator()(uint64_t value) { return numbers(std::span<const uint64_t>(&value, 1), false); }
  bool operator()(double value) { return numbers(std::span<const double>(&value, 1), false); }
  bool operator()(const std::vector<int64_t>& values) { return numbers(std::span(values), true); }
  bool operator()(const std::vector<uint64_t>& values) { return numbers(std::span(values), true); }
  bool operator()(const std::vector<double>& values) { return numbers(std::span(values), true); }
  bool operator()(const GgufNested&) { return false; }

  bool operator()(bool value) {
    append_array_head(header_, false, GgufType::kBool, 1);
    append(header_, value);
    return is_width(GgufType::kBool);
  }
  bool operator()(const std::vector<bool>& values) {
    append_array_head(header_, true, GgufType::kBool, values.size());
    for (const bool value : values) append(header_, value);
    return is_width(GgufType::kBool);
  }
  bool operator()(const std::string& value) {
    append_array_head(header_, false, GgufType::kString, 1);
    append_string(header_, value);
    return is_width(GgufType::kString);
  }
  bool operator()(const std::vector<std::string_view>& values) {
    append_array_head(header_, true, GgufType::kString, values.size());
    for (const std::string_view value : values) append_string(header_, value);
    return is_width(GgufType::kString);
  }

 private:
  bool is_width(GgufType type) const { return width_.value_or(type) == type; }

  template <typename Wide>
  bool numbers(std::span<const Wide> values, bool is_array) {
    const GgufType type = width_.value_or(default_type(values));
    append_array_head(header_, is_array, type, values.size());
    return with_stored_type(type, [&](auto stored) {
      for (const Wide value : values) {
        if (!fits<decltype(stored)>(value)) return false;
        append(header_, static_cast<decltype(stored)>(value));
      }
      return true;
    });
  }

  std::string& header_;
  std::optional<GgufType> width_;
};

class Writer {
 public:
  explicit Writer(const std::filesystem::path& path) : path_(path), file_(path.string()) {}

  Result<void> write(std::span<const GgufPair> metadata, std::span<const PlannedTensor> tensors,
                     const MakeBytes& make) {
    header_ = "GGUF";
    append(header_, kVersion);
    append(header_, uint64_t{tensors.size()});
    append(header_, uint64_t{metadata.size()});
    for (const GgufPair& pair : metadata) TRY_VOID(add_pair(pair));
    for (const PlannedTensor& tensor : tensors) sizes_.push_back(TRY(add_tensor(tensor)));

    NewFile output = TRY(NewFile::create(path_));
    TRY_VOID(output.write(header_));
    if (!tensors.empty()) TRY_VOID(output.write_zeros(padding(header_.size())));
    for (size_t index = 0; index < tensors.size(); ++index) {
      uint64_t written = 0;
      TRY_VOID(make(index, [&](std::span<const std::byte> bytes) {
        written += bytes.size();
        return output.write(bytes);
      }));
      CHECK(written == sizes_[index]);
      TRY_VOID(output.write_zeros(padding(written)));
    }
    return output.commit();
  }

 private:
  Result<void> add_pair(const GgufPair& pair) {
    TRY_VOID(check_name(file_, "metadata key", pair.key, 65535));
    if (!names_.insert("metadata " + pair.key).second)
      return error(ErrorCode::kInvalidArgument, "{}: expected the metadata key {} once, found it twice; remove one",
                   file_, in_quotes(pair.key));
    if (pair.key == "general.alignment") TRY_VOID(set_alignment(pair));
    append_string(header_, pair.key);
    if (std::visit(ValueWriter(header_, pair.width), pair.value)) return {};
    return error(ErrorCode::kInvalidArgument,
                 "{}: metadata {}: expected a value that fits its type, found another; choose a wider type", file_,
                 in_quotes(pair.key));
  }

  Result<void> set_alignment(const GgufPair& pair) {
    const auto* value = std::get_if<uint64_t>(&pair.value);
    const bool is_uint32 = pair.width.value_or(GgufType::kUint32) == GgufType::kUint32;
    if (value == nullptr || !is_uint32 || *value < 8 || *value > 2048 || !std::has_single_bit(*value))
      return error(
          ErrorCode::kInvalidArgument,
          "{}: general.alignment: expected a power of two from 8 to 2048 as uint32, found another value; change it",
          file_);
    alignment_ = *value;
    return {};
  }

  // Returns its bytes.
  Result<uint64_t> add_tensor(const PlannedTensor& tensor) {
    TRY_VOID(check_name(file_, "tensor name", tensor.name, kTensorNameLimit));
    if (!names_.insert("tensor " + tensor.name).second)
      return error(ErrorCode::kInvalidArgument, "{}: expected tensor {} once, found it twice; rename one", file_,
                   in_quotes(tensor.name));
    const tensor::Shape& shape = tensor.shape;
    const bool is_empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
    if (shape.empty() || shape.size() > 4 || is_empty)
      return error(ErrorCode::kUnsupported,
                   "{}: tensor {}: expected 1 to 4 extents from 1, found the shape {}; reshape it", file_,
                   in_quotes(tensor.name), tensor::to_string(shape));
    const uint64_t bytes = TRY(tensor_bytes(file_, tensor.name, tensor.dtype, shape));
    append_string(header_, tensor.name);
    append(header_, static_cast<uint32_t>(shape.size()));
    for (auto extent = shape.rbegin(); extent != shape.rend(); ++extent)
      append(header_, static_cast<uint64_t>(*extent));
    append(header_, TRY(gguf_number_of(tensor.dtype)));
    append(header_, offset_);
    offset_ += bytes + padding(bytes);
    return bytes;
  }

  uint64_t padding(uint64_t bytes) const { return (alignment_ - bytes % alignment_) % alignment_; }

  const std::filesystem::path& path_;
  std::string file_;
  std::string header_;
  std::unordered_set<std::string> names_;
  std::vector<uint64_t> sizes_;  // of tensors, in bytes
  uint64_t alignment_ = kGgufDefaultAlignment;
  uint64_t offset_ = 0;  // of the next tensor, in the data
};

}  // namespace

Result<void> write_gguf(const std::filesystem::path& path, std::span<const GgufPair> metadata,
                        std::span<const TensorToWrite> tensors) {
  return Writer(path).write(metadata, plan_of(tensors),
                            [&](size_t index, const TakeBytes& take) { return take(tensors[index].view.bytes); });
}

Result<void> write_gguf(const std::filesystem::path& path, std::span<const GgufPair> metadata,
                        std::span<const PlannedTensor> tensors, const MakeBytes& make) {
  return Writer(path).write(metadata, tensors, make);
}

}  // namespace paddock::checkpoint
