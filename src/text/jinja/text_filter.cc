// SPDX-License-Identifier: Apache-2.0
// The filters that make texts and numbers.
#include <algorithm>
#include <cmath>

#include "text/jinja/filter.h"
#include "text/jinja/format.h"
#include "text/jinja/iterate.h"
#include "text/jinja/number.h"
#include "text/jinja/print.h"
#include "text/jinja/string_ops.h"

namespace paddock::text::jinja {
namespace {

template <Case kCase>
Result<Value> apply_case(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("upper or lower", arguments, {}));
  return map_case(*TRY(to_string(subject, runtime.budget)).text(), kCase, runtime.budget);
}

Result<Value> apply_capitalize(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("capitalize", arguments, {}));
  return capitalize(*TRY(to_string(subject, runtime.budget)).text(), runtime.budget);
}

// Unlike str.title(): words begin after white space and opening signs only, so that "it's" stays one.
Result<Value> apply_title(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("title", arguments, {}));
  const Value string = TRY(to_string(subject, runtime.budget));
  const Text& text = *string.text();
  TRY_VOID(runtime.budget.scan(4 * text.size()));
  const auto begins_word_after = [](char32_t character) {
    return is_space(character) || std::u32string_view(U"-({[<").find(character) != std::u32string_view::npos;
  };
  TextBuilder out(runtime.budget);
  for (size_t begin = 0; begin < text.size();) {
    // One character in upper case and the rest of its word in lower: what ends a word has no case.
    size_t end = begin;
    do end = next_character(text.bytes(), end);
    while (end < text.size() && !begins_word_after(character_at(text.bytes(), previous_character(text.bytes(), end))));
    const Text first = text.slice(begin, next_character(text.bytes(), begin));
    out.append(*TRY(map_case(first, Case::kUpper, runtime.budget)).text());
    out.append(*TRY(map_case(text.slice(begin + first.size(), end), Case::kLower, runtime.budget)).text());
    begin = end;
  }
  return out.finish();
}

Result<Value> apply_trim(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("trim", arguments, {"chars"}));
  return strip(TRY(to_string(subject, runtime.budget)), TRY(bound.text_or_null(0)), Side::kBoth, runtime.budget);
}

Result<Value> apply_replace(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("replace", arguments, {"old", "new", "count"}, 2));
  const Value string = TRY(to_string(subject, runtime.budget));
  const Value old = TRY(to_string(bound[0], runtime.budget));
  const Value fresh = TRY(to_string(bound[1], runtime.budget));
  return replace(*string.text(), *old.text(), *fresh.text(), TRY(bound.index_or(2, -1)), runtime.budget);
}

Result<Value> apply_indent(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("indent", arguments, {"width", "first", "blank"}));
  TRY_VOID(check_defined(subject));
  if (!subject.text()) return failure("indent takes a text, not {}", type_name(subject));
  Budget& budget = runtime.budget;
  Value indentation;
  if (bound.get(0) && bound[0].text())
    indentation = bound[0];
  else
    indentation = TRY(repeat(Text(" ", false), bound.get(0) ? TRY(to_index(bound[0], "the width")) : 4, budget));
  Text ended = *subject.text();
  ended.append("\n", false);  // so that an empty last line counts as one
  const std::vector<Value> lines = TRY(split_lines(make_string(std::move(ended)), false, budget));
  TextBuilder out(budget);
  for (size_t line = 0; line < lines.size(); ++line) {
    if (line > 0) out.append("\n", false);
    const bool indented = line == 0 ? bound.is_true_at(1) : bound.is_true_at(2) || !lines[line].text()->empty();
    if (indented) out.append(*indentation.text());
    out.append(*lines[line].text());
    TRY_VOID(out.check());
  }
  return out.finish();
}

Result<Value> apply_center(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("center", arguments, {"width"}));
  const Value string = TRY(to_string(subject, runtime.budget));
  return pad(*string.text(), TRY(bound.index_or(0, 80)), Text(" ", false), Side::kBoth, runtime.budget);
}

