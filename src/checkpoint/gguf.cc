// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "checkpoint/wording.h"

namespace paddock::checkpoint {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::string_view kAlignmentKey = "general.alignment";
constexpr size_t kKeyLimit = 65535;    // bytes, as the format says
constexpr uint32_t kExtentsLimit = 4;  // as the format says
constexpr int kNestingLimit = 4;       // arrays in arrays; no known file has any
// Bounds on the memory that a header may take; those of Llama 4 have 10 MB and a million array values.
constexpr size_t kHeaderLimit = size_t{256} << 20;  // bytes
constexpr uint64_t kArrayValuesLimit = 1 << 24;     // of all arrays; a byte in the file may take eight in memory
constexpr uint64_t kSmallestPair = 8 + 1 + 4 + 1;   // bytes: key length, key, type, value
constexpr uint64_t kSmallestTensor = 8 + 1 + 4 + 8 + 4 + 8;  // bytes: name length, name, extents, type, offset

static_assert(std::endian::native == std::endian::little, "files are little-endian and read without swapping");

// Bytes of a number in the file; 0 for strings and arrays, and for what is no type.
uint64_t width_of(GgufType type) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool: return 1;
    case GgufType::kUint16:
    case GgufType::kInt16: return 2;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32: return 4;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64: return 8;
    case GgufType::kString:
    case GgufType::kArray: break;
  }
  return 0;
}

// Reads the header front to back; `place_` is what is being read, for errors.
class Parser {
 public:
  Parser(std::span<const std::byte> bytes, std::string_view file)
      : bytes_(bytes), header_end_(std::min(bytes.size(), kHeaderLimit)), file_(file) {}

  Result<GgufContents> parse() {
    TRY_VOID(check_is_data(file_, "a GGUF file", bytes_));
    TRY_VOID(read_magic_and_version());
    const auto tensor_count = TRY(read_number<uint64_t>());
    const auto pair_count = TRY(read_number<uint64_t>());
    TRY_VOID(check_count("metadata pairs", pair_count, kSmallestPair));
    TRY_VOID(check_count("tensors", tensor_count, kSmallestTensor));
    GgufContents contents;
    contents.metadata = TRY(read_metadata(pair_count));
    contents.tensors = TRY(read_tensors(tensor_count));
    TRY_VOID(place_tensors(contents.tensors));
    return contents;
  }

 private:
  Result<void> read_magic_and_version() {
    if (!has_gguf_magic(bytes_))
      return error(ErrorCode::kBadFile,
                   "{}: expected \"GGUF\" in the first four bytes, found {}; it is not a GGUF file", file_,
                   in_quotes({reinterpret_cast<const char*>(bytes_.data()), std::min<size_t>(bytes_.size(), 4)}));
    offset_ = kMagic.size();
    const auto version = TRY(read_number<uint32_t>());
    if (version == 2 || version == 3) return {};
    if (const uint32_t swapped = __builtin_bswap32(version); swapped >= 1 && swapped <= 3)
      return error(
          ErrorCode::kUnsupported,
          "{}: expected a little-endian GGUF file, found a big-endian one of version {}; convert it to little-endian",
          file_, swapped);
    return error(ErrorCode::kUnsupported, "{}: expected GGUF version 2 or 3, found version {}; {}", file_, version,
                 kConvertAgain);
  }

  // Refuses counts that cannot fit into the rest of the file, before memory is taken for them.
  Result<void> check_count(std::string_view what, uint64_t count, uint64_t smallest) {
    if (count <= remaining() / smallest) return {};
    return error(ErrorCode::kBadFile,
                 "{}: {}: expected at most {} {} in the remaining {} bytes, found a count of {}; {}", file_, place_,
                 remaining() / smallest, what, remaining(), count, kDownloadAgain);
  }

  Result<GgufMetadata> read_metadata(uint64_t count) {
    std::vector<GgufPair> pairs;
    std::unordered_set<std::string_view> keys;
    for (uint64_t index = 0; index < count; ++index) {
      place_ = fmt::format("metadata pair {} of {}", index + 1, count);
      const std::string_view key = TRY(read_string());
      TRY_VOID(check_name(file_, "metadata key", key, kKeyLimit));
      place_ = "metadata " + in_quotes(key);
      if (!keys.insert(key).second)
        return error(ErrorCode::kBadFile, "{}: {}: expected the key once, found it twice; {}", file_, place_,
                     kConvertAgain);
      pairs.push_back(TRY(read_pair(key)));
    }
    return GgufMetadata(std::move(pairs));
  }

