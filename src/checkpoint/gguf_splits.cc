// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/gguf_splits.h"

#include <string>

#include "checkpoint/locate.h"
#include "checkpoint/wording.h"

namespace paddock::checkpoint {
namespace {

constexpr uint64_t kSplitsLimit = 9999;

// The key as a number that is not negative; nothing where the file lacks it.
Result<std::optional<uint64_t>> number_of(const GgufMetadata& metadata, std::string_view key, std::string_view file) {
  const GgufValue* value = metadata.find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<uint64_t>(value)) return *number;
  if (const auto* number = std::get_if<int64_t>(value); number != nullptr && *number >= 0) return uint64_t(*number);
  return error(ErrorCode::kBadFile, "{}: metadata {}: expected an integer from 0, found another value; {}", file,
               in_quotes(key), kConvertAgain);
}

}  // namespace

Result<GgufSplit> read_split(const GgufMetadata& metadata, std::string_view file) {
  const auto count = TRY(number_of(metadata, "split.count", file));
  const auto number = TRY(number_of(metadata, "split.no", file));
  GgufSplit split;
  split.count = count.value_or(1);
  split.number = number.value_or(0);
  split.tensors = TRY(number_of(metadata, "split.tensors.count", file));
  if (split.count == 0) split.count = 1;  // what some writers say of a file that is whole
  if (split.count > kSplitsLimit)
    return error(ErrorCode::kBadFile, "{}: split.count: expected at most {}, found {}; {}", file, kSplitsLimit,
                 split.count, kDownloadAgain);
  if (split.count > 1 && !number)
    return error(ErrorCode::kBadFile, "{}: split.no: expected which of {} splits the file is, found no such key; {}",
                 file, split.count, kDownloadAgain);
  if (split.number >= split.count)
    return error(ErrorCode::kBadFile, "{}: split.no: expected less than split.count, which is {}, found {}; {}", file,
                 split.count, split.number, kDownloadAgain);
  return split;
}

Result<std::vector<std::filesystem::path>> other_splits(const std::filesystem::path& first, const GgufSplit& split) {
  const std::string file = first.string();
  const auto part = parse_part_name(first.filename().string());
  const uint64_t number = split.number + 1;  // as file names count
  if (!part || static_cast<uint64_t>(part->number) != number || static_cast<uint64_t>(part->count) != split.count)
    return error(ErrorCode::kBadFile,
                 "{}: expected a name that ends in -{:05}-of-{:05}.gguf, as its split.no and split.count say, found "
                 "another; give "
                 "all splits their names back",
                 file, number, split.count);
  if (split.number != 0)
    return error(ErrorCode::kInvalidArgument, "{}: expected the first of {} splits, found split {}; open {} instead",
                 file, split.count, number, (first.parent_path() / part->file_name(1)).string());
  std::vector<std::filesystem::path> others;
  std::vector<std::string> missing;
  for (int other = 2; other <= part->count; ++other) {
    const std::string name = part->file_name(other);
    others.push_back(first.parent_path() / name);
    std::error_code problem;
    if (!std::filesystem::exists(others.back(), problem)) missing.push_back(name);
  }
  if (!missing.empty())
    return error(ErrorCode::kNotFound,
                 "{}: expected {} splits beside each other, found {} missing: {}; download them too", file, split.count,
                 missing.size(), list_of(missing));
  return others;
}

}  // namespace paddock::checkpoint
