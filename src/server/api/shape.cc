// SPDX-License-Identifier: Apache-2.0
#include "server/api/shape.h"

namespace paddock::server {

Shape anything() { return {}; }

Shape any_object() { return map_of(anything(), std::numeric_limits<size_t>::max()); }

Shape boolean() { return {.kind = Shape::Kind::kBoolean}; }

Shape integer(double minimum, double maximum) {
  return {.kind = Shape::Kind::kInteger, .minimum = minimum, .maximum = maximum};
}

Shape number(double minimum, double maximum) {
  return {.kind = Shape::Kind::kNumber, .minimum = minimum, .maximum = maximum};
}

Shape text(size_t least, size_t most) { return {.kind = Shape::Kind::kText, .least = least, .most = most}; }

Shape identifier(size_t most) { return {.kind = Shape::Kind::kText, .least = 1, .most = most, .is_identifier = true}; }

Shape words(std::vector<std::string> allowed) { return {.kind = Shape::Kind::kText, .words = std::move(allowed)}; }

Shape constants(std::vector<std::string> json_texts) {
  return {.kind = Shape::Kind::kConstants, .constants = std::move(json_texts)};
}

Shape list(Shape element, size_t least, size_t most) {
  return {.kind = Shape::Kind::kList, .least = least, .most = most, .inner = {std::move(element)}};
}

Shape object(std::vector<Field> fields) { return {.kind = Shape::Kind::kObject, .fields = std::move(fields)}; }

Shape map_of(Shape value, size_t most) {
  return {.kind = Shape::Kind::kMap, .most = most, .inner = {std::move(value)}};
}

Shape map_of_numbers(Shape value, size_t most) {
  Shape shape = map_of(std::move(value), most);
  shape.has_numeric_names = true;
  return shape;
}

Shape either(std::vector<Shape> alternatives) {
  return {.kind = Shape::Kind::kEither, .inner = std::move(alternatives)};
}

Shape tagged(std::string tag, std::vector<Case> cases, std::string default_case) {
  return {.kind = Shape::Kind::kTagged,
          .tag = std::move(tag),
          .cases = std::move(cases),
          .default_case = std::move(default_case)};
}

Field required(std::string name, Shape shape, std::string note) {
  return {.name = std::move(name), .shape = std::move(shape), .is_required = true, .note = std::move(note)};
}

Field honoured(std::string name, Shape shape, std::string note) {
  return {.name = std::move(name), .shape = std::move(shape), .note = std::move(note)};
}

Field without_effect(std::string name, Shape shape, std::string why) {
  return {.name = std::move(name),
          .shape = std::move(shape),
          .treatment = Treatment::kWithoutEffect,
          .note = std::move(why)};
}

Field refused(std::string name, std::string why, std::vector<std::string> neutral) {
  return {.name = std::move(name),
          .shape = constants(std::move(neutral)),
          .treatment = Treatment::kRefused,
          .note = std::move(why)};
}

Case known(std::string value, std::vector<Field> fields) {
  return {.value = std::move(value), .shape = object(std::move(fields))};
}

Case refused_case(std::string value, std::string why) {
  return {.value = std::move(value), .treatment = Treatment::kRefused, .note = std::move(why)};
}

Shape with_fields(Shape object, const std::vector<Field>& fields) {
  for (const Field& field : fields)
    if (!find_field(object, field.name)) object.fields.push_back(field);
  return object;
}

const Field* find_field(const Shape& object, std::string_view name) {
  for (const Field& field : object.fields)
    if (field.name == name) return &field;
  return nullptr;
}

}  // namespace paddock::server