Result<Value> apply_truncate(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("truncate", arguments, {"length", "killwords", "end", "leeway"}));
  Text end("...", false);
  if (bound.get(2)) end = *TRY(bound.text(2));
  const int64_t length = TRY(bound.index_or(0, 255));
  const int64_t leeway = TRY(bound.index_or(3, 5));
  const auto kept = length - static_cast<int64_t>(count_characters(end.bytes()));
  if (kept < 0 || leeway < 0) return failure("truncate needs a length of at least its end's and no negative leeway");
  const auto own_length = length_of(subject);
  if (!own_length) return failure("truncate takes a text, not {}", type_name(subject));
  if (*own_length - leeway <= length) return subject;
  if (!subject.text()) return failure("truncate takes a text, not {}", type_name(subject));
  const Text& text = *subject.text();
  TRY_VOID(runtime.budget.scan(2 * text.size()));
  size_t cut = offset_of_character(text.bytes(), static_cast<size_t>(kept));
  if (!bound.is_true_at(1)) cut = std::min(cut, find_last(text.bytes(), " ", 0, cut));  // back to the last whole word
  TextBuilder out(runtime.budget);
  out.append(text, 0, cut);
  out.append(end);
  return out.finish();
}

Result<Value> apply_wordcount(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("wordcount", arguments, {}));
  const Value string = TRY(to_string(subject, runtime.budget));
  const std::string& bytes = string.text()->bytes();
  TRY_VOID(runtime.budget.scan(4 * bytes.size()));
  Int words = 0;
  bool in_word = false;
  for (size_t offset = 0; offset < bytes.size(); offset = next_character(bytes, offset)) {
    const char32_t character = character_at(bytes, offset);
    const bool belongs = is_alphanumeric(character) || character == '_';
    if (belongs && !in_word) ++words;
    in_word = belongs;
  }
  return Value(words);
}

// Removes comments and tags; runs of white space become one space.
Result<Value> apply_striptags(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("striptags", arguments, {}));
  const Value string = TRY(to_string(subject, runtime.budget));
  Text text = *string.text();
  for (const auto& [open, close] : {std::pair{"<!--", "-->"}, std::pair{"<", ">"}}) {
    TRY_VOID(runtime.budget.build(text.size()));
    Text kept;
    size_t begin = 0;
    for (;;) {
      const size_t start = find_first(text.bytes(), open, begin, text.size());
      const size_t stop = start == std::string_view::npos ? start : find_first(text.bytes(), close, start, text.size());
      if (stop == std::string_view::npos) break;
      kept.append(text, begin, start);
      begin = stop + std::string_view(close).size();
    }
    kept.append(text, begin, text.size());
    text = std::move(kept);
  }
  TextBuilder out(runtime.budget);
  bool pending_space = false;
  for (size_t offset = 0; offset < text.size(); offset = next_character(text.bytes(), offset)) {
    if (is_space(character_at(text.bytes(), offset))) {
      pending_space = true;
      continue;
    }
    if (pending_space && !out.text().empty()) out.append(" ", false);
    pending_space = false;
    out.append(text, offset, next_character(text.bytes(), offset));
  }
  return out.finish();
}

Result<Value> apply_escape(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("escape", arguments, {}));
  if (const StringPtr* string = subject.as<StringPtr>(); string && (*string)->is_markup) return subject;
  return escape_html(*TRY(to_string(subject, runtime.budget)).text(), runtime.budget);
}

Result<Value> apply_forceescape(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("forceescape", arguments, {}));
  return escape_html(*TRY(to_string(subject, runtime.budget)).text(), runtime.budget);
}

Result<Value> apply_safe(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("safe", arguments, {}));
  const Value string = TRY(to_string(subject, runtime.budget));
  TRY_VOID(runtime.budget.build(string.text()->size()));
  return make_string(*string.text(), true);
}

Result<Value> apply_string(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("string", arguments, {}));
  return to_string(subject, runtime.budget);
}

