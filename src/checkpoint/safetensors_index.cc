// SPDX-License-Identifier: Apache-2.0
// *.safetensors.index.json: which shard holds which tensor.

#include "base/json_walk.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/wording.h"

namespace paddock::checkpoint {
namespace {

using Kind = JsonItem::Kind;

constexpr int kIndexDepth = 32;  // "metadata" may hold anything

// A file of the index's own folder: no separators, nothing that leads elsewhere.
bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\\') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

class IndexReader {
 public:
  explicit IndexReader(std::string_view file) : file_(file) {}

  Result<void> take(const JsonItem& item) {
    if (item.keys.empty() && item.kind != Kind::kObjectStart && item.kind != Kind::kObjectEnd)
      return error(ErrorCode::kBadFile, "{}: expected an object with \"weight_map\", found {}; {}", file_, shown(item),
                   kDownloadAgain);
    if (item.keys.empty() || item.keys[0] != "weight_map") return {};
    if (item.keys.size() == 1) {
      if (item.kind == Kind::kObjectStart || item.kind == Kind::kObjectEnd) return {};
      return error(ErrorCode::kBadFile, "{}: \"weight_map\": expected an object, found {}; {}", file_, shown(item),
                   kDownloadAgain);
    }
    return take_tensor(item, item.keys[1]);
  }

  Result<SafetensorsIndex> index() && {
    if (!index_.shard_of.empty()) return std::move(index_);
    return error(ErrorCode::kBadFile, "{}: expected \"weight_map\" to name the shards of tensors, found none; {}",
                 file_, kDownloadAgain);
  }

 private:
  Result<void> take_tensor(const JsonItem& item, const std::string& name) {
    if (item.kind != Kind::kString || item.keys.size() != 2)
      return error(ErrorCode::kBadFile, "{}: tensor {}: expected the name of its shard, found {}; {}", file_,
                   in_quotes(name), shown(item), kDownloadAgain);
    TRY_VOID(check_name(file_, "tensor name", name, kTensorNameLimit));
    if (!is_plain_file_name(item.text))
      return error(ErrorCode::kBadFile,
                   "{}: tensor {}: expected a shard in the index's own folder, found {}; move the shard there", file_,
                   in_quotes(name), in_quotes(item.text));
    const auto [known, is_new] =
        number_of_.try_emplace(std::string(item.text), static_cast<uint32_t>(index_.shards.size()));
    if (is_new) index_.shards.emplace_back(item.text);
    index_.shard_of.emplace(name, known->second);
    return {};
  }

  static std::string shown(const JsonItem& item) {
    return item.kind == Kind::kUnsigned ? std::to_string(item.number) : in_quotes(item.text);
  }

  std::string_view file_;
  SafetensorsIndex index_;
  std::unordered_map<std::string, uint32_t> number_of_;  // shard -> index into shards
};

}  // namespace

Result<SafetensorsIndex> parse_safetensors_index(std::string_view text, std::string_view file) {
  IndexReader reader(file);
  TRY_VOID(walk_json(text, file, kIndexDepth, [&](const JsonItem& item) { return reader.take(item); }));
  return std::move(reader).index();
}

}  // namespace paddock::checkpoint
