// SPDX-License-Identifier: Apache-2.0
#pragma once
// A literal value with everything inside it, read byte by byte and written as JSON.

#include <cstddef>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include "text/tools/literal.h"

namespace paddock::text::tools {

// Values nest this deep at most: what is deeper is no literal.
inline constexpr size_t kMostNested = 128;

class ValueReader {
 public:
  enum class Kind { kNone, kObject, kArray, kString, kNumber, kTrueOrFalse, kNull };

  explicit ValueReader(Dialect dialect) : dialect_(dialect) {}

  Step take(char byte);  // blanks before the value are skipped; kEnded only for values without a bracket

  // False once the value, though well-formed, is none: a number overflows, or an object has a key twice.
  bool is_sound() const { return is_sound_; }
  Kind kind() const { return kind_; }
  // What has been read so far, as JSON that later bytes only add to, but for tuples.
  std::string& json() { return json_; }
  const std::string& json() const { return json_; }
  const std::string& string() const { return string_; }  // what a value that is a string says, once complete
  // The same while it is being read; null for other values.
  const std::string* open_string();

 private:
  enum class Expect { kValue, kValueOrEnd, kKey, kKeyOrEnd, kColon, kCommaOrEnd };
  struct Frame {
    char closing;
    size_t begin;  // of it in json_
    size_t count = 0;
    bool has_comma = false;
    std::unordered_set<std::string> keys;
  };

  Step take_structure(char byte);
  Step begin_value(char byte);
  Step open(char byte);
  Step close();
  Step end_value(Step step);
  void begin_string(char quote);
  void write_string();
  void end_leaf();
  void note_kind(Kind kind);

  Dialect dialect_;
  Expect expect_ = Expect::kValue;
  std::vector<Frame> frames_;
  std::variant<std::monostate, StringLiteral, NumberLiteral, WordLiteral> leaf_;
  bool leaf_is_key_ = false;
  size_t written_ = 0;  // bytes of a string that are in json_ already
  bool is_sound_ = true;
  Kind kind_ = Kind::kNone;
  std::string json_, string_;
};

// The object that `text` holds and nothing else, as JSON; empty where it holds none.
std::string read_object(std::string_view text, Dialect dialect);

}  // namespace paddock::text::tools