  Result<GgufPair> read_pair(std::string_view key) {
    GgufType type = TRY(read_type());
    if (key == kAlignmentKey) TRY_VOID(read_alignment(type));
    const bool is_array = type == GgufType::kArray;
    if (is_array) type = TRY(read_type());
    GgufValue value = TRY(is_array ? read_array(type, 1) : read_value(type));
    return GgufPair{std::string(key), std::move(value), type};
  }

  // Looks ahead: the pair is kept like any other.
  Result<void> read_alignment(GgufType type) {
    if (type != GgufType::kUint32)
      return error(ErrorCode::kBadFile, "{}: {}: expected type 4 (uint32), found type {}; {}", file_, place_,
                   static_cast<uint32_t>(type), kConvertAgain);
    const size_t start = offset_;
    alignment_ = TRY(read_number<uint32_t>());
    offset_ = start;
    if (alignment_ < 8 || !std::has_single_bit(alignment_))
      return error(ErrorCode::kBadFile, "{}: {}: expected a power of two of at least 8, found {}; {}", file_, place_,
                   alignment_, kConvertAgain);
    return {};
  }

  Result<GgufType> read_type() {
    const auto number = TRY(read_number<uint32_t>());
    if (number <= static_cast<uint32_t>(GgufType::kFloat64)) return static_cast<GgufType>(number);
    return error(ErrorCode::kBadFile, "{}: {}: expected a value type from 0 to 12, found {}; {}", file_, place_, number,
                 kDownloadAgain);
  }

  Result<GgufValue> read_value(GgufType type) {
    switch (type) {
      case GgufType::kUint8: return read_number_as<uint64_t, uint8_t>();
      case GgufType::kUint16: return read_number_as<uint64_t, uint16_t>();
      case GgufType::kUint32: return read_number_as<uint64_t, uint32_t>();
      case GgufType::kUint64: return read_number_as<uint64_t, uint64_t>();
      case GgufType::kInt8: return read_number_as<int64_t, int8_t>();
      case GgufType::kInt16: return read_number_as<int64_t, int16_t>();
      case GgufType::kInt32: return read_number_as<int64_t, int32_t>();
      case GgufType::kInt64: return read_number_as<int64_t, int64_t>();
      case GgufType::kFloat32: return read_number_as<double, float>();
      case GgufType::kFloat64: return read_number_as<double, double>();
      case GgufType::kBool: return GgufValue(TRY(read_bool()));
      case GgufType::kString: return GgufValue(std::string(TRY(read_string())));
      case GgufType::kArray: break;  // read_pair has seen to it
    }
    return GgufValue(GgufNested{});
  }

  Result<GgufValue> read_array(GgufType type, int depth) {
    const auto count = TRY(read_number<uint64_t>());
    // A string has a length of eight bytes, an array a type and a count.
    const uint64_t smallest = type == GgufType::kString ? 8 : type == GgufType::kArray ? 12 : width_of(type);
    TRY_VOID(check_count("array values", count, smallest));
    array_values_ += count;
    if (array_values_ > kArrayValuesLimit)
      return error(ErrorCode::kLimit, "{}: {}: expected at most {} array values in a file's metadata, found {}; {}",
                   file_, place_, kArrayValuesLimit, array_values_, kDownloadAgain);
    switch (type) {
      case GgufType::kUint8: return read_numbers<uint64_t, uint8_t>(count);
      case GgufType::kUint16: return read_numbers<uint64_t, uint16_t>(count);
      case GgufType::kUint32: return read_numbers<uint64_t, uint32_t>(count);
      case GgufType::kUint64: return read_numbers<uint64_t, uint64_t>(count);
      case GgufType::kInt8: return read_numbers<int64_t, int8_t>(count);
      case GgufType::kInt16: return read_numbers<int64_t, int16_t>(count);
      case GgufType::kInt32: return read_numbers<int64_t, int32_t>(count);
      case GgufType::kInt64: return read_numbers<int64_t, int64_t>(count);
      case GgufType::kFloat32: return read_numbers<double, float>(count);
      case GgufType::kFloat64: return read_numbers<double, double>(count);
      case GgufType::kBool: return read_bools(count);
      case GgufType::kString: return read_strings(count);
      case GgufType::kArray: return skip_arrays(count, depth);
    }
    return GgufValue(GgufNested{});
  }

