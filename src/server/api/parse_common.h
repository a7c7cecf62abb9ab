// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the parsers of all dialects do alike. For them alone. Values have passed check_shape.

#include <initializer_list>
#include <unordered_set>

#include "server/api/parse.h"
#include "server/api/shape.h"

namespace paddock::server::parsing {

// A body that has the shape. Paths that no field is known for go to `unknown`.
ApiResult<Json> parse_body(std::string_view body, const Shape& shape, const ParseLimits& limits,
                           std::vector<std::string>& unknown);

// The member, unless it is missing or null.
const Json* find(const Json& object, std::string_view name);
const Json* find_any(const Json& object, std::initializer_list<std::string_view> names);  // the first that is there

std::string text_of(const Json& object, std::string_view name);  // empty where it is missing
bool flag_of(const Json& object, std::string_view name, bool otherwise);
int64_t integer_of(const Json& value);  // cut to 64 bits
std::vector<std::string> texts_of(const Json* text_or_list);
std::vector<int32_t> token_ids_of(const Json& list);

// Temperature, penalties and the rest of sampling with the extensions, stops, priority, deadline, user, stream.
void read_common(const Json& body, CompletionRequest& request);

// The format of the extensions (regex, grammar, …) together with the dialect's own one, if it was given.
ApiResult<AnswerFormat> read_format(const Json& body, const Json* own, std::string_view own_path);

// Names of tools, each given once. `tools` are of chat's shape: {"type": "function", "function": {"name", …}}.
ApiResult<std::unordered_set<std::string>> tool_names(const Json& tools, std::string_view path_of_names);

// A choice that can be kept: names are known, and where tools must be called there are some. `path` is blamed.
ApiResult<void> check_tool_choice(const ToolChoice& choice, const std::unordered_set<std::string>& names,
                                  std::string_view path);

// Follows calls and results through a conversation: each result answers a call of the turn before, and no call stays
// open.
class CallLedger {
 public:
  ApiResult<void> call(const std::string& id, const std::string& path);
  ApiResult<void> result(const std::string& id, const std::string& path);
  // Something else comes, or the end: blames `path` for calls without a result.
  ApiResult<void> settle(const std::string& path);

 private:
  std::unordered_set<std::string> open_;
  std::unordered_set<std::string> answered_;  // of the same turn
};

// Paths of parts of type image_url, image or input_image.
void note_images(const Json& message, const std::string& path, std::vector<std::string>& images);

// The conversation that templates take: messages, tools unless empty, and the template's variables that `body` holds.
ApiResult<SharedJson> make_conversation(const Json& body, Json messages, Json tools, bool& continue_final_message);

}  // namespace paddock::server::parsing
