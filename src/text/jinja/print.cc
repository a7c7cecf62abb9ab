// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/print.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "text/jinja/function.h"
#include "text/jinja/macro.h"
#include "text/jinja/method.h"
#include "text/jinja/number.h"
#include "text/jinja/runtime.h"
#include "text/jinja/unicode.h"

namespace paddock::text::jinja {
namespace {

// Namespaces may hold themselves; everything else ends before.
constexpr int kMaxPrintDepth = 400;

// The escape that repr() prints for a character, or nothing where the character itself is printed.
std::string repr_escape(char32_t character, char quote) {
  if (character == static_cast<unsigned char>(quote) || character == '\\') return {'\\', static_cast<char>(character)};
  if (character == '\n') return "\\n";
  if (character == '\r') return "\\r";
  if (character == '\t') return "\\t";
  if (is_printable(character)) return "";
  const auto number = static_cast<uint32_t>(character);
  if (number < 0x100) return fmt::format("\\x{:02x}", number);
  return number < 0x10000 ? fmt::format("\\u{:04x}", number) : fmt::format("\\U{:08x}", number);
}

void append_string_repr(TextBuilder& out, const Text& text) {
  const std::string& bytes = text.bytes();
  const bool has_single = bytes.find('\'') != std::string::npos;
  const char quote = has_single && bytes.find('"') == std::string::npos ? '"' : '\'';
  out.append({&quote, 1}, false);
  size_t plain_begin = 0;
  for (size_t offset = 0; offset < bytes.size();) {
    const size_t next = next_character(bytes, offset);
    const std::string escape = repr_escape(character_at(bytes, offset), quote);
    if (!escape.empty()) {
      out.append(text, plain_begin, offset);
      out.append(escape, text.from_template_at(offset));
      plain_begin = next;
    }
    offset = next;
  }
  out.append(text, plain_begin, bytes.size());
  out.append({&quote, 1}, false);
}

class ReprPrinter {
 public:
  explicit ReprPrinter(TextBuilder& out) : out_(out) {}

  Result<void> print(const Value& value) {
    const DepthGuard guard(depth_);
    TRY_VOID(out_.check());
    if (depth_ > kMaxPrintDepth)
      return error(ErrorCode::kLimit, "a namespace of the template that holds itself cannot be printed");
    if (const Text* text = value.text()) {
      append_string_repr(out_, *text);
      return {};
    }
    if (value.is<List>()) return print_items(*value.items(), "[", "]");
    if (const Tuple* tuple = value.as<Tuple>())
      return print_items(tuple->items->values, "(", tuple->items->values.size() == 1 ? ",)" : ")");
    if (const DictPtr* dict = value.as<DictPtr>()) return print_dict(**dict);
    if (const DictView* view = value.as<DictView>()) return print_view(*view, type_name(value));
    if (const auto* names = value.object<Namespace>()) return print_namespace(*names);
    put(scalar(value));
    return {};
  }

 private:
  void put(std::string_view text) { out_.append(text, false); }

  static std::string scalar(const Value& value) {
    if (value.is<Undefined>()) return "Undefined";
    if (value.is<None>()) return "None";
    if (const bool* flag = value.as<bool>()) return *flag ? "True" : "False";
    if (const Int* integer = value.as<Int>()) return print_int(*integer);
    if (const double* number = value.as<double>()) return print_float(*number);
    if (const Range* range = value.as<Range>()) {
      const int64_t stop = range->stop;
      return range->step == 1 ? fmt::format("range({}, {})", range->start, stop)
                              : fmt::format("range({}, {}, {})", range->start, stop, range->step);
    }
    if (const auto* function = value.as<const Function*>()) return fmt::format("<function {}>", (*function)->name);
    if (const auto* bound = value.as<BoundMethod>())
      return fmt::format("<built-in method {} of {} object>", bound->method->name, type_name(*bound->self));
    if (const auto* macro = value.object<Macro>()) return fmt::format("<Macro '{}'>", macro->name);
    return fmt::format("<{} object>", type_name(value));
  }

  Result<void> print_items(const std::vector<Value>& items, std::string_view open, std::string_view close) {
    put(open);
    for (size_t index = 0; index < items.size(); ++index) {
      if (index > 0) put(", ");
      TRY_VOID(print(items[index]));
    }
    put(close);
    return {};
  }

  Result<void> print_dict(const Dict& dict) {
    put("{");
    for (size_t index = 0; index < dict.size(); ++index) {
      if (index > 0) put(", ");
      TRY_VOID(print(dict.entries()[index].key));
      put(": ");
      TRY_VOID(print(dict.entries()[index].value));
    }
    put("}");
    return {};
  }

  Result<void> print_view(const DictView& view, const std::string& name) {
    put(name);
    put("([");
    for (size_t index = 0; index < view.dict->size(); ++index) {
      const Dict::Entry& entry = view.dict->entries()[index];
      const bool items = view.part == DictView::Part::kItems;
      if (index > 0) put(", ");
      if (items) put("(");
      if (view.part != DictView::Part::kValues) TRY_VOID(print(entry.key));
      if (items) put(", ");
      if (view.part != DictView::Part::kKeys) TRY_VOID(print(entry.value));
      if (items) put(")");
    }
    put("])");
    return {};
  }

  Result<void> print_namespace(const Namespace& names) {
    put("<Namespace {");
    for (size_t index = 0; index < names.attributes.size(); ++index) {
      const auto& [name, value] = names.attributes[index];
      if (index > 0) put(", ");
      put("'" + name + "': ");
      TRY_VOID(print(value));
    }
    put("}>");
    return {};
  }

