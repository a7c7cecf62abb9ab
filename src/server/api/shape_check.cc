// SPDX-License-Identifier: Apache-2.0
#include "server/api/shape_check.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace paddock::server {
namespace {

constexpr size_t kMostUnknown = 32;
constexpr size_t kMostQuoted = 60;

// Names and texts from outside go into messages, which go into logs: no line may be begun there.
std::string printable(std::string_view text) {
  std::string clean;
  for (const char byte : replace_invalid_utf8(text)) {
    const bool is_control = static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F;
    clean += is_control ? "\uFFFD" : std::string(1, byte);
  }
  return clean;
}

// Where a value stands. Spelled out only when something is wrong with it.
struct Path {
  const Path* parent = nullptr;
  std::string_view name;
  size_t index = 0;
  bool is_element = false;

  std::string text() const {
    std::string path = parent ? parent->text() : "";
    if (is_element) return path + fmt::format("[{}]", index);
    // A name from outside may be of any length.
    const std::string member = printable(name.substr(0, 100));
    return path.empty() ? member : path + "." + member;
  }

  std::string subject() const {
    std::string path = text();
    return path.empty() ? "the request body" : path;
  }
};

bool is_whole(const Json& value) {
  if (value.is_number_integer()) return true;
  if (!value.is_number_float()) return false;
  const double number = value.get<double>();
  return std::isfinite(number) && number == std::floor(number);
}

bool is_number(std::string_view name) {
  return !name.empty() && name.size() <= 9 && name.find_first_not_of("0123456789") == std::string_view::npos;
}

size_t character_count(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

std::string found_in_words(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_string()) return "the text " + in_quotes(value.get_ref<const std::string&>());
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number()) return "the number " + value.dump();
  return value.is_array() ? "a list" : "an object";
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (size_t index = 0; index < parts.size(); ++index)
    text += (index == 0 ? "" : index + 1 == parts.size() ? " or " : ", ") + parts[index];
  return text;
}

std::string words_of(const Shape& shape) {
  std::vector<std::string> parts;
  for (const std::string& word : shape.words) parts.push_back(in_quotes(word));
  return joined(parts);
}

std::string shape_in_words(const Shape& shape) {
  using Kind = Shape::Kind;
  switch (shape.kind) {
    case Kind::kAnything: return "any value";
    case Kind::kBoolean: return "true or false";
    case Kind::kInteger: return "an integer";
    case Kind::kNumber: return "a number";
    case Kind::kText: return shape.words.empty() ? "a text" : words_of(shape);
    case Kind::kList:
      return shape.inner[0].kind == Kind::kAnything ? "a list" : "a list, each of it " + shape_in_words(shape.inner[0]);
    case Kind::kObject:
    case Kind::kMap:
    case Kind::kTagged: return "an object";
    case Kind::kConstants: return joined(shape.constants);
    case Kind::kEither: break;
  }
  std::vector<std::string> parts;
  for (const Shape& alternative : shape.inner) parts.push_back(shape_in_words(alternative));
  return joined(parts);
}

bool has_type_of(const Json& value, const Shape& shape) {
  using Kind = Shape::Kind;
  switch (shape.kind) {
    case Kind::kBoolean: return value.is_boolean();
    case Kind::kInteger: return is_whole(value);
    case Kind::kNumber: return value.is_number();
    case Kind::kText: return value.is_string();
    case Kind::kList: return value.is_array();
    case Kind::kObject:
    case Kind::kMap:
    case Kind::kTagged: return value.is_object();
    case Kind::kAnything:
    case Kind::kConstants:
    case Kind::kEither: break;
  }
  return true;
}

class Checker {
 public:
  explicit Checker(std::vector<std::string>& unknown) : unknown_(unknown) {}

  ApiResult<void> check(Json& value, const Shape& shape, const Path& path) {
    using Kind = Shape::Kind;
    if (!has_type_of(value, shape)) return wrong_type(value, shape, path);
    switch (shape.kind) {
      case Kind::kInteger:
      case Kind::kNumber: return check_number(value, shape, path);
      case Kind::kText: return check_text(value.get_ref<const std::string&>(), shape, path);
      case Kind::kList: return check_list(value, shape, path);
      case Kind::kObject: return check_object(value, shape, path);
      case Kind::kMap: return check_map(value, shape, path);
      case Kind::kEither: return check_either(value, shape, path);
      case Kind::kTagged: return check_tagged(value, shape, path);
      case Kind::kConstants: return check_constants(value, shape, path);
      case Kind::kAnything:
      case Kind::kBoolean: break;
    }
    return {};
  }

