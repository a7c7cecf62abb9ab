// SPDX-License-Identifier: Apache-2.0
#include "cli/token_file.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "base/mapped_file.h"

namespace paddock::cli {
namespace {

// A hundred million tokens, and a bound on the memory of the JSON values.
constexpr size_t kTokenFileLimit = size_t{1} << 28;

std::string shown(const Json& value) {
  if (value.is_structured()) return value.is_array() ? "an array" : "an object";
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 40 ? text.substr(0, 37) + "..." : text;
}

Result<std::vector<int32_t>> ids_of(const Json& array, std::string_view source) {
  if (!array.is_array())
    return error(ErrorCode::kBadFile, "{}: expected an array of token ids, found {}", source, shown(array));
  std::vector<int32_t> ids;
  ids.reserve(array.size());
  for (const Json& id : array) {
    // Unsigned is how the parser keeps whole numbers that are not negative.
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX)
      return error(ErrorCode::kBadFile, "{}: token {}: expected a whole number from 0 to {}, found {}", source,
                   ids.size(), INT32_MAX, shown(id));
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

std::string named(const std::filesystem::path& path) { return path == "-" ? "standard input" : path.string(); }

Result<std::string> read_stdin(size_t limit) {
  std::string text;
  char buffer[1 << 16];
  while (true) {
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return error(ErrorCode::kIo, "standard input: cannot read: {}", std::strerror(errno));
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > limit)
      return error(ErrorCode::kLimit, "standard input: expected at most {} bytes, found more", limit);
  }
}

}  // namespace

Result<std::string> read_input(const std::filesystem::path& path, size_t limit) {
  return path == "-" ? read_stdin(limit) : read_text_file(path, limit);
}

Result<std::vector<int32_t>> parse_token_ids(std::string_view json, std::string_view source) {
  const Json value = TRY(parse_json(json, source));
  if (!value.is_object()) return ids_of(value, source);
  for (const char* key : {"tokens", "ids"})
    if (const auto found = value.find(key); found != value.end()) return ids_of(*found, source);
  return error(ErrorCode::kBadFile, "{}: expected an array of token ids or {{\"tokens\": [ids]}}, found no such key",
               source);
}

Result<std::vector<std::vector<int32_t>>> parse_token_id_batch(std::string_view json, std::string_view source) {
  const Json value = TRY(parse_json(json, source));
  if (!value.is_array())
    return error(ErrorCode::kBadFile, "{}: expected an array of arrays of token ids, found {}", source, shown(value));
  std::vector<std::vector<int32_t>> batch;
  for (const Json& array : value) batch.push_back(TRY(ids_of(array, source)));
  return batch;
}

Result<std::vector<int32_t>> parse_listed_ids(std::string_view text, std::string_view source) {
  constexpr std::string_view kBetween = ", \t\r\n";
  std::vector<int32_t> ids;
  while (true) {
    const size_t begin = text.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) return ids;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(kBetween));
    int32_t id = 0;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), id);
    if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size() || id < 0)
      return error(ErrorCode::kInvalidArgument, "{}: token {}: expected a whole number from 0 to {}, found \"{}\"",
                   source, ids.size(), INT32_MAX, word.substr(0, 40));
    ids.push_back(id);
    text.remove_prefix(word.size());
  }
}

Result<std::vector<int32_t>> read_token_file(const std::filesystem::path& path, int64_t vocabulary) {
  const std::string source = named(path);
  const std::string text = TRY(read_input(path, kTokenFileLimit));
  std::vector<int32_t> ids = TRY(parse_token_ids(text, source));
  if (ids.empty()) return error(ErrorCode::kBadFile, "{}: expected at least one token id, found none", source);
  for (size_t index = 0; index < ids.size(); ++index)
    if (ids[index] >= vocabulary)
      return error(ErrorCode::kBadFile,
                   "{}: token {}: expected ids below {}, the model's vocabulary, found {}; encode the text with this "
                   "model's tokenizer",
                   source, index, vocabulary, ids[index]);
  return ids;
}

}  // namespace paddock::cli