  TextBuilder& out_;
  int depth_ = 0;
};

// The escape that JSON needs, or nothing where the character itself is printed.
std::string json_escape(char32_t character, bool ensure_ascii) {
  switch (character) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\f': return "\\f";
    case '\b': return "\\b";
    default: break;
  }
  const auto number = static_cast<uint32_t>(character);
  if (number < 0x20) return fmt::format("\\u{:04x}", number);
  if (number < 0x80 || !ensure_ascii) return "";
  if (number < 0x10000) return fmt::format("\\u{:04x}", number);
  return fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((number - 0x10000) >> 10), 0xDC00 + ((number - 0x10000) & 0x3FF));
}

void append_json_string(TextBuilder& out, const Text& text, bool ensure_ascii) {
  const std::string& bytes = text.bytes();
  out.append("\"", false);
  size_t plain_begin = 0;
  for (size_t offset = 0; offset < bytes.size();) {
    const size_t next = next_character(bytes, offset);
    const std::string escape = json_escape(character_at(bytes, offset), ensure_ascii);
    if (!escape.empty()) {
      out.append(text, plain_begin, offset);
      out.append(escape, text.from_template_at(offset));
      plain_begin = next;
    }
    offset = next;
  }
  out.append(text, plain_begin, bytes.size());
  out.append("\"", false);
}

std::string json_number(double number) {
  const std::string text = print_float(number);
  if (text == "nan") return "NaN";
  return text == "inf" ? "Infinity" : text == "-inf" ? "-Infinity" : text;
}

class JsonPrinter {
 public:
  JsonPrinter(TextBuilder& out, const JsonStyle& style, Budget& budget) : out_(out), style_(style), budget_(budget) {}

  Result<void> print(const Value& value) {
    TRY_VOID(out_.check());
    if (const auto scalar = json_scalar(value)) {
      put(*scalar);
      return {};
    }
    if (const Text* text = value.text()) {
      append_json_string(out_, *text, style_.ensure_ascii);
      return {};
    }
    if (const auto* items = value.items()) return print_items(*items);
    if (const DictPtr* dict = value.as<DictPtr>()) return print_dict(**dict);
    return failure("tojson cannot print a value of type {}", type_name(value));
  }

 private:
  void put(std::string_view text) { out_.append(text, false); }

  static std::optional<std::string> json_scalar(const Value& value) {
    if (value.is<None>()) return "null";
    if (const bool* flag = value.as<bool>()) return *flag ? "true" : "false";
    if (const Int* integer = value.as<Int>()) return print_int(*integer);
    if (const double* number = value.as<double>()) return json_number(*number);
    return std::nullopt;
  }

  void new_line() {
    if (!style_.indent) return;
    put("\n");
    for (int level = 0; level < level_; ++level) out_.append(*style_.indent);
  }

  Result<void> print_items(const std::vector<Value>& items) {
    if (items.empty()) return put("[]"), Result<void>();
    put("[");
    ++level_;
    for (size_t index = 0; index < items.size(); ++index) {
      if (index > 0) out_.append(style_.item_separator);
      new_line();
      TRY_VOID(print(items[index]));
    }
    --level_;
    new_line();
    put("]");
    return {};
  }

  Result<std::vector<const Dict::Entry*>> ordered(const Dict& dict) {
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (!style_.sort_keys) return entries;
    std::optional<Error> failed;
    std::stable_sort(entries.begin(), entries.end(), [&](const Dict::Entry* left, const Dict::Entry* right) {
      if (failed) return false;
      const auto less = is_less(left->key, right->key, budget_);
      if (!less) failed = less.error();
      return less && *less;
    });
    if (failed) return tl::unexpected(*failed);
    return entries;
  }

  Result<void> print_dict(const Dict& dict) {
    if (dict.size() == 0) return put("{}"), Result<void>();
    put("{");
    ++level_;
    bool first = true;
    for (const Dict::Entry* entry : TRY(ordered(dict))) {
      if (!std::exchange(first, false)) out_.append(style_.item_separator);
      new_line();
      TRY_VOID(print_key(entry->key));
      out_.append(style_.key_separator);
      TRY_VOID(print(entry->value));
    }
    --level_;
    new_line();
    put("}");
    return {};
  }

  Result<void> print_key(const Value& key) {
    if (const Text* text = key.text()) {
      append_json_string(out_, *text, style_.ensure_ascii);
      return {};
    }
    const auto scalar = json_scalar(key);
    if (!scalar) return failure("tojson cannot print a key of type {}", type_name(key));
    put("\"" + *scalar + "\"");
    return {};
  }

  TextBuilder& out_;
  const JsonStyle& style_;
  Budget& budget_;
  int level_ = 0;
};

}  // namespace

Result<void> append_repr(TextBuilder& out, const Value& value) { return ReprPrinter(out).print(value); }

Result<void> append_str(TextBuilder& out, const Value& value) {
  if (value.is<Undefined>()) return {};
  if (const Text* text = value.text()) {
    out.append(*text);
    return out.check();
  }
  return append_repr(out, value);
}

Result<Value> to_string(const Value& value, Budget& budget) {
  if (value.text()) return value;
  TextBuilder out(budget);
  TRY_VOID(append_str(out, value));
  return out.finish();
}

Result<Value> to_json(const Value& value, const JsonStyle& style, Budget& budget) {
  TextBuilder out(budget);
  TRY_VOID(JsonPrinter(out, style, budget).print(value));
  return out.finish();
}

}  // namespace paddock::text::jinja
