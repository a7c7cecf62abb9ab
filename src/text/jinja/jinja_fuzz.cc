// SPDX-License-Identifier: Apache-2.0
// The input is a template, then perhaps a zero byte and its variables as JSON.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/jinja/template.h"

namespace paddock::text::jinja {
namespace {

// In the texts of the variables and nowhere else, so that it shows where they went.
constexpr std::string_view kMark = "\xEE\x80\x80";  // U+E000, of private use

constexpr const char* kVariables = R"({
  "messages": [{"role": "system", "content": " S\uE000 "}, {"role": "user", "content": "Hi\uE000<|eot|>"},
               {"role": "assistant", "content": [{"type": "text", "text": "\uE000"}], "tool_calls": []}],
  "tools": [{"type": "function", "function": {"name": "f\uE000", "parameters": {"n": 1.5, "d": [true, null, -3]}}}],
  "n": 3, "f": 2.5, "s": "aX\uE000b", "e": "", "l": [3, 1, 2], "d": {"b": 1, "a\uE000": [true, null]}, "none_": null, "yes": true,
  "u": "\u00e9<&'\"\n\uE000", "deep": {"x": {"y": [{"z": 1}]}}, "add_generation_prompt": true, "bos_token": "<s>"})";

// Whether the template may write the mark by itself: as a character, by an escape or by its number.
bool may_write_mark(std::string_view source) {
  if (source.find(kMark) != std::string_view::npos) return true;
  return source.find("000") != std::string_view::npos || source.find("57344") != std::string_view::npos;
}

void render(std::string_view source, const Json& variables, bool check_mark) {
  const auto parsed = Template::parse(source);
  if (!parsed) {
    CHECK(!parsed.error().message.empty() && is_valid_utf8(parsed.error().message));
    return;
  }
  RenderOptions options;
  options.trusted = {"bos_token"};
  options.limits = {.steps = 100'000, .built_bytes = 4 << 20, .output_bytes = 1 << 20, .depth = 300};
  options.now = 1'700'000'000;
  options.utc = true;
  const auto rendered = parsed->render(variables, options);
  if (!rendered) {
    CHECK(!rendered.error().message.empty() && is_valid_utf8(rendered.error().message));
    return;
  }
  for (size_t index = 0; index < rendered->size(); ++index) {
    const RenderedSpan& span = (*rendered)[index];
    CHECK(!span.text.empty() && is_valid_utf8(span.text));
    CHECK(index == 0 || span.from_template != (*rendered)[index - 1].from_template);
    if (check_mark) CHECK(!span.from_template || span.text.find(kMark) == std::string::npos);
  }
}

}  // namespace
}  // namespace paddock::text::jinja

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), size);
  const std::string_view source = input.substr(0, end);
  static const Json fixed = parse_json(text::jinja::kVariables, "variables").value();
  text::jinja::render(source, fixed, !text::jinja::may_write_mark(source));
  if (end < size) {
    const auto variables = parse_json(input.substr(end + 1), "variables", {.exact_integers = true});
    if (variables) text::jinja::render(source, *variables, false);
  }
  return 0;
}