  // The caller has checked that they are there.
  template <typename Wide, typename Stored>
  Result<GgufValue> read_numbers(uint64_t count) {
    std::vector<Wide> values(count);
    for (Wide& value : values) {
      Stored stored;
      std::memcpy(&stored, bytes_.data() + offset_, sizeof stored);
      offset_ += sizeof stored;
      value = static_cast<Wide>(stored);
    }
    return GgufValue(std::move(values));
  }

  Result<GgufValue> read_bools(uint64_t count) {
    std::vector<bool> values(count);
    for (uint64_t index = 0; index < count; ++index) values[index] = TRY(read_bool());
    return GgufValue(std::move(values));
  }

  Result<GgufValue> read_strings(uint64_t count) {
    std::vector<std::string_view> values(count);
    for (std::string_view& value : values) value = TRY(read_string());
    return GgufValue(std::move(values));
  }

  Result<GgufValue> skip_arrays(uint64_t count, int depth) {
    if (depth == kNestingLimit)
      return error(ErrorCode::kBadFile, "{}: {}: expected at most {} levels of arrays in arrays, found more; {}", file_,
                   place_, kNestingLimit, kDownloadAgain);
    for (uint64_t index = 0; index < count; ++index) {
      const GgufType type = TRY(read_type());
      TRY_VOID(read_array(type, depth + 1));
    }
    return GgufValue(GgufNested{});
  }

  Result<std::vector<NamedTensor>> read_tensors(uint64_t count) {
    std::vector<NamedTensor> tensors;
    std::unordered_set<std::string_view> names;
    for (uint64_t index = 0; index < count; ++index) {
      place_ = fmt::format("tensor {} of {}", index + 1, count);
      const std::string_view name = TRY(read_string());
      TRY_VOID(check_name(file_, "tensor name", name, kTensorNameLimit));
      place_ = "tensor " + in_quotes(name);
      if (!names.insert(name).second)
        return error(ErrorCode::kBadFile, "{}: {}: expected the tensor once, found it twice; {}", file_, place_,
                     kConvertAgain);
      NamedTensor tensor;
      tensor.name = name;
      tensor.view.shape = TRY(read_shape());
      const auto type = TRY(read_number<uint32_t>());
      tensor.view.dtype = TRY(dtype_of_gguf(type, file_, name));
      offsets_.push_back(TRY(read_number<uint64_t>()));
      tensors.push_back(std::move(tensor));
    }
    return tensors;
  }

  Result<tensor::Shape> read_shape() {
    const auto count = TRY(read_number<uint32_t>());
    if (count < 1 || count > kExtentsLimit)
      return error(ErrorCode::kBadFile, "{}: {}: expected 1 to {} extents, found {}; {}", file_, place_, kExtentsLimit,
                   count, kDownloadAgain);
    tensor::Shape shape(count);
    for (int64_t& extent : shape) {
      const auto stored = TRY(read_number<uint64_t>());
      if (stored < 1 || stored > uint64_t{INT64_MAX})
        return error(ErrorCode::kBadFile, "{}: {}: expected extents from 1 to 2^63 - 1, found {}; {}", file_, place_,
                     stored, kDownloadAgain);
      extent = static_cast<int64_t>(stored);
    }
    std::reverse(shape.begin(), shape.end());  // the file has the contiguous one first
    return shape;
  }

  // Turns the offsets into views and checks that these tile the data, padding aside.
  Result<void> place_tensors(std::vector<NamedTensor>& tensors) {
    if (tensors.empty()) return {};
    const uint64_t data_start = aligned(offset_);
    for (size_t index = 0; index < tensors.size(); ++index) {
      NamedTensor& tensor = tensors[index];
      const uint64_t bytes = TRY(tensor_bytes(file_, tensor.name, tensor.view.dtype, tensor.view.shape));
      const uint64_t offset = offsets_[index];
      if (offset % alignment_ != 0)
        return error(ErrorCode::kBadFile, "{}: tensor {}: expected an offset that is a multiple of {}, found {}; {}",
                     file_, in_quotes(tensor.name), alignment_, offset, kConvertAgain);
      const uint64_t available = data_start <= bytes_.size() ? bytes_.size() - data_start : 0;
      if (offset > available || bytes > available - offset)
        return error(ErrorCode::kBadFile,
                     "{}: tensor {}: expected {} bytes at offset {} of the data, found only {} bytes of data; {}",
                     file_, in_quotes(tensor.name), bytes, offset, available, kDownloadAgain);
      tensor.view.bytes = bytes_.subspan(data_start + offset, bytes);
    }
    return check_tiling(tensors, data_start);
  }

