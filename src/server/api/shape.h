// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a JSON value has to look like, as data: bodies are checked by it (shape_check.h) and openapi.json is written
// from it (shape_schema.h), so that the two cannot disagree.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddock::server {

enum class Treatment : uint8_t {
  kHonoured,
  kWithoutEffect,  // accepted; the note says why nothing has to be done
  kRefused,        // a 400 that names it, unless the value asks for nothing; the note says why
};

struct Field;
struct Case;

struct Shape {
  enum class Kind : uint8_t {
    kAnything,
    kBoolean,
    kInteger,  // 2.0 is one, as JSON Schema has it
    kNumber,
    kText,
    kList,
    kObject,     // with known fields; unknown ones are let through and told
    kMap,        // names of the client's choice to one shape
    kEither,     // told apart by the JSON type of the value, or of the first element of a list
    kTagged,     // objects told apart by the text of one member
    kConstants,  // one of a few values
  };

  Kind kind = Kind::kAnything;
  double minimum = -std::numeric_limits<double>::infinity();  // of numbers, inclusive
  double maximum = std::numeric_limits<double>::infinity();
  size_t least = 0;  // Unicode characters of a text, elements of a list, members of a map
  size_t most = std::numeric_limits<size_t>::max();
  bool is_identifier = false;          // a text of letters, digits, _ and -
  bool has_numeric_names = false;      // a map whose names are numbers of at most nine digits
  std::vector<std::string> words;      // the only texts allowed; empty: all
  std::vector<std::string> constants;  // JSON texts
  std::vector<Shape> inner;            // of a list or map its one element, of kEither the alternatives
  std::vector<Field> fields;
  std::string tag;  // the member of kTagged that tells
  std::vector<Case> cases;
  std::string default_case;  // where the tag is missing; empty: it must be there
};

struct Field {
  std::string name;
  Shape shape;
  Treatment treatment = Treatment::kHonoured;
  bool is_required = false;  // others may be missing or null
  std::string note;          // what is special about it
};

struct Case {
  std::string value;
  Shape shape;  // an object
  Treatment treatment = Treatment::kHonoured;
  std::string note;  // why a refused one is refused
};

// Members of one object with known fields. More is an attack on the time to look them up.
inline constexpr size_t kMostMembers = 256;

Shape anything();
Shape any_object();
Shape boolean();
Shape integer(double minimum, double maximum);
Shape number(double minimum, double maximum);
Shape text(size_t least = 0, size_t most = std::numeric_limits<size_t>::max());
Shape identifier(size_t most);  // at least one character
Shape words(std::vector<std::string> allowed);
Shape constants(std::vector<std::string> json_texts);
Shape list(Shape element, size_t least = 0, size_t most = std::numeric_limits<size_t>::max());
Shape object(std::vector<Field> fields);
Shape map_of(Shape value, size_t most);
Shape map_of_numbers(Shape value, size_t most);  // names are numbers
Shape either(std::vector<Shape> alternatives);
Shape tagged(std::string tag, std::vector<Case> cases, std::string default_case = {});

Field required(std::string name, Shape shape, std::string note = {});
Field honoured(std::string name, Shape shape, std::string note = {});
Field without_effect(std::string name, Shape shape, std::string why);
// `neutral`: JSON texts of values that ask for nothing and are let through. Null always is.
Field refused(std::string name, std::string why, std::vector<std::string> neutral = {});

Case known(std::string value, std::vector<Field> fields);
Case refused_case(std::string value, std::string why);

// Adds fields to an object, except those that it has.
Shape with_fields(Shape object, const std::vector<Field>& fields);

const Field* find_field(const Shape& object, std::string_view name);

}  // namespace paddock::server
