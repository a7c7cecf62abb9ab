// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a model may write: a JSON Schema, a regular expression or an EBNF grammar, compiled.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace paddock::grammar {

struct Rules;

// Blanks between the tokens of JSON. Always bounded, so that a model cannot write blanks for ever.
enum class Whitespace {
  kNone,       // {"a":1,"b":2}
  kAfterSign,  // at most one space after ':' and ','
  kPretty,     // one space, or a line break and up to 64 blanks, wherever JSON allows blanks
};

struct JsonOptions {
  Whitespace whitespace = Whitespace::kAfterSign;
  // An object schema with "properties" that does not say "additionalProperties" allows no others. What is written still
  // fulfils the schema; it is what people mean.
  bool close_objects = false;
};

// A function that a model may call. `parameters` is a JSON Schema of an object; nullptr: no parameters.
struct ToolSchema {
  std::string name;
  const Json* parameters = nullptr;
};

struct ToolCallOptions {
  JsonOptions json = {.close_objects = true};
  bool parallel = false;  // several calls, one after the other
  uint32_t max_calls = 128;
};

// Immutable; used by any number of matchers in any thread. Errors name what is wrong: for a schema a JSON pointer, for
// the others the byte.
class Grammar {
 public:
  using Pointer = std::shared_ptr<const Grammar>;

  // The schema is one of draft 2020-12. What it asks for and cannot be enforced is refused (kUnsupported), never
  // ignored; properties are written in the schema's order, additional ones after them.
  static Result<Pointer> from_json_schema(const Json& schema, const JsonOptions& options = {});
  static Result<Pointer> from_json_object(const JsonOptions& options = {});  // any JSON object
  static Result<Pointer> from_regex(std::string_view pattern);               // the whole text matches (regex.h)
  static Result<Pointer> from_ebnf(std::string_view text);                   // rules in GBNF's form (ebnf.h)
  // Calls of any of `tools` in the form {"name": "f", "parameters": {...}}.
  static Result<Pointer> tool_calls(std::span<const ToolSchema> tools, const ToolCallOptions& options = {});

  explicit Grammar(std::unique_ptr<const Rules> rules);
  ~Grammar();
  const Rules& rules() const { return *rules_; }

 private:
  std::unique_ptr<const Rules> rules_;
};

}  // namespace paddock::grammar