 private:
  static tl::unexpected<ApiError> wrong_type(const Json& value, const Shape& shape, const Path& path) {
    return invalid(path.text(), "invalid_type",
                   fmt::format("{} must be {}, not {}", path.subject(), shape_in_words(shape), found_in_words(value)));
  }

  static ApiResult<void> check_number(const Json& value, const Shape& shape, const Path& path) {
    const double found = value.get<double>();
    if (found >= shape.minimum && found <= shape.maximum) return {};
    const bool is_low = !(found >= shape.minimum);
    const double bound = is_low ? shape.minimum : shape.maximum;
    return invalid(
        path.text(), is_low ? "below_min_value" : "above_max_value",
        fmt::format("{} must be at {} {}, not {}", path.subject(), is_low ? "least" : "most", bound, value.dump()));
  }

  static ApiResult<void> check_text(const std::string& value, const Shape& shape, const Path& path) {
    if (!shape.words.empty() && std::find(shape.words.begin(), shape.words.end(), value) == shape.words.end())
      return invalid(path.text(), "invalid_value",
                     fmt::format("{} must be {}, not {}", path.subject(), words_of(shape), in_quotes(value)));
    TRY_VOID(check_count(character_count(value), "characters", shape, path));
    const auto is_allowed = [](unsigned char byte) {
      return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
             byte == '_' || byte == '-';
    };
    if (shape.is_identifier && !std::all_of(value.begin(), value.end(), is_allowed))
      return invalid(path.text(), "invalid_value",
                     fmt::format("{} must consist of letters, digits, underscores and hyphens, not {}", path.subject(),
                                 in_quotes(value)));
    return {};
  }

  static ApiResult<void> check_count(size_t found, std::string_view unit, const Shape& shape, const Path& path) {
    if (found >= shape.least && found <= shape.most) return {};
    if (found == 0)
      return invalid(path.text(), "empty_value",
                     fmt::format("{} is empty; at least {} of {} must be there", path.subject(), shape.least, unit));
    const bool is_low = found < shape.least;
    return invalid(path.text(), is_low ? "too_short" : "too_long",
                   fmt::format("{} has {} {}; at {} {} are allowed", path.subject(), found, unit,
                               is_low ? "least" : "most", is_low ? shape.least : shape.most));
  }

  ApiResult<void> check_list(Json& value, const Shape& shape, const Path& path) {
    TRY_VOID(check_count(value.size(), "elements", shape, path));
    for (size_t index = 0; index < value.size(); ++index)
      TRY_VOID(check(value[index], shape.inner[0], {.parent = &path, .index = index, .is_element = true}));
    return {};
  }

  // `tag` is a member that is known besides the fields.
  ApiResult<void> check_object(Json& value, const Shape& shape, const Path& path, std::string_view tag = {}) {
    if (value.size() > kMostMembers)
      return invalid(
          path.text(), "too_long",
          fmt::format("{} has {} members; at most {} are allowed", path.subject(), value.size(), kMostMembers));
    bool has_unknown = false;
    for (auto& [name, member] : value.get_ref<Json::object_t&>()) {
      const Path here{.parent = &path, .name = name};
      const Field* field = find_field(shape, name);
      if (field && (!member.is_null() || field->is_required)) TRY_VOID(check_field(member, *field, here));
      if (field || name == tag) continue;
      has_unknown = true;
      note_unknown(here);
    }
    if (has_unknown) remove_unknown(value, shape, tag);
    for (const Field& field : shape.fields)
      if (field.is_required && !value.contains(field.name)) {
        const std::string missing = Path{.parent = &path, .name = field.name}.text();
        return invalid(missing, "missing_required_parameter",
                       fmt::format("{} is missing; give {}", missing, shape_in_words(field.shape)));
      }
    return {};
  }

  ApiResult<void> check_field(Json& value, const Field& field, const Path& path) {
    auto checked = check(value, field.shape, path);
    if (checked || field.treatment != Treatment::kRefused) return checked;
    return invalid(path.text(), "unsupported_parameter",
                   fmt::format("{} is not supported: {}", path.subject(), field.note));
  }