Result<Value> apply_format(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.keyword.empty())
    return failure("format takes values in order or by name, not both");
  const Value string = TRY(to_string(subject, runtime.budget));
  if (arguments.keyword.empty())
    return format_percent(*string.text(), TRY(make_tuple(arguments.positional, runtime.budget)), runtime);
  DictBuilder named(runtime.budget);
  for (const auto& [name, value] : arguments.keyword) TRY_VOID(named.set(make_name(name), value));
  return format_percent(*string.text(), TRY(named.finish()), runtime);
}

// The indentation that json.dumps(indent=…) takes: a count of spaces or a text.
Result<std::optional<Text>> json_indent(const Value* value) {
  if (!value || value->is<None>()) return std::nullopt;
  if (const Text* text = value->text()) return *text;
  constexpr int64_t kWidest = 1000;
  const int64_t width = TRY(to_index(*value, "the indent of tojson"));
  if (width > kWidest) return failure("the indent of tojson is wider than {}", kWidest);
  return Text(std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' '), false);
}

Result<Value> apply_tojson(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ensure_ascii = bound.is_true_at(0);
  style.indent = TRY(json_indent(bound.get(1)));
  style.sort_keys = bound.is_true_at(3);
  style.item_separator = Text(style.indent ? "," : ", ", false);
  style.key_separator = Text(": ", false);
  if (bound.get(2) && !bound[2].is<None>()) {
    const std::vector<Value> separators = TRY(collect(bound[2], runtime));
    if (separators.size() != 2 || !separators[0].text() || !separators[1].text())
      return failure("the separators of tojson are two texts: one between items, one after keys");
    style.item_separator = *separators[0].text();
    style.key_separator = *separators[1].text();
  }
  TRY_VOID(check_defined(subject));
  return to_json(subject, style, runtime.budget);
}

Result<Value> apply_int(Runtime&, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("int", arguments, {"default", "base"}));
  TRY_VOID(check_defined(subject));
  const Value fallback = bound.get_or(0, Int{0});
  if (const auto integer = integer_of(subject)) return Value(*integer);
  if (const double* number = subject.as<double>()) {
    if (std::isnan(*number)) return fallback;
    const auto whole = truncate_float(*number);
    if (!whole) return failure("{} is beyond the integers of a template", print_float(*number));
    return Value(*whole);
  }
  const Text* text = subject.text();
  if (!text) return fallback;
  const int64_t base = TRY(bound.index_or(1, 10));
  if (base != 0 && (base < 2 || base > 36)) return failure("the base of int is 0 or from 2 to 36, not {}", base);
  if (const auto integer = parse_int(text->bytes(), static_cast<int>(base))) return Value(*integer);
  const auto number = parse_float(text->bytes());
  const auto whole = number ? truncate_float(*number) : std::nullopt;
  return whole ? Value(*whole) : fallback;
}

Result<Value> apply_float(Runtime&, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("float", arguments, {"default"}));
  TRY_VOID(check_defined(subject));
  if (const auto number = number_of(subject)) return Value(*number);
  const auto number = subject.text() ? parse_float(subject.text()->bytes()) : std::nullopt;
  return number ? Value(*number) : bound.get_or(0, 0.0);
}

Result<Value> apply_abs(Runtime&, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("abs", arguments, {}));
  TRY_VOID(check_defined(subject));
  if (const double* number = subject.as<double>()) return Value(std::fabs(*number));
  const auto integer = integer_of(subject);
  if (!integer) return failure("abs takes a number, not {}", type_name(subject));
  return Value(*integer < 0 ? -*integer : *integer);
}

