// SPDX-License-Identifier: Apache-2.0
#pragma once
// The three shapes of a call, read byte by byte. A reader goes on to the end of what has the shape even when it can no
// longer be a call (is_possible()), because what has the shape is content as a whole then.

#include <optional>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include "text/tools/tool_set.h"
#include "text/tools/value_reader.h"

namespace paddock::text {

struct ToolCall {
  std::string name;
  std::string arguments;  // a JSON object, its members in the order in which they were written
  bool operator==(const ToolCall&) const = default;
};

// A call of which the beginning is there.
struct OpenToolCall {
  std::string_view name;
  std::string_view arguments;  // later bytes only add to it
};

namespace tools {

// {"name": f, "parameters": {…}} or "arguments", after its opening bracket.
class CallObject {
 public:
  explicit CallObject(const ToolSet& tools) : name_(tools) {}
  Step take(char byte);
  bool is_possible() const { return is_possible_; }
  ToolCall call() const { return {name_.found()->name, *arguments_}; }  // once complete and possible
  std::optional<OpenToolCall> open_call() const;                        // once its name is known

 private:
  enum class Expect { kKey, kInKey, kColon, kValue, kCommaOrEnd };
  Step take_structure(char byte);
  Step take_value(char byte);
  void follow_key();
  void follow_name();
  void end_member();

  Expect expect_ = Expect::kKey;
  std::optional<StringLiteral> key_;
  std::optional<ValueReader> value_;
  std::unordered_set<std::string> seen_;
  NamePrefix name_;
  size_t name_length_ = 0;  // how much of the name has been compared
  bool name_is_complete_ = false;
  std::optional<std::string> arguments_;
  bool is_possible_ = true;
};

// [f(a=1), g()] after its opening bracket, or an array of objects.
class CallList {
 public:
  explicit CallList(const ToolSet& tools) : tools_(&tools), name_(tools) {}
  Step take(char byte);
  bool is_possible() const { return is_possible_; }
  std::vector<ToolCall>& calls() { return calls_; }  // those that are complete
  std::optional<OpenToolCall> open_call() const;     // of an array of objects

 private:
  enum class Expect {
    kItem,
    kName,
    kParenthesis,
    kArgument,
    kWord,
    kAfterWord,
    kValue,
    kAfterArgument,
    kObject,
    kAfterItem
  };
  Step take_item(char byte);
  Step take_name(char byte);
  Step take_argument(char byte);
  Step take_after_word(char byte);
  Step take_value(char byte);
  Step take_after_argument(char byte);
  Step end_call();
  void add_argument(std::string name, std::string_view json);
  void add_positional(std::string_view json);

  const ToolSet* tools_;
  Expect expect_ = Expect::kItem;
  bool holds_objects_ = false;  // decided by the first item
  bool holds_calls_ = false;
  NamePrefix name_;
  std::string word_;     // a keyword, or a literal
  std::string keyword_;  // of the value that is being read; empty without one
  bool had_keyword_ = false;
  std::optional<ValueReader> value_;
  std::optional<CallObject> object_;
  std::string arguments_;
  size_t positional_ = 0;
  std::unordered_set<std::string> named_;
  std::vector<ToolCall> calls_;
  bool is_possible_ = true;
};

// <function=f>{…}</function> after its first byte.
class CallTag {
 public:
  explicit CallTag(const ToolSet& tools) : name_(tools), body_(Dialect::kJson) {}
  Step take(char byte);
  bool is_possible() const { return is_possible_; }
  // Whether it is complete but for its end tag.
  bool may_end_here(bool truncated) const;
  ToolCall call();
  std::optional<OpenToolCall> open_call() const;

 private:
  enum class Expect { kBegin, kName, kBody, kInBody, kEnd, kInEnd };
  Expect expect_ = Expect::kBegin;
  size_t matched_ = 0;  // of the fixed text that is being read
  NamePrefix name_;
  ValueReader body_;
  bool has_body_ = false;
  bool is_possible_ = true;
};

// Whichever shape it turns out to have.
class BlockReader {
 public:
  static bool begins(char byte) { return byte == '[' || byte == '{' || byte == '<'; }
  BlockReader(char first, const ToolSet& tools);

  Step take(char byte);  // kMore, kDone or kRefused
  bool is_possible() const;
  bool is_list() const { return std::holds_alternative<CallList>(shape_); }
  std::vector<ToolCall> calls();                       // once complete and possible
  std::vector<ToolCall>* complete_calls();             // inside a list; null elsewhere
  std::optional<OpenToolCall> open_call() const;       // the one that is being read, where it can be told early
  std::vector<ToolCall> calls_at_end(bool truncated);  // when the output ends inside; none where all of it is content

 private:
  std::variant<CallObject, CallList, CallTag> shape_;
};

}  // namespace tools
}  // namespace paddock::text