  Result<void> check_tiling(const std::vector<NamedTensor>& tensors, uint64_t data_start) {
    std::vector<size_t> order(tensors.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return offsets_[a] < offsets_[b]; });
    uint64_t end = 0;  // of the tensors so far, in the data
    std::string_view before = "the header";
    for (const size_t index : order) {
      const NamedTensor& tensor = tensors[index];
      if (offsets_[index] < end)
        return error(ErrorCode::kBadFile,
                     "{}: tensor {}: expected it to begin behind tensor {} at offset {}, found it at {}; {}", file_,
                     in_quotes(tensor.name), in_quotes(before), end, offsets_[index], kConvertAgain);
      if (offsets_[index] - end >= alignment_)
        return error(ErrorCode::kBadFile,
                     "{}: tensor {}: expected it within {} bytes of the one before it, which ends at offset {}, found "
                     "it at {}; {}",
                     file_, in_quotes(tensor.name), alignment_, end, offsets_[index], kConvertAgain);
      end = offsets_[index] + tensor.view.bytes.size();
      before = tensor.name;
    }
    if (const uint64_t rest = bytes_.size() - data_start - end; rest >= alignment_)
      return error(ErrorCode::kBadFile, "{}: expected the file to end with tensor {}, found {} bytes behind it; {}",
                   file_, in_quotes(before), rest, kDownloadAgain);
    return {};
  }

  uint64_t aligned(uint64_t offset) const { return (offset + alignment_ - 1) / alignment_ * alignment_; }
  uint64_t remaining() const { return header_end_ - offset_; }  // for the header

  Result<void> need(uint64_t count) {
    if (count <= remaining()) return {};
    if (header_end_ < bytes_.size())
      return error(ErrorCode::kLimit, "{}: {}: expected a header of at most {} bytes, found a longer one; {}", file_,
                   place_, kHeaderLimit, kDownloadAgain);
    return error(ErrorCode::kBadFile, "{}: {}: expected {} bytes at offset {}, found the end of the file at {}; {}",
                 file_, place_, count, offset_, bytes_.size(), kDownloadAgain);
  }

  template <typename T>
  Result<T> read_number() {
    TRY_VOID(need(sizeof(T)));
    T value;
    std::memcpy(&value, bytes_.data() + offset_, sizeof value);
    offset_ += sizeof value;
    return value;
  }

  template <typename Wide, typename Stored>
  Result<GgufValue> read_number_as() {
    const auto stored = TRY(read_number<Stored>());
    return GgufValue(static_cast<Wide>(stored));
  }

  Result<bool> read_bool() {
    const auto stored = TRY(read_number<uint8_t>());
    if (stored <= 1) return stored == 1;
    return error(ErrorCode::kBadFile, "{}: {}: expected 0 or 1 for a boolean, found {}; {}", file_, place_, stored,
                 kDownloadAgain);
  }

  Result<std::string_view> read_string() {
    const auto length = TRY(read_number<uint64_t>());
    TRY_VOID(need(length));
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + offset_, length);
    offset_ += length;
    return text;
  }

  std::span<const std::byte> bytes_;
  size_t header_end_;  // nothing of the header is read behind it
  std::string_view file_;
  std::string place_ = "header";
  size_t offset_ = 0;
  uint32_t alignment_ = kGgufDefaultAlignment;
  uint64_t array_values_ = 0;
  std::vector<uint64_t> offsets_;  // of the tensors, in the data
};

}  // namespace

bool has_gguf_magic(std::span<const std::byte> bytes) {
  return bytes.size() >= kMagic.size() && std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

Result<GgufContents> parse_gguf(std::span<const std::byte> bytes, std::string_view file) {
  return Parser(bytes, file).parse();
}

}  // namespace paddock::checkpoint
