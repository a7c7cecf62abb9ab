// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/json_walk.h"
#include "checkpoint/wording.h"

namespace paddock::checkpoint {
namespace {

using tensor::DType;
using Kind = JsonItem::Kind;

constexpr size_t kPrefix = 8;                   // bytes of the header's length
constexpr uint64_t kHeaderLimit = 100'000'000;  // bytes, as the format says
constexpr size_t kExtentsLimit = 64;
constexpr int kHeaderDepth = 8;  // a valid header has three levels

constexpr std::array kTypes = {DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kF8E4M3, DType::kI64,
                               DType::kI32, DType::kI16, DType::kI8,  DType::kU8,   DType::kBool};
constexpr std::array<std::string_view, 9> kOtherTypes = {"U16",     "U32", "U64",     "C64",    "F8_E5M2",
                                                         "F8_E8M0", "F4",  "F6_E2M3", "F6_E3M2"};

Result<DType> dtype_named(std::string_view name, std::string_view file, std::string_view tensor_name) {
  for (const DType dtype : kTypes)
    if (tensor::name(dtype) == name) return dtype;
  if (std::find(kOtherTypes.begin(), kOtherTypes.end(), name) != kOtherTypes.end())
    return error(
        ErrorCode::kUnsupported,
        "{}: tensor {}: expected a type that Paddock reads (F32, F16, BF16, F8_E4M3, F64, I8 to I64, U8, BOOL), found "
        "{}; use a checkpoint in one of these",
        file, in_quotes(tensor_name), name);
  return error(ErrorCode::kBadFile, "{}: tensor {}: expected a safetensors type, found {}, which is unknown; {}", file,
               in_quotes(tensor_name), in_quotes(name), kDownloadAgain);
}

// A tensor while its entry is read, and after.
struct Entry {
  std::string name;
  std::optional<DType> dtype;
  std::optional<tensor::Shape> shape;
  std::vector<uint64_t> offsets;  // begin and end in the data
  bool has_offsets = false;
};

// Takes the header's items into entries and metadata.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view file) : file_(file) {}

  Result<void> take(const JsonItem& item) {
    if (item.keys.empty()) return {};  // the first byte is a brace: the header's own start and end
    const std::string& name = item.keys[0];
    if (item.keys.size() == 1)
      return name == "__metadata__" ? take_metadata_bound(item) : take_tensor_bound(item, name);
    if (name == "__metadata__") return take_metadata(item);
    if (item.keys.size() > 2) return unexpected(name, item.keys[1], "no object", item);
    return take_field(item, name, item.keys[1]);
  }

  std::vector<Entry> entries;
  std::vector<std::pair<std::string, std::string>> metadata;

 private:
  Result<void> take_metadata_bound(const JsonItem& item) {
    if (item.kind == Kind::kObjectStart || item.kind == Kind::kObjectEnd) return {};
    return error(ErrorCode::kBadFile, "{}: \"__metadata__\": expected an object, found {}; {}", file_, shown(item),
                 kConvertAgain);
  }

  Result<void> take_metadata(const JsonItem& item) {
    if (item.kind != Kind::kString || item.keys.size() != 2)
      return error(ErrorCode::kBadFile, "{}: \"__metadata__\" {}: expected a string, found {}; {}", file_,
                   in_quotes(item.keys[1]), shown(item), kConvertAgain);
    metadata.emplace_back(item.keys[1], item.text);
    return {};
  }

