// SPDX-License-Identifier: Apache-2.0
// However a text is cut, the same content and calls come out of it; no more text than went in; arguments are JSON. The
// first byte says how it is cut, and whether it is truncated.

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/tool_calls.h"

namespace {

using namespace paddock;

std::shared_ptr<const text::ToolSet> fuzz_tools() {
  return std::make_shared<const text::ToolSet>(std::vector<text::Tool>{
      {"f", {"a", "b"}}, {"get_time", {"zone"}}, {"get", {}}, {"spotify.play", {"artist"}}, {"búsqueda-2", {"año"}}});
}

void check_arguments(const std::string& arguments) {
  const auto json = parse_json(arguments, "arguments", {.exact_integers = true});
  CHECK(json.has_value() && json->is_object());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::shared_ptr<const text::ToolSet> tools = fuzz_tools();
  if (size == 0) return 0;
  const size_t portion = data[0] % 16 + 1;
  const bool truncated = (data[0] & 16) != 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  const text::ParsedToolCalls whole = text::parse_tool_calls(bytes, *tools, truncated);
  text::ToolCallParser parser(tools);
  text::ParsedToolCalls parsed;
  for (size_t begin = 0; begin < bytes.size(); begin += portion)
    text::append_events(parsed, parser.push(bytes.substr(begin, portion)));
  text::append_events(parsed, parser.finish(truncated));
  CHECK(parsed == whole);

  // A guarantee that is broken costs the guarantee, and nothing else.
  text::ToolCallParser trusting(tools, text::Calls::kGuaranteed);
  text::ParsedToolCalls trusted;
  for (size_t begin = 0; begin < bytes.size(); begin += portion)
    text::append_events(trusted, trusting.push(bytes.substr(begin, portion)));
  text::append_events(trusted, trusting.finish(truncated));
  CHECK(is_valid_utf8(trusted.content));

  CHECK(is_valid_utf8(whole.content));
  CHECK(whole.content.size() <= replace_invalid_utf8(bytes).size());
  size_t length = 0;
  for (const text::ToolCall& call : whole.calls) {
    check_arguments(call.arguments);
    length += call.arguments.size();
  }
  // A byte of a string may become an escape of six, and a position the name of its parameter.
  CHECK(length <= 12 * bytes.size());
  return 0;
}
