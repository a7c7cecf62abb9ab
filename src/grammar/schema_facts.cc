// SPDX-License-Identifier: Apache-2.0
#include "grammar/schema_facts.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace paddock::grammar {

namespace {

constexpr int kMaxSchemaDepth = 300;         // arrays and objects inside each other
constexpr size_t kMaxPointer = 400;          // bytes of a JSON pointer in an error
constexpr size_t kMaxSchemasTogether = 500;  // allOf and $ref behind each other, for one value

const std::set<std::string_view>& annotations() {
  static const std::set<std::string_view> keywords = {"title",         "description",     "default",
                                                      "examples",      "example",         "$schema",
                                                      "$comment",      "deprecated",      "readOnly",
                                                      "writeOnly",     "$anchor",         "$defs",
                                                      "xml",           "contentEncoding", "contentMediaType",
                                                      "contentSchema", "$vocabulary",     "definitions",
                                                      "discriminator", "externalDocs",    "$id"};
  return keywords;
}

// Keywords whose meaning depends on the kind of value, read where objects and arrays are compiled.
bool is_about_objects(std::string_view key) {
  return key == "properties" || key == "patternProperties" || key == "additionalProperties";
}
bool is_about_arrays(std::string_view key) { return key == "items" || key == "prefixItems"; }

std::string escaped_key(std::string_view key) {
  std::string escaped;
  for (const char c : key) {
    if (c == '~')
      escaped += "~0";
    else if (c == '/')
      escaped += "~1";
    else
      escaped += c;
  }
  return escaped;
}

// One part of a JSON pointer in a URI fragment.
std::string unescaped_key(std::string_view part) {
  std::string bytes;
  for (size_t i = 0; i < part.size(); ++i) {
    unsigned value = 0;
    if (part[i] == '%' && i + 2 < part.size() &&
        std::sscanf(std::string(part.substr(i + 1, 2)).c_str(), "%2x", &value) == 1) {
      bytes.push_back(static_cast<char>(value));
      i += 2;
    } else {
      bytes.push_back(part[i]);
    }
  }
  std::string key;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const bool is_escape = bytes[i] == '~' && i + 1 < bytes.size() && (bytes[i + 1] == '0' || bytes[i + 1] == '1');
    key.push_back(is_escape ? (bytes[++i] == '0' ? '~' : '/') : bytes[i]);
  }
  return key;
}

