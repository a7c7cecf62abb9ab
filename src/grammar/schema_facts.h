// SPDX-License-Identifier: Apache-2.0
#pragma once
// What schemas that hold together ask of a value, read keyword by keyword. A keyword that cannot be enforced is an
// error.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "grammar/expression.h"
#include "grammar/number_text.h"

namespace paddock::grammar {

// A schema, and where it stands for errors: a JSON pointer behind '#'.
struct SchemaAt {
  const Json* node = nullptr;
  std::string pointer;
};
// Schemas that a value has to fulfil together; none: any value.
using Conjunction = std::vector<SchemaAt>;

// Integers and other numbers are types of their own here, so that "number" is both.
enum JsonType : uint8_t {
  kNullType = 1,
  kBooleanType = 2,
  kStringType = 4,
  kIntegerType = 8,
  kFractionType = 16,
  kArrayType = 32,
  kObjectType = 64,
  kAllTypes = 127,
};

struct SchemaFacts {
  uint8_t types = kAllTypes;
  bool is_impossible = false;  // `false` was among the schemas

  struct Choice {
    std::vector<SchemaAt> schemas;  // one of them has to hold too
    bool is_exclusive = false;      // and no other
  };
  std::vector<Choice> choices;
  std::vector<std::vector<const Json*>> allowed;  // the value has to be in each list
  SchemaAt allowed_at;                            // where the last of them stands

  uint32_t min_length = 0, max_length = kUnbounded;
  struct Text {
    std::string name;
    SchemaAt at;
  };
  std::vector<Text> patterns, formats;

  NumberLimits numbers;

  // Schemas with keywords for objects and arrays.
  std::vector<SchemaAt> objects, arrays;
  std::vector<std::string> required;
  std::vector<SchemaAt> property_names;
  uint32_t min_properties = 0, max_properties = kUnbounded;
  uint32_t min_items = 0, max_items = kUnbounded;

  bool is_anything() const;       // nothing is asked but the choices
  bool limits_structure() const;  // of objects or arrays
};

// The root of a schema: finds what $ref names.
class SchemaRoot {
 public:
  // Errors where the schema is nested too deeply. `name` stands before the pointer in errors.
  static Result<SchemaRoot> create(const Json& root, std::string name);

  // Reads `schemas` and everything that they refer to or hold in allOf into `facts`.
  Result<void> read(const Conjunction& schemas, SchemaFacts& facts) const;

  tl::unexpected<Error> fail(std::string_view pointer, std::string_view expected) const;
  tl::unexpected<Error> refuse(std::string_view pointer, std::string_view why) const;
  std::string name_of(const SchemaAt& at) const { return name_ + "#" + at.pointer; }
  // Where a child stands.
  static SchemaAt child(const SchemaAt& parent, const Json& node, std::string_view key);

 private:
  SchemaRoot(const Json& root, std::string name) : root_(&root), name_(std::move(name)) {}

  struct Step;  // a schema, and the one that led to it
  Result<SchemaAt> resolve(const Json& reference, const SchemaAt& at) const;
  Result<void> read_keyword(const SchemaAt& schema, const std::string& key, const Json& value,
                            SchemaFacts& facts) const;
  Result<uint32_t> count(const SchemaAt& at) const;
  Result<void> read_types(const SchemaAt& at, SchemaFacts& facts) const;
  Result<void> read_bound(const SchemaAt& at, bool is_exclusive, std::vector<NumberBound>& bounds) const;
  Result<void> read_choice(const SchemaAt& at, bool is_exclusive, SchemaFacts& facts) const;

  const Json* root_;
  std::string name_;
  std::map<std::string, SchemaAt, std::less<>> anchors_;
};

}  // namespace paddock::grammar