  Result<void> take_tensor_bound(const JsonItem& item, const std::string& name) {
    if (item.kind == Kind::kObjectStart) {
      entries.push_back({.name = name, .dtype = {}, .shape = {}, .offsets = {}});
      return check_name(file_, "tensor name", name, kTensorNameLimit);
    }
    if (item.kind != Kind::kObjectEnd)
      return error(ErrorCode::kBadFile, "{}: tensor {}: expected an object, found {}; {}", file_, in_quotes(name),
                   shown(item), kDownloadAgain);
    const Entry& entry = entries.back();
    const std::string_view missing = !entry.dtype         ? "dtype"
                                     : !entry.shape       ? "shape"
                                     : !entry.has_offsets ? "data_offsets"
                                                          : "";
    if (!missing.empty())
      return error(ErrorCode::kBadFile,
                   "{}: tensor {}: expected \"dtype\", \"shape\" and \"data_offsets\", found no \"{}\"; {}", file_,
                   in_quotes(name), missing, kDownloadAgain);
    if (entry.offsets.size() != 2)
      return error(ErrorCode::kBadFile, "{}: tensor {}: expected two numbers in \"data_offsets\", found {}; {}", file_,
                   in_quotes(name), entry.offsets.size(), kDownloadAgain);
    return {};
  }

  Result<void> take_field(const JsonItem& item, const std::string& name, const std::string& field) {
    Entry& entry = entries.back();
    if (field == "dtype") {
      if (item.kind != Kind::kString) return unexpected(name, field, "a string", item);
      entry.dtype = TRY(dtype_named(item.text, file_, name));
      return {};
    }
    if (field == "shape") return take_extent(item, entry);
    if (field == "data_offsets") return take_offset(item, entry);
    return error(ErrorCode::kBadFile, "{}: tensor {}: expected \"dtype\", \"shape\" and \"data_offsets\", found {}; {}",
                 file_, in_quotes(name), in_quotes(field), kConvertAgain);
  }

  Result<void> take_extent(const JsonItem& item, Entry& entry) {
    if (item.kind == Kind::kArrayEnd) return {};
    if (item.kind == Kind::kArrayStart && !entry.shape) {
      entry.shape.emplace();
      return {};
    }
    if (item.kind != Kind::kUnsigned || !entry.shape || item.number > uint64_t{INT64_MAX})
      return unexpected(entry.name, "shape", "an array of extents below 2^63", item);
    if (entry.shape->size() == kExtentsLimit)
      return error(ErrorCode::kBadFile, "{}: tensor {}: expected at most {} extents, found more; {}", file_,
                   in_quotes(entry.name), kExtentsLimit, kDownloadAgain);
    entry.shape->push_back(static_cast<int64_t>(item.number));
    return {};
  }

  Result<void> take_offset(const JsonItem& item, Entry& entry) {
    if (item.kind == Kind::kArrayEnd) return {};
    if (item.kind == Kind::kArrayStart && !entry.has_offsets) {
      entry.has_offsets = true;
      return {};
    }
    if (item.kind != Kind::kUnsigned || !entry.has_offsets || entry.offsets.size() > 2)
      return unexpected(entry.name, "data_offsets", "an array of two offsets", item);
    entry.offsets.push_back(item.number);
    return {};
  }

  tl::unexpected<Error> unexpected(std::string_view name, std::string_view field, std::string_view expected,
                                   const JsonItem& item) const {
    return error(ErrorCode::kBadFile, "{}: tensor {}: \"{}\": expected {}, found {}; {}", file_, in_quotes(name), field,
                 expected, shown(item), kDownloadAgain);
  }

  static std::string shown(const JsonItem& item) {
    if (item.kind == Kind::kString) return in_quotes(item.text);
    return item.kind == Kind::kUnsigned ? std::to_string(item.number) : std::string(item.text.substr(0, 40));
  }