  static void remove_unknown(Json& value, const Shape& shape, std::string_view tag) {
    Json known = Json::object();
    for (auto& [name, member] : value.get_ref<Json::object_t&>())
      if (name == tag || find_field(shape, name)) append_new_key(known, name, std::move(member));
    value = std::move(known);
  }

  void note_unknown(const Path& path) {
    if (unknown_.size() < kMostUnknown) unknown_.push_back(path.text());
  }

  ApiResult<void> check_map(Json& value, const Shape& shape, const Path& path) {
    TRY_VOID(check_count(value.size(), "members", shape, path));
    for (auto& [name, member] : value.get_ref<Json::object_t&>()) {
      const Path here{.parent = &path, .name = name};
      if (shape.has_numeric_names && !is_number(name))
        return invalid(
            path.text(), "invalid_value",
            fmt::format("{} must name numbers of at most nine digits, not {}", path.subject(), in_quotes(name)));
      TRY_VOID(check(member, shape.inner[0], here));
    }
    return {};
  }

  ApiResult<void> check_either(Json& value, const Shape& shape, const Path& path) {
    const Shape* chosen = nullptr;
    for (const Shape& alternative : shape.inner) {
      if (!has_type_of(value, alternative)) continue;
      const bool fits_first =
          alternative.kind != Shape::Kind::kList || value.empty() || has_type_of(value[0], alternative.inner[0]);
      if (!chosen || fits_first) chosen = &alternative;
      if (fits_first) break;
    }
    if (!chosen) return wrong_type(value, shape, path);
    return check(value, *chosen, path);
  }

  ApiResult<void> check_tagged(Json& value, const Shape& shape, const Path& path) {
    const Path tag_path{.parent = &path, .name = shape.tag};
    if (value.size() > kMostMembers) return check_object(value, object({}), path);
    const auto found = value.find(shape.tag);
    const bool is_missing = found == value.end() || (found->is_null() && !shape.default_case.empty());
    if (is_missing && shape.default_case.empty())
      return invalid(tag_path.text(), "missing_required_parameter",
                     fmt::format("{} is missing; give {}", tag_path.text(), case_words(shape)));
    if (!is_missing && !found->is_string()) return wrong_type(*found, text(), tag_path);
    const std::string& name = is_missing ? shape.default_case : found->get_ref<const std::string&>();
    for (const Case& known_case : shape.cases) {
      if (known_case.value != name) continue;
      if (known_case.treatment == Treatment::kRefused)
        return invalid(tag_path.text(), "unsupported_value",
                       fmt::format("{} {} is not supported: {}", tag_path.text(), in_quotes(name), known_case.note));
      return check_object(value, known_case.shape, path, shape.tag);
    }
    return invalid(tag_path.text(), "invalid_value",
                   fmt::format("{} must be {}, not {}", tag_path.text(), case_words(shape), in_quotes(name)));
  }

  static std::string case_words(const Shape& shape) {
    std::vector<std::string> parts;
    for (const Case& one : shape.cases)
      if (one.treatment != Treatment::kRefused) parts.push_back(in_quotes(one.value));
    return joined(parts);
  }

  static ApiResult<void> check_constants(const Json& value, const Shape& shape, const Path& path) {
    for (const std::string& constant : shape.constants)
      if (value == Json::parse(constant)) return {};
    return invalid(path.text(), "invalid_value",
                   fmt::format("{} must be {}, not {}", path.subject(), shape_in_words(shape), found_in_words(value)));
  }

  std::vector<std::string>& unknown_;
};

}  // namespace

ApiResult<void> check_shape(Json& value, const Shape& shape, std::vector<std::string>& unknown) {
  return Checker(unknown).check(value, shape, {});
}

std::string in_quotes(std::string_view text) {
  size_t end = 0;
  for (size_t characters = 0; end < text.size() && characters < kMostQuoted; ++characters)
    end += decode_utf8(text.substr(end)).length;
  const std::string shown = printable(text.substr(0, end));
  return end < text.size() ? fmt::format("\"{}…\"", shown) : fmt::format("\"{}\"", shown);
}

}  // namespace paddock::server