std::optional<uint8_t> type_named(std::string_view name) {
  static const std::map<std::string_view, uint8_t> types = {{"null", kNullType},
                                                            {"boolean", kBooleanType},
                                                            {"string", kStringType},
                                                            {"integer", kIntegerType},
                                                            {"number", kIntegerType | kFractionType},
                                                            {"array", kArrayType},
                                                            {"object", kObjectType}};
  const auto found = types.find(name);
  return found == types.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

bool SchemaFacts::limits_structure() const {
  return !objects.empty() || !arrays.empty() || !required.empty() || !property_names.empty() || min_properties > 0 ||
         max_properties != kUnbounded || min_items > 0 || max_items != kUnbounded;
}

bool SchemaFacts::is_anything() const {
  return types == kAllTypes && !is_impossible && allowed.empty() && min_length == 0 && max_length == kUnbounded &&
         patterns.empty() && formats.empty() && numbers.empty() && !limits_structure();
}

SchemaAt SchemaRoot::child(const SchemaAt& parent, const Json& node, std::string_view key) {
  // Pointers are for people: hostile ones stop growing.
  if (parent.pointer.ends_with("…")) return {&node, parent.pointer};
  const bool is_long = key.size() > kMaxPointer || parent.pointer.size() > kMaxPointer;
  return {&node, parent.pointer + "/" + (is_long ? "…" : escaped_key(key))};
}

tl::unexpected<Error> SchemaRoot::fail(std::string_view pointer, std::string_view expected) const {
  return error(ErrorCode::kInvalidArgument, "{}#{}: expected {}", name_, pointer, expected);
}

tl::unexpected<Error> SchemaRoot::refuse(std::string_view pointer, std::string_view why) const {
  return error(ErrorCode::kUnsupported, "{}#{} cannot be enforced: {}", name_, pointer, why);
}

Result<SchemaRoot> SchemaRoot::create(const Json& root, std::string name) {
  SchemaRoot schema(root, std::move(name));
  std::vector<std::pair<const Json*, int>> nodes = {{&root, 0}};
  while (!nodes.empty()) {
    const auto [node, depth] = nodes.back();
    nodes.pop_back();
    if (depth > kMaxSchemaDepth)
      return schema.fail("", fmt::format("at most {} arrays and objects inside each other", kMaxSchemaDepth));
    if (node->is_object() && node->contains("$anchor") && (*node)["$anchor"].is_string()) {
      const auto& anchor = (*node)["$anchor"].get_ref<const std::string&>();
      schema.anchors_.try_emplace(anchor, SchemaAt{node, anchor});
    }
    for (const Json& part : *node)
      if (part.is_structured()) nodes.emplace_back(&part, depth + 1);
  }
  return schema;
}

Result<SchemaAt> SchemaRoot::resolve(const Json& reference, const SchemaAt& at) const {
  if (!reference.is_string()) return fail(at.pointer, "a string");
  std::string_view uri = reference.get_ref<const std::string&>();
  if (root_->is_object() && root_->contains("$id") && (*root_)["$id"].is_string()) {
    std::string_view base = (*root_)["$id"].get_ref<const std::string&>();
    base = base.substr(0, base.find('#'));
    if (!base.empty() && uri.starts_with(base)) uri.remove_prefix(base.size());
    if (uri.empty()) uri = "#";
  }
  if (!uri.starts_with('#')) return refuse(at.pointer, "only references into the schema itself can be followed");
  uri.remove_prefix(1);
  if (!uri.empty() && uri[0] != '/') {
    const auto anchor = anchors_.find(uri);
    if (anchor == anchors_.end()) return fail(at.pointer, "a reference to something in the schema");
    return anchor->second;
  }
  SchemaAt found{root_, ""};
  while (!uri.empty()) {
    uri.remove_prefix(1);
    const size_t end = std::min(uri.find('/'), uri.size());
    const std::string key = unescaped_key(uri.substr(0, end));
    uri.remove_prefix(end);
    const Json* next = nullptr;
    if (found.node->is_object()) {
      if (const auto item = found.node->find(key); item != found.node->end()) next = &*item;
    } else if (found.node->is_array() && !key.empty() && key.size() < 9 &&
               std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      const size_t index = std::stoul(key);
      if (index < found.node->size()) next = &(*found.node)[index];
    }
    if (!next) return fail(at.pointer, "a reference to something in the schema");
    found = child(found, *next, key);
  }
  return found;
}

struct SchemaRoot::Step {
  SchemaAt schema;
  int from = -1;
};

Result<void> SchemaRoot::read(const Conjunction& schemas, SchemaFacts& facts) const {
  std::vector<Step> steps;
  for (const SchemaAt& schema : schemas) steps.push_back({schema});
  const auto follow = [&](const SchemaAt& target, int from) -> Result<void> {
    for (int before = from; before >= 0; before = steps[static_cast<size_t>(before)].from)
      if (steps[static_cast<size_t>(before)].schema.node == target.node)
        return fail(steps[static_cast<size_t>(from)].schema.pointer, "a schema that does not refer to itself alone");
    if (steps.size() >= kMaxSchemasTogether)
      return error(ErrorCode::kLimit, "{}#{}: more than {} schemas hold for one value; join them", name_,
                   target.pointer, kMaxSchemasTogether);
    steps.push_back({target, from});
    return {};
  };
  for (int i = 0; i < static_cast<int>(steps.size()); ++i) {
    const SchemaAt schema = steps[static_cast<size_t>(i)].schema;
    if (schema.node->is_boolean()) {
      facts.is_impossible |= !schema.node->get<bool>();
      continue;
    }
    if (!schema.node->is_object()) return fail(schema.pointer, "a schema: an object, true or false");
    bool has_objects = false, has_arrays = false;
    for (const auto& item : schema.node->items()) {
      const SchemaAt at = child(schema, item.value(), item.key());
      if (item.key() == "$ref") {
        TRY_VOID(follow(TRY(resolve(item.value(), at)), i));
      } else if (item.key() == "allOf") {
        if (!item.value().is_array() || item.value().empty()) return fail(at.pointer, "an array of schemas");
        for (size_t part = 0; part < item.value().size(); ++part)
          TRY_VOID(follow(child(at, item.value()[part], std::to_string(part)), i));
      } else if (is_about_objects(item.key())) {
        has_objects = true;
      } else if (is_about_arrays(item.key())) {
        has_arrays = true;
      } else {
        TRY_VOID(read_keyword(schema, item.key(), item.value(), facts));
      }
    }
    if (has_objects) facts.objects.push_back(schema);
    if (has_arrays) facts.arrays.push_back(schema);
  }
  return {};
}

Result<uint32_t> SchemaRoot::count(const SchemaAt& at) const {
  const auto number = decimal_of(*at.node);
  if (!number || number->is_negative || !number->is_whole()) return fail(at.pointer, "a whole number of at least 0");
  // Nothing is ever that long.
  if (number->whole.size() > 9) return uint32_t{1'000'000'000};
  return static_cast<uint32_t>(std::stoul(number->whole));
}

Result<void> SchemaRoot::read_types(const SchemaAt& at, SchemaFacts& facts) const {
  uint8_t types = 0;
  const auto add = [&](const Json& name) -> Result<void> {
    const auto type = name.is_string() ? type_named(name.get_ref<const std::string&>()) : std::nullopt;
    if (!type) return fail(at.pointer, "one of the types null, boolean, string, integer, number, array, object");
    types |= *type;
    return {};
  };
  if (at.node->is_array())
    for (const Json& name : *at.node) TRY_VOID(add(name));
  else
    TRY_VOID(add(*at.node));
  facts.types &= types;
  return {};
}

Result<void> SchemaRoot::read_bound(const SchemaAt& at, bool is_exclusive, std::vector<NumberBound>& bounds) const {
  const auto number = decimal_of(*at.node);
  if (!number) return fail(at.pointer, "a number with an exponent of at most 400");
  bounds.push_back({*number, is_exclusive});
  return {};
}

Result<void> SchemaRoot::read_choice(const SchemaAt& at, bool is_exclusive, SchemaFacts& facts) const {
  if (!at.node->is_array() || at.node->empty()) return fail(at.pointer, "an array of schemas");
  SchemaFacts::Choice choice{.schemas = {}, .is_exclusive = is_exclusive};
  for (size_t i = 0; i < at.node->size(); ++i) choice.schemas.push_back(child(at, (*at.node)[i], std::to_string(i)));
  facts.choices.push_back(std::move(choice));
  return {};
}

Result<void> SchemaRoot::read_keyword(const SchemaAt& schema, const std::string& key, const Json& value,
                                      SchemaFacts& facts) const {
  const SchemaAt at = child(schema, value, key);
  if (key == "$id" && schema.node != root_) return refuse(at.pointer, "references are followed from the root alone");
  if (annotations().contains(key) || key.starts_with("x-")) return {};
  if (key == "type") return read_types(at, facts);
  if (key == "anyOf" || key == "oneOf") return read_choice(at, key == "oneOf", facts);
  if (key == "const" || key == "enum") {
    std::vector<const Json*> values;
    if (key == "const") {
      values.push_back(&value);
    } else {
      if (!value.is_array()) return fail(at.pointer, "an array of values");
      for (const Json& one : value) values.push_back(&one);
    }
    facts.allowed.push_back(std::move(values));
    facts.allowed_at = at;
    return {};
  }
  if (key == "pattern" || key == "format") {
    if (!value.is_string()) return fail(at.pointer, "a string");
    (key == "pattern" ? facts.patterns : facts.formats).push_back({value.get<std::string>(), at});
    return {};
  }
  if (key == "minLength") return facts.min_length = std::max(facts.min_length, TRY(count(at))), Result<void>{};
  if (key == "maxLength") return facts.max_length = std::min(facts.max_length, TRY(count(at))), Result<void>{};
  if (key == "minItems") return facts.min_items = std::max(facts.min_items, TRY(count(at))), Result<void>{};
  if (key == "maxItems") return facts.max_items = std::min(facts.max_items, TRY(count(at))), Result<void>{};
  if (key == "minProperties")
    return facts.min_properties = std::max(facts.min_properties, TRY(count(at))), Result<void>{};
  if (key == "maxProperties")
    return facts.max_properties = std::min(facts.max_properties, TRY(count(at))), Result<void>{};
  if (key == "minimum") return read_bound(at, false, facts.numbers.at_least);
  if (key == "maximum") return read_bound(at, false, facts.numbers.at_most);
  if (key == "exclusiveMinimum") return read_bound(at, true, facts.numbers.at_least);
  if (key == "exclusiveMaximum") return read_bound(at, true, facts.numbers.at_most);
  if (key == "multipleOf") {
    const auto number = decimal_of(value);
    if (!number || number->is_negative || number->is_zero()) return fail(at.pointer, "a number above 0");
    facts.numbers.multiples_of.push_back(*number);
    return {};
  }
  if (key == "required") {
    if (!value.is_array()) return fail(at.pointer, "an array of names");
    for (const Json& name : value) {
      if (!name.is_string()) return fail(at.pointer, "an array of names");
      facts.required.push_back(name.get<std::string>());
    }
    return {};
  }
  if (key == "propertyNames") return facts.property_names.push_back(at), Result<void>{};
  // Keywords that say nothing in the form that they have here.
  if ((key == "uniqueItems" || key == "nullable") && value.is_boolean() && !value.get<bool>()) return {};
  if ((key == "unevaluatedProperties" || key == "unevaluatedItems") && value.is_boolean() && value.get<bool>())
    return {};
  if ((key == "dependentRequired" || key == "dependentSchemas" || key == "dependencies") && value.is_object() &&
      value.empty())
    return {};
  if ((key == "then" || key == "else") && !schema.node->contains("if")) return {};
  if ((key == "minContains" || key == "maxContains") && !schema.node->contains("contains")) return {};
  return refuse(at.pointer, fmt::format("the keyword '{}' is not one of those that are; leave it out", key));
}

}  // namespace paddock::grammar
