// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the program is given to read: files, standard input, and token ids in them.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paddock::cli {

// The bytes of a file, or of standard input when the path is "-". Refuses more than `limit` bytes.
inline constexpr size_t kInputLimit = size_t{1} << 30;
Result<std::string> read_input(const std::filesystem::path& path, size_t limit = kInputLimit);

// Ids as JSON: an array, or an object that holds one as "tokens" or "ids". Only whole numbers from 0 that fit 32 bits.
// `source` is named in errors.
Result<std::vector<int32_t>> parse_token_ids(std::string_view json, std::string_view source);

// The same for several: an array of arrays.
Result<std::vector<std::vector<int32_t>>> parse_token_id_batch(std::string_view json, std::string_view source);

// "1, 2 3": ids between commas and white space.
Result<std::vector<int32_t>> parse_listed_ids(std::string_view text, std::string_view source);

// A token file, or standard input for "-". Refused: a file without ids, ids that are not below `vocabulary`.
Result<std::vector<int32_t>> read_token_file(const std::filesystem::path& path, int64_t vocabulary);

}  // namespace paddock::cli