  std::string_view file_;
};

// The entry's view of the data, if they fit together.
Result<NamedTensor> view_of(const Entry& entry, std::span<const std::byte> data, std::string_view file) {
  const uint64_t begin = entry.offsets[0];
  const uint64_t end = entry.offsets[1];
  if (begin > end || end > data.size())
    return error(ErrorCode::kBadFile, "{}: tensor {}: expected offsets in the {} bytes of data, found {} to {}; {}",
                 file, in_quotes(entry.name), data.size(), begin, end, kDownloadAgain);
  const uint64_t bytes = TRY(tensor_bytes(file, entry.name, *entry.dtype, *entry.shape));
  if (end - begin != bytes)
    return error(ErrorCode::kBadFile, "{}: tensor {}: expected {} bytes for {} {}, found {} (offsets {} to {}); {}",
                 file, in_quotes(entry.name), bytes, tensor::name(*entry.dtype), tensor::to_string(*entry.shape),
                 end - begin, begin, end, kConvertAgain);
  NamedTensor tensor;
  tensor.name = entry.name;
  tensor.view = {*entry.dtype, *entry.shape, data.subspan(begin, bytes)};
  return tensor;
}

// `entries` are sorted by their offsets.
Result<void> check_tiling(const std::vector<Entry>& entries, uint64_t data_bytes, std::string_view file) {
  uint64_t end = 0;  // of the tensors so far
  for (size_t index = 0; index < entries.size(); ++index) {
    const uint64_t begin = entries[index].offsets[0];
    if (begin < end)
      return error(ErrorCode::kBadFile,
                   "{}: tensor {}: expected it to begin behind tensor {} at offset {}, found it at {}; {}", file,
                   in_quotes(entries[index].name), in_quotes(entries[index - 1].name), end, begin, kConvertAgain);
    if (begin > end)
      return error(ErrorCode::kBadFile,
                   "{}: tensor {}: expected it at offset {}, found a hole before it and it at {}; {}", file,
                   in_quotes(entries[index].name), end, begin, kConvertAgain);
    end = entries[index].offsets[1];
  }
  if (end != data_bytes)
    return error(ErrorCode::kBadFile, "{}: expected {} bytes of data, as its tensors take, found {}; {}", file, end,
                 data_bytes, kDownloadAgain);
  return {};
}

Result<std::string_view> header_of(std::span<const std::byte> bytes, std::string_view file) {
  TRY_VOID(check_is_data(file, "a safetensors file", bytes));
  if (bytes.size() < kPrefix)
    return error(ErrorCode::kBadFile, "{}: expected a safetensors file of at least {} bytes, found {}; {}", file,
                 kPrefix, bytes.size(), kDownloadAgain);
  uint64_t length;
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > kHeaderLimit)
    return error(ErrorCode::kBadFile,
                 "{}: expected a header of at most {} bytes, found a length of {}; it is not a safetensors file", file,
                 kHeaderLimit, length);
  if (length > bytes.size() - kPrefix)
    return error(ErrorCode::kBadFile, "{}: expected a header of {} bytes, found the end of the file after {}; {}", file,
                 length, bytes.size() - kPrefix, kDownloadAgain);
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kPrefix, length);
  if (!header.starts_with('{'))
    return error(ErrorCode::kBadFile,
                 "{}: expected a header that begins with '{{', found {}; it is not a safetensors file", file,
                 in_quotes(header.substr(0, 8)));
  return header;
}

}  // namespace

Result<SafetensorsContents> parse_safetensors(std::span<const std::byte> bytes, std::string_view file) {
  const std::string_view header = TRY(header_of(bytes, file));
  const std::span<const std::byte> data = bytes.subspan(kPrefix + header.size());
  HeaderReader reader(file);
  TRY_VOID(walk_json(header, file, kHeaderDepth, [&](const JsonItem& item) { return reader.take(item); }));
  std::stable_sort(reader.entries.begin(), reader.entries.end(),
                   [](const Entry& a, const Entry& b) { return a.offsets < b.offsets; });
  SafetensorsContents contents;
  contents.tensors.reserve(reader.entries.size());
  for (const Entry& entry : reader.entries) contents.tensors.push_back(TRY(view_of(entry, data, file)));
  TRY_VOID(check_tiling(reader.entries, data.size(), file));
  contents.metadata = std::move(reader.metadata);
  return contents;
}

bool looks_like_safetensors(std::span<const std::byte> bytes) {
  return bytes.size() > kPrefix && bytes[kPrefix] == std::byte{'{'};
}

}  // namespace paddock::checkpoint
