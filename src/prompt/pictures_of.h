// SPDX-License-Identifier: Apache-2.0
#pragma once
// The pictures that a conversation holds, in the form in which clients send them.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace paddock::prompt {

// kGlobal: the tile of all of it alone.
enum class Detail : uint8_t { kTiles, kGlobal };

struct PictureSource {
  std::string path;      // of its part: messages[0].content[1]
  std::string_view url;  // of the conversation; empty where the part has none
  Detail detail = Detail::kTiles;
};

// In the order of the prompt: of parts {"type": "image_url", "image_url": {"url", "detail"} or "…"}. The conversation
// has been checked and outlives the result.
std::vector<PictureSource> pictures_of(const Json& conversation);

// The bytes behind data:image/png;base64,… An error names the path.
Result<std::string> read_data_url(std::string_view url, std::string_view path);

// The part that a file's bytes become.
Json picture_part(std::string_view file);

}  // namespace paddock::prompt
