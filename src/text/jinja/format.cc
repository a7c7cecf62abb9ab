// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/utf8.h"
#include "text/jinja/access.h"
#include "text/jinja/number.h"
#include "text/jinja/print.h"
#include "text/jinja/unicode.h"

namespace paddock::text::jinja {
namespace {

// No format of a sane template is wider; the bound keeps the C library's buffers small.
constexpr int64_t kMaxWidth = 10'000;

bool is_any(char character, std::string_view set) { return set.find(character) != std::string_view::npos; }

// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct Spec {
  std::string fill = " ";
  char align = 0;  // < > ^ =, or 0 for the type's own
  char sign = '-';
  bool alternate = false;
  char grouping = 0;  // , or _
  int64_t width = 0;
  std::optional<int64_t> precision;
  char type = 0;
};

Result<int64_t> read_number(std::string_view text, size_t& offset) {
  int64_t number = 0;
  for (; offset < text.size() && text[offset] >= '0' && text[offset] <= '9'; ++offset) {
    number = number * 10 + (text[offset] - '0');
    if (number > kMaxWidth) return failure("a width or precision in a format is larger than {}", kMaxWidth);
  }
  return number;
}

bool is_digit_at(std::string_view text, size_t offset) {
  return offset < text.size() && text[offset] >= '0' && text[offset] <= '9';
}

bool is_align(char character) { return is_any(character, "<>^="); }

Result<Spec> parse_spec(std::string_view text) {
  Spec spec;
  size_t offset = 0;
  const auto at = [&](size_t index) { return index < text.size() ? text[index] : '\0'; };
  const size_t after_fill = text.empty() ? 0 : next_character(text, 0);
  const bool has_fill = after_fill > 0 && is_align(at(after_fill));
  if (has_fill) {
    spec.fill = text.substr(0, after_fill);
    spec.align = text[after_fill];
    offset = after_fill + 1;
  } else if (is_align(at(0))) {
    spec.align = text[0];
    offset = 1;
  }
  if (at(offset) == '+' || at(offset) == '-' || at(offset) == ' ') spec.sign = text[offset++];
  if (at(offset) == '#') spec.alternate = true, ++offset;
  if (at(offset) == '0') {  // zeros between the sign and the digits, unless a fill or an alignment says otherwise
    if (!has_fill) spec.fill = "0";
    if (spec.align == 0 && !has_fill) spec.align = '=';
    ++offset;
  }
  spec.width = TRY(read_number(text, offset));
  if (at(offset) == ',' || at(offset) == '_') spec.grouping = text[offset++];
  if (at(offset) == '.') {
    ++offset;
    if (!is_digit_at(text, offset)) return failure("the format '{}' has a point without a precision", text);
    spec.precision = TRY(read_number(text, offset));
  }
  if (offset < text.size()) spec.type = text[offset++];
  if (offset < text.size()) return failure("the format '{}' is not one that Python knows", text);
  return spec;
}

std::string group(std::string digits, char separator) {
  size_t end = digits.find_first_not_of("0123456789");
  if (end == std::string::npos) end = digits.size();
  for (size_t place = end; place > 3; place -= 3) digits.insert(place - 3, 1, separator);
  return digits;
}

std::string print_c(const char* format, int precision, double number) {
  const int size = std::snprintf(nullptr, 0, format, precision, number);
  std::string text(static_cast<size_t>(size), '\0');
  std::snprintf(text.data(), text.size() + 1, format, precision, number);
  return text;
}

// A non-negative float as the type letter says.
std::string float_digits(double number, char type, std::optional<int64_t> precision, bool alternate) {
  const int digits = static_cast<int>(precision.value_or(6));
  std::string text;
  switch (type) {
    case 'e': text = print_c(alternate ? "%#.*e" : "%.*e", digits, number); break;
    case 'E': text = print_c(alternate ? "%#.*E" : "%.*E", digits, number); break;
    case 'f': text = print_c(alternate ? "%#.*f" : "%.*f", digits, number); break;
    case 'F': text = print_c(alternate ? "%#.*F" : "%.*F", digits, number); break;
    case 'g': text = print_c(alternate ? "%#.*g" : "%.*g", digits, number); break;
    case 'G': text = print_c(alternate ? "%#.*G" : "%.*G", digits, number); break;
    case '%': return print_c("%.*f", digits, number * 100) + "%";
    default: {
      if (!precision) return print_float(number);
      text = print_c("%.*g", std::max(digits, 1), number);
      if (text.find_first_not_of("0123456789") == std::string::npos) text += ".0";
    }
  }
  return text;
}

// Pads `body`, whose sign and prefix are its first `sign_bytes`.
void append_padded(TextBuilder& out, const Text& body, size_t sign_bytes, const Spec& spec, char own_align) {
  const auto size = static_cast<int64_t>(count_characters(body.bytes()));
  const int64_t missing = std::max<int64_t>(spec.width - size, 0);
  const char align = spec.align != 0 ? spec.align : own_align;
  const int64_t before = align == '>' || align == '=' ? missing : align == '^' ? missing / 2 : 0;
  const auto pad = [&](int64_t count) {
    for (int64_t index = 0; index < count; ++index) out.append(spec.fill, false);
  };
  const size_t head = align == '=' ? sign_bytes : 0;
  out.append(body, 0, head);
  pad(before);
  out.append(body, head, body.size());
  pad(missing - before);
}

Result<void> append_int(TextBuilder& out, Int number, const Spec& spec) {
  int base = 10;
  std::string prefix = number < 0 ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  switch (spec.type) {
    case 0:
    case 'd':
    case 'n':
    case 'i':
    case 'u': break;
    case 'x':
    case 'X': base = 16; break;
    case 'o': base = 8; break;
    case 'b': base = 2; break;
    default: return failure("'{}' does not format an integer", spec.type);
  }
  std::string digits = print_int(number, base);
  if (number < 0) digits.erase(0, 1);
  if (base != 10 && spec.alternate) prefix += std::string("0") + spec.type;
  if (spec.type == 'X')
    std::transform(digits.begin(), digits.end(), digits.begin(),
                   [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
  if (spec.grouping != 0) digits = group(std::move(digits), spec.grouping);
  append_padded(out, Text(prefix + digits, false), prefix.size(), spec, '>');
  return {};
}

Result<void> append_float(TextBuilder& out, double number, const Spec& spec) {
  if (spec.type != 0 && !is_any(spec.type, "eEfFgGn%")) return failure("'{}' does not format a float", spec.type);
  const bool negative = std::signbit(number) && !std::isnan(number);
  const std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  std::string digits =
      float_digits(std::fabs(number), spec.type == 'n' ? 'g' : spec.type, spec.precision, spec.alternate);
  if (spec.grouping != 0) digits = group(std::move(digits), spec.grouping);
  append_padded(out, Text(sign + digits, false), sign.size(), spec, '>');
  return {};
}

void append_text(TextBuilder& out, const Text& text, const Spec& spec) {
  size_t end = text.size();
  if (spec.precision && static_cast<size_t>(*spec.precision) < count_characters(text.bytes()))
    end = offset_of_character(text.bytes(), static_cast<size_t>(*spec.precision));
  append_padded(out, text.slice(0, end), 0, spec, '<');
}

// format(value, spec) of Python.
Result<void> append_formatted(TextBuilder& out, const Value& value, std::string_view spec_text) {
  if (spec_text.empty()) return append_str(out, value);
  const Spec spec = TRY(parse_spec(spec_text));
  if (const Text* text = value.text()) {
    if (spec.type != 0 && spec.type != 's') return failure("'{}' does not format a text", spec.type);
    append_text(out, *text, spec);
    return {};
  }
  const bool wants_float = spec.type != 0 && is_any(spec.type, "eEfFgG%");
  if (const auto integer = integer_of(value); integer && !wants_float) return append_int(out, *integer, spec);
  if (const auto number = number_of(value)) return append_float(out, *number, spec);
  return failure("a value of type {} takes no format; print it with |string first", type_name(value));
}

class PercentFormatter {
 public:
  PercentFormatter(const Text& format, const Value& values, Runtime& runtime)
      : format_(format), bytes_(format.bytes()), values_(values), runtime_(runtime), out_(runtime.budget) {
    if (const Tuple* tuple = values.as<Tuple>()) {
      positional_ = tuple->items->values;
    } else {
      positional_ = {values};
    }
  }

  Result<Value> run() {
    size_t plain_begin = 0;
    for (size_t offset = bytes_.find('%'); offset != std::string_view::npos; offset = bytes_.find('%', plain_begin)) {
      out_.append(format_, plain_begin, offset);
      plain_begin = offset + 1;
      TRY_VOID(conversion(plain_begin));
      TRY_VOID(out_.check());
    }
    out_.append(format_, plain_begin, bytes_.size());
    // Python asks for no more places where the only value has items to name: a mapping, but also a list.
    const bool has_items =
        values_.is<DictPtr>() || values_.is<List>() || values_.is<Range>() || values_.is<Undefined>();
    const bool all_used = used_ == positional_.size() || has_items;
    if (!all_used) return failure("a %-format was given more values than it has places for");
    return out_.finish();
  }

 private:
  Result<Value> next_value() {
    if (used_ >= positional_.size()) return failure("a %-format has more places than the values given");
    return positional_[used_++];
  }

  Result<int64_t> width_at(size_t& offset) {
    if (offset >= bytes_.size() || bytes_[offset] != '*') return read_number(bytes_, offset);
    ++offset;
    const Value value = TRY(next_value());
    const int64_t width = TRY(to_index(value, "the width of a %-format"));
    if (width < -kMaxWidth || width > kMaxWidth)
      return failure("a width or precision in a format is larger than {}", kMaxWidth);
    return width;
  }

  // The conversion whose % stands before `offset`; moves past it.
  Result<void> conversion(size_t& offset) {
    Spec spec;
    std::optional<Value> named;
    if (offset < bytes_.size() && bytes_[offset] == '(') {
      const size_t close = bytes_.find(')', offset);
      const DictPtr* dict = values_.as<DictPtr>();
      if (close == std::string_view::npos || !dict) return failure("a %-format with names needs a mapping");
      const std::string_view name = bytes_.substr(offset + 1, close - offset - 1);
      const Value* value = (*dict)->find(name);
      if (!value) return failure("a %-format names '{}', which its mapping does not have", name);
      named = *value;
      offset = close + 1;
    }
    bool zero = false;
    bool left = false;
    for (; offset < bytes_.size() && is_any(bytes_[offset], "-+ #0"); ++offset) {
      const char flag = bytes_[offset];
      left |= flag == '-';
      zero |= flag == '0';
      spec.alternate |= flag == '#';
      if (flag == '+' || (flag == ' ' && spec.sign != '+')) spec.sign = flag;
    }
    spec.width = TRY(width_at(offset));
    if (spec.width < 0) {
      left = true;
      spec.width = -spec.width;
    }
    if (offset < bytes_.size() && bytes_[offset] == '.') {
      ++offset;
      spec.precision = std::max<int64_t>(TRY(width_at(offset)), 0);
    }
    while (offset < bytes_.size() && is_any(bytes_[offset], "hlL")) ++offset;
    if (offset >= bytes_.size()) return failure("a %-format ends within a place for a value");
    spec.type = bytes_[offset++];
    if (spec.type == '%') return out_.append("%", format_.from_template_at(offset - 1)), Result<void>();
    const Value value = named ? *named : TRY(next_value());
    return convert(value, spec, zero, left);
  }

  Result<void> convert(const Value& value, Spec spec, bool zero, bool left) {
    spec.align = left ? '<' : '>';
    const char type = spec.type;
    if (type == 's' || type == 'r' || type == 'a') {
      TextBuilder text(runtime_.budget);
      TRY_VOID(type == 's' ? append_str(text, value) : append_repr(text, value));
      append_text(out_, text.text(), spec);
      return {};
    }
    if (type == 'c') return convert_character(value, spec);
    if (zero && !left) {
      spec.fill = "0";
      spec.align = '=';
    }
    TRY_VOID(check_defined(value));
    const auto number = number_of(value);
    if (!number) return failure("%{} formats a number, not a {}", type, type_name(value));
    if (is_any(type, "eEfFgG")) return append_float(out_, *number, spec);
    if (!is_any(type, "diuxXo")) return failure("%{} is not a format that Python knows", type);
    const auto integer = value.is<double>() && is_any(type, "diu") ? truncate_float(*number) : integer_of(value);
    if (!integer) return failure("%{} formats an integer, not a {}", type, type_name(value));
    if (spec.precision) {
      Spec digits;
      digits.type = type;
      digits.fill = "0";
      digits.align = '=';
      digits.width = *spec.precision + (*integer < 0 || spec.sign != '-' ? 1 : 0);
      digits.sign = spec.sign;
      TextBuilder text(runtime_.budget);
      TRY_VOID(append_int(text, *integer, digits));
      append_padded(out_, text.text(), 0, spec, '>');
      return {};
    }
    return append_int(out_, *integer, spec);
  }

  Result<void> convert_character(const Value& value, const Spec& spec) {
    Text character;
    if (const Text* text = value.text()) {
      if (count_characters(text->bytes()) != 1) return failure("%c formats one character, not a longer text");
      character = *text;
    } else {
      const int64_t code = TRY(to_index(value, "the value of %c"));
      if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return failure("{} is not a character", code);
      std::string bytes;
      append_utf8(bytes, static_cast<char32_t>(code));
      character = Text(bytes, false);
    }
    append_padded(out_, character, 0, spec, '>');
    return {};
  }

  const Text& format_;
  std::string_view bytes_;
  const Value& values_;
  Runtime& runtime_;
  TextBuilder out_;
  std::vector<Value> positional_;
  size_t used_ = 0;
};

class BraceFormatter {
 public:
  BraceFormatter(const Arguments& values, Runtime& runtime) : values_(values), runtime_(runtime) {}

  // A spec may hold fields itself, one level deep.
  Result<void> run(const Text& format, TextBuilder& out, int levels) {
    const std::string_view bytes = format.bytes();
    if (levels == 0) return failure("a format has fields inside the fields of a field");
    for (size_t offset = 0; offset < bytes.size();) {
      const size_t brace = std::min(bytes.find_first_of("{}", offset), bytes.size());
      out.append(format, offset, brace);
      if (brace == bytes.size()) break;
      if (brace + 1 < bytes.size() && bytes[brace + 1] == bytes[brace]) {
        out.append(format, brace, brace + 1);
        offset = brace + 2;
        continue;
      }
      if (bytes[brace] == '}') return failure("a format has a single '}}'; write it twice to print one");
      const size_t end = TRY(end_of_field(bytes, brace));
      TRY_VOID(field(format.slice(brace + 1, end), out, levels));
      TRY_VOID(out.check());
      offset = end + 1;
    }
    return {};
  }

 private:
  static Result<size_t> end_of_field(std::string_view bytes, size_t open) {
    int nesting = 0;
    for (size_t offset = open; offset < bytes.size(); ++offset) {
      if (bytes[offset] == '{') ++nesting;
      if (bytes[offset] == '}' && --nesting == 0) return offset;
    }
    return failure("a format has a '{{' without its '}}'");
  }

  // name[!conversion][:spec]
  Result<void> field(const Text& text, TextBuilder& out, int levels) {
    const std::string_view bytes = text.bytes();
    size_t name_end = 0;
    bool in_brackets = false;
    for (; name_end < bytes.size() && (in_brackets || (bytes[name_end] != '!' && bytes[name_end] != ':')); ++name_end)
      in_brackets = bytes[name_end] == '[' || (in_brackets && bytes[name_end] != ']');
    Value value = TRY(lookup(bytes.substr(0, name_end)));
    size_t offset = name_end;
    if (offset < bytes.size() && bytes[offset] == '!') {
      const char conversion = offset + 1 < bytes.size() ? bytes[offset + 1] : '\0';
      if (conversion != 's' && conversion != 'r' && conversion != 'a')
        return failure("a format has an unknown conversion after '!'");
      TextBuilder converted(runtime_.budget);
      TRY_VOID(conversion == 's' ? append_str(converted, value) : append_repr(converted, value));
      value = TRY(converted.finish());
      offset += 2;
      if (offset < bytes.size() && bytes[offset] != ':') return failure("a format expects ':' after its conversion");
    }
    if (offset >= bytes.size()) return append_str(out, value);
    TextBuilder spec(runtime_.budget);
    TRY_VOID(run(text.slice(offset + 1, text.size()), spec, levels - 1));
    return append_formatted(out, value, spec.text().bytes());
  }

  Result<Value> lookup(std::string_view path) {
    const size_t first_end = std::min(path.find_first_of(".["), path.size());
    Value value = TRY(argument(path.substr(0, first_end)));
    for (size_t offset = first_end; offset < path.size();) {
      const bool is_attribute = path[offset] == '.';
      const size_t end =
          is_attribute ? std::min(path.find_first_of(".[", offset + 1), path.size()) : path.find(']', offset);
      if (end == std::string_view::npos || end == offset + 1)
        return failure("the field '{}' of a format is incomplete", path);
      const std::string_view key = path.substr(offset + 1, end - offset - 1);
      const bool is_index = key.find_first_not_of("0123456789") == std::string_view::npos;
      const auto index = is_index ? parse_int(key) : std::nullopt;
      value = TRY(is_attribute ? get_attribute(value, key, runtime_)
                               : get_item(value, index ? Value(*index) : make_name(key), runtime_));
      offset = is_attribute ? end : end + 1;
      if (!is_attribute && offset < path.size() && path[offset] != '.' && path[offset] != '[')
        return failure("the field '{}' of a format has text after its ']'", path);
    }
    return value;
  }

  Result<Value> argument(std::string_view name) {
    const bool is_index = name.find_first_not_of("0123456789") == std::string_view::npos;
    if (!is_index) {
      const Value* value = values_.find(name);
      if (!value) return failure("a format names '{}', which is not among its values", name);
      return *value;
    }
    const auto index = name.empty() ? std::optional<Int>(next_++) : parse_int(name);
    (name.empty() ? automatic_ : manual_) = true;
    if (automatic_ && manual_) return failure("a format mixes numbered and unnumbered fields");
    if (!index || *index >= static_cast<Int>(values_.positional.size()))
      return failure("a format has more fields than the values given");
    return values_.positional[static_cast<size_t>(*index)];
  }

  const Arguments& values_;
  Runtime& runtime_;
  int64_t next_ = 0;
  bool automatic_ = false;
  bool manual_ = false;
};

}  // namespace

Result<Value> format_percent(const Text& format, const Value& values, Runtime& runtime) {
  return PercentFormatter(format, values, runtime).run();
}

Result<Value> format_braces(const Text& format, const Arguments& values, Runtime& runtime) {
  TextBuilder out(runtime.budget);
  TRY_VOID(BraceFormatter(values, runtime).run(format, out, 2));
  return out.finish();
}

}  // namespace paddock::text::jinja
