// SPDX-License-Identifier: Apache-2.0
#include "prompt/pictures_of.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/utf8.h"

namespace paddock::prompt {
namespace {

const Json* member(const Json& json, const char* name) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(name);
  return found == json.end() ? nullptr : &*found;
}

std::string_view text_of(const Json* json) {
  return json != nullptr && json->is_string() ? std::string_view(json->get_ref<const std::string&>()) : "";
}

PictureSource source_of(const Json& part, std::string path) {
  const Json* address = member(part, "image_url");
  const Json* url = address != nullptr && address->is_object() ? member(*address, "url") : address;
  const Json* detail = member(part, "detail");
  if (address != nullptr && address->is_object()) detail = member(*address, "detail");
  return {std::move(path), text_of(url), text_of(detail) == "low" ? Detail::kGlobal : Detail::kTiles};
}

}  // namespace

std::vector<PictureSource> pictures_of(const Json& conversation) {
  std::vector<PictureSource> sources;
  const Json* messages = conversation.is_array() ? &conversation : member(conversation, "messages");
  if (messages == nullptr || !messages->is_array()) return sources;
  for (size_t message = 0; message < messages->size(); ++message) {
    const Json* content = member((*messages)[message], "content");
    if (content == nullptr || !content->is_array()) continue;
    for (size_t index = 0; index < content->size(); ++index) {
      const std::string_view type = text_of(member((*content)[index], "type"));
      if (type == "image_url" || type == "input_image" || type == "image")
        sources.push_back(source_of((*content)[index], fmt::format("messages[{}].content[{}]", message, index)));
    }
  }
  return sources;
}

Result<std::string> read_data_url(std::string_view url, std::string_view path) {
  const size_t comma = url.find(',');
  if (!url.starts_with("data:") || comma == std::string_view::npos || !url.substr(0, comma).ends_with(";base64"))
    return error(ErrorCode::kInvalidArgument,
                 "{}: expected a picture as data:image/png;base64,…, found \"{}\"; send its bytes in the request", path,
                 replace_invalid_utf8(url.substr(0, 32)));
  auto bytes = decode_base64(url.substr(comma + 1));
  if (!bytes)
    return error(ErrorCode::kInvalidArgument,
                 "{}: expected base64 after the comma of the data: address, found something else; encode the file's "
                 "bytes by RFC 4648, section 4",
                 path);
  return std::move(*bytes);
}

// Of the type nothing is read: bytes tell what they are.
Json picture_part(std::string_view file) {
  return {{"type", "image_url"},
          {"image_url", {{"url", "data:application/octet-stream;base64," + encode_base64(file)}}}};
}

}  // namespace paddock::prompt