// round() of Python: to the nearest decimal of the exact value, half to even.
Result<Value> round_half_even(const Value& subject, int64_t precision) {
  constexpr int64_t kMostDigits = 330;  // no double has more places before or after its point that matter
  if (const auto integer = integer_of(subject)) {
    if (precision >= 0) return Value(*integer);
    Int unit = 1;
    for (int64_t digit = 0; digit > precision; --digit)
      if (__builtin_mul_overflow(unit, Int{10}, &unit)) return Value(Int{0});
    const Int below = *integer / unit - (*integer % unit < 0 ? 1 : 0);
    const Int rest = *integer - below * unit;
    const bool up = 2 * (rest - unit / 2) > unit % 2 ? true : rest == unit / 2 && below % 2 != 0;
    return Value((below + (up ? 1 : 0)) * unit);
  }
  const double number = *subject.as<double>();
  if (!std::isfinite(number) || precision > kMostDigits) return Value(number);
  if (precision >= 0) return Value(parse_float(print_fixed(number, static_cast<int>(precision))).value_or(number));
  if (precision < -kMostDigits) return Value(std::copysign(0.0, number));
  const double unit = std::pow(10.0, static_cast<double>(-precision));
  return Value(std::nearbyint(number / unit) * unit);
}

Result<Value> apply_round(Runtime&, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("round", arguments, {"precision", "method"}));
  TRY_VOID(check_defined(subject));
  const auto number = number_of(subject);
  if (!number) return failure("round takes a number, not {}", type_name(subject));
  const int64_t precision = TRY(bound.index_or(0, 0));
  const Text* method = TRY(bound.text_or_null(1));
  if (!method || method->bytes() == "common") return round_half_even(subject, precision);
  if (method->bytes() != "ceil" && method->bytes() != "floor")
    return failure("the method of round is 'common', 'ceil' or 'floor', not '{}'", method->bytes());
  const double factor = std::pow(10.0, static_cast<double>(precision));
  const double scaled = *number * factor;
  if (!std::isfinite(scaled)) return failure("{} cannot be rounded", print_float(*number));
  return Value((method->bytes() == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / factor);
}

Result<Value> apply_filesizeformat(Runtime&, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("filesizeformat", arguments, {"binary"}));
  TRY_VOID(check_defined(subject));
  auto bytes = number_of(subject);
  if (!bytes && subject.text()) bytes = parse_float(subject.text()->bytes());
  if (!bytes) return failure("filesizeformat takes a number, not {}", type_name(subject));
  const bool binary = bound.is_true_at(0);
  const double base = binary ? 1024 : 1000;
  if (*bytes == 1) return make_name("1 Byte");
  if (*bytes < base) return make_name(fmt::format("{} Bytes", print_int(truncate_float(*bytes).value_or(0))));
  const std::string_view prefixes = binary ? "KMGTPEZY" : "kMGTPEZY";
  double unit = base;
  size_t prefix = 0;
  while (prefix + 1 < prefixes.size() && *bytes >= unit * base) {
    unit *= base;
    ++prefix;
  }
  return make_name(fmt::format("{} {}{}", print_fixed(*bytes / unit, 1), prefixes[prefix], binary ? "iB" : "B"));
}

constexpr Filter kTextFilters[] = {
    {"abs", apply_abs},
    {"capitalize", apply_capitalize},
    {"center", apply_center},
    {"e", apply_escape},
    {"escape", apply_escape},
    {"filesizeformat", apply_filesizeformat},
    {"float", apply_float},
    {"forceescape", apply_forceescape},
    {"format", apply_format},
    {"indent", apply_indent},
    {"int", apply_int},
    {"lower", apply_case<Case::kLower>},
    {"replace", apply_replace},
    {"round", apply_round},
    {"safe", apply_safe},
    {"string", apply_string},
    {"striptags", apply_striptags},
    {"title", apply_title},
    {"tojson", apply_tojson},
    {"trim", apply_trim},
    {"truncate", apply_truncate},
    {"upper", apply_case<Case::kUpper>},
    {"wordcount", apply_wordcount},
};

}  // namespace

const Filter* find_text_filter(std::string_view name) {
  for (const Filter& filter : kTextFilters)
    if (filter.name == name) return &filter;
  return nullptr;
}

const Filter* find_filter(std::string_view name) {
  const Filter* filter = find_text_filter(name);
  return filter ? filter : find_sequence_filter(name);
}

}  // namespace paddock::text::jinja
