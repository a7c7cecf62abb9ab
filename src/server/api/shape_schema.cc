// SPDX-License-Identifier: Apache-2.0
#include "server/api/shape_schema.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace paddock::server {
namespace {

constexpr size_t kNoBound = std::numeric_limits<size_t>::max();

Json bound(double value) {
  if (value == std::floor(value) && std::fabs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

Json number_schema(const Shape& shape) {
  Json schema{{"type", shape.kind == Shape::Kind::kInteger ? "integer" : "number"}};
  if (std::isfinite(shape.minimum)) schema["minimum"] = bound(shape.minimum);
  if (std::isfinite(shape.maximum)) schema["maximum"] = bound(shape.maximum);
  return schema;
}

void add_counts(Json& schema, const Shape& shape, const char* least, const char* most) {
  if (shape.least > 0) schema[least] = shape.least;
  if (shape.most != kNoBound) schema[most] = shape.most;
}

Json text_schema(const Shape& shape) {
  Json schema{{"type", "string"}};
  if (!shape.words.empty()) schema["enum"] = shape.words;
  add_counts(schema, shape, "minLength", "maxLength");
  if (shape.is_identifier) schema["pattern"] = "^[A-Za-z0-9_-]+$";
  return schema;
}

Json constants_schema(const Shape& shape) {
  Json values = Json::array();
  for (const std::string& constant : shape.constants) values.push_back(Json::parse(constant));
  return {{"enum", values}};
}

// Everything that is not required may also be null.
Json allow_null(Json schema) {
  if (schema.contains("enum")) {
    schema["enum"].push_back(nullptr);
    if (schema.contains("type")) schema["type"] = {schema["type"], "null"};
    return schema;
  }
  if (schema.contains("type") && schema["type"].is_string()) {
    schema["type"] = {schema["type"], "null"};
    return schema;
  }
  if (schema.contains("anyOf")) {
    schema["anyOf"].push_back({{"type", "null"}});
    return schema;
  }
  return schema;  // anything
}

std::string description(const Field& field) {
  switch (field.treatment) {
    case Treatment::kHonoured: break;
    case Treatment::kWithoutEffect: return "Accepted without effect: " + field.note;
    case Treatment::kRefused: return "Refused: " + field.note;
  }
  return field.note;
}

Json object_schema(const Shape& shape) {
  Json properties = Json::object();
  Json needed = Json::array();
  for (const Field& field : shape.fields) {
    Json schema = field.is_required ? json_schema(field.shape) : allow_null(json_schema(field.shape));
    if (const std::string words = description(field); !words.empty()) schema["description"] = words;
    properties[field.name] = std::move(schema);
    if (field.is_required) needed.push_back(field.name);
  }
  Json schema{{"type", "object"}, {"properties", properties}, {"maxProperties", kMostMembers}};
  if (!needed.empty()) schema["required"] = needed;
  return schema;
}

Json case_schema(const Shape& shape, const Case& one) {
  Json schema = json_schema(one.shape);
  Json properties = Json::object();
  const bool may_lack_tag = one.value == shape.default_case;
  properties[shape.tag] = may_lack_tag ? Json{{"enum", {one.value, nullptr}}} : Json{{"const", one.value}};
  properties.update(schema["properties"]);
  schema["properties"] = properties;
  if (!may_lack_tag) schema["required"].push_back(shape.tag);
  return schema;
}

Json tagged_schema(const Shape& shape) {
  Json alternatives = Json::array();
  for (const Case& one : shape.cases)
    if (one.treatment != Treatment::kRefused) alternatives.push_back(case_schema(shape, one));
  return {{"anyOf", alternatives}};
}

}  // namespace

Json json_schema(const Shape& shape) {
  using Kind = Shape::Kind;
  switch (shape.kind) {
    case Kind::kAnything: return Json::object();
    case Kind::kBoolean: return {{"type", "boolean"}};
    case Kind::kInteger:
    case Kind::kNumber: return number_schema(shape);
    case Kind::kText: return text_schema(shape);
    case Kind::kObject: return object_schema(shape);
    case Kind::kTagged: return tagged_schema(shape);
    case Kind::kConstants: return constants_schema(shape);
    case Kind::kList: {
      Json schema{{"type", "array"}, {"items", json_schema(shape.inner[0])}};
      add_counts(schema, shape, "minItems", "maxItems");
      return schema;
    }
    case Kind::kMap: {
      Json schema{{"type", "object"}};
      if (shape.inner[0].kind != Kind::kAnything) schema["additionalProperties"] = json_schema(shape.inner[0]);
      if (shape.has_numeric_names) schema["propertyNames"] = {{"pattern", "^[0-9]{1,9}$"}};
      add_counts(schema, shape, "minProperties", "maxProperties");
      return schema;
    }
    case Kind::kEither: break;
  }
  Json alternatives = Json::array();
  for (const Shape& alternative : shape.inner) alternatives.push_back(json_schema(alternative));
  return {{"anyOf", alternatives}};
}

}  // namespace paddock::server
