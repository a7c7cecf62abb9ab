// SPDX-License-Identifier: Apache-2.0
// The methods of Python's str. Positions count characters; where a string is searched, its bytes are, because one UTF-8
// character is never part of another.
#include <algorithm>
#include <limits>

#include "text/jinja/format.h"
#include "text/jinja/iterate.h"
#include "text/jinja/method.h"
#include "text/jinja/number.h"
#include "text/jinja/string_ops.h"

namespace paddock::text::jinja {
namespace {

constexpr size_t kNowhere = std::string_view::npos;

template <Side kSide>
Result<Value> call_strip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("strip", arguments, {"chars"}));
  return strip(self, TRY(bound.text_or_null(0)), kSide, runtime.budget);
}

template <Case kCase>
Result<Value> call_case(Runtime& runtime, const Value& self, const Arguments& arguments) {
  TRY_VOID(Bound::bind("a change of case", arguments, {}));
  return map_case(*self.text(), kCase, runtime.budget);
}

Result<Value> call_capitalize(Runtime& runtime, const Value& self, const Arguments& arguments) {
  TRY_VOID(Bound::bind("capitalize", arguments, {}));
  return capitalize(*self.text(), runtime.budget);
}

Result<Value> call_swapcase(Runtime& runtime, const Value& self, const Arguments& arguments) {
  TRY_VOID(Bound::bind("swapcase", arguments, {}));
  const Text& text = *self.text();
  TRY_VOID(runtime.budget.scan(4 * text.size()));
  TextBuilder out(runtime.budget);
  for (size_t offset = 0; offset < text.size(); offset = next_character(text.bytes(), offset)) {
    std::string swapped;
    const bool upper = is_uppercase(character_at(text.bytes(), offset));
    append_mapped(swapped, text.bytes(), offset, upper ? Case::kLower : Case::kUpper);
    out.append(swapped, text.from_template_at(offset));
  }
  return out.finish();
}

// The bytes [begin, end) that the optional arguments start and end of a search allow; begin > end when there are none.
struct Window {
  size_t begin;
  size_t end;
};
Result<Window> window_of(const Value& self, const Bound& bound, size_t start_parameter) {
  const String& string = **self.as<StringPtr>();
  const auto size = static_cast<int64_t>(string.characters);
  const auto clamp = [&](int64_t index) { return index < 0 ? std::max<int64_t>(index + size, 0) : index; };
  const int64_t start = clamp(TRY(bound.index_or(start_parameter, 0)));
  const int64_t stop = std::min(clamp(TRY(bound.index_or(start_parameter + 1, size))), size);
  if (start > stop) return Window{1, 0};
  const size_t begin = offset_of_character(string.text.bytes(), static_cast<size_t>(start));
  const std::string_view rest = std::string_view(string.text.bytes()).substr(begin);
  return Window{begin, begin + offset_of_character(rest, static_cast<size_t>(stop - start))};
}

enum class Search { kFirst, kLast };

template <Search kSearch>
Result<std::optional<int64_t>> search(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("a search", arguments, {"sub", "start", "end"}, 1));
  const Text& part = *TRY(bound.text(0));
  const std::string& bytes = self.text()->bytes();
  TRY_VOID(runtime.budget.scan(3 * bytes.size()));
  const Window window = TRY(window_of(self, bound, 1));
  const size_t found = kSearch == Search::kFirst ? find_first(bytes, part.bytes(), window.begin, window.end)
                                                 : find_last(bytes, part.bytes(), window.begin, window.end);
  if (found == kNowhere) return std::nullopt;
  return static_cast<int64_t>(count_characters(std::string_view(bytes).substr(0, found)));
}

template <Search kSearch>
Result<Value> call_find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return Value(Int{TRY(search<kSearch>(runtime, self, arguments)).value_or(-1)});
}

template <Search kSearch>
Result<Value> call_index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto found = TRY(search<kSearch>(runtime, self, arguments));
  if (!found) return failure("index() did not find its text; use find() where that may happen");
  return Value(Int{*found});
}

Result<Value> call_count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("count", arguments, {"sub", "start", "end"}, 1));
  const Text& part = *TRY(bound.text(0));
  const std::string& bytes = self.text()->bytes();
  TRY_VOID(runtime.budget.scan(3 * bytes.size()));
  const Window window = TRY(window_of(self, bound, 1));
  if (window.begin > window.end) return Value(Int{0});
  if (part.empty())
    return Value(Int{static_cast<int64_t>(
                         count_characters(std::string_view(bytes).substr(window.begin, window.end - window.begin))) +
                     1});
  Int count = 0;
  for (size_t found = find_first(bytes, part.bytes(), window.begin, window.end); found != kNowhere;
       found = find_first(bytes, part.bytes(), found + part.size(), window.end))
    ++count;
  return Value(count);
}

template <Side kSide>
Result<Value> call_has_affix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound =
      TRY(Bound::bind(kSide == Side::kLeft ? "startswith" : "endswith", arguments, {"prefix", "start", "end"}, 1));
  TRY_VOID(check_defined(bound[0]));
  TRY_VOID(runtime.budget.scan(self.text()->size()));
  const Window window = TRY(window_of(self, bound, 1));
  if (window.begin > window.end) return Value(false);
  const std::string_view text = std::string_view(self.text()->bytes()).substr(window.begin, window.end - window.begin);
  const std::vector<Value> one = {bound[0]};
  const Tuple* several = bound[0].as<Tuple>();
  for (const Value& affix : several ? several->items->values : one) {
    if (!affix.text())
      return failure("startswith and endswith take a text or a tuple of texts, not {}", type_name(bound[0]));
    const std::string& bytes = affix.text()->bytes();
    if (kSide == Side::kLeft ? text.starts_with(bytes) : text.ends_with(bytes)) return Value(true);
  }
  return Value(false);
}

template <Side kSide>
Result<Value> call_remove_affix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("removeprefix or removesuffix", arguments, {"affix"}, 1));
  const Text& text = *self.text();
  const Text& affix = *TRY(bound.text(0));
  if (kSide == Side::kLeft && text.bytes().starts_with(affix.bytes()))
    return make_slice(self, affix.size(), text.size(), runtime.budget);
  if (kSide == Side::kRight && text.bytes().ends_with(affix.bytes()))
    return make_slice(self, 0, text.size() - affix.size(), runtime.budget);
  return self;
}

Result<Value> call_replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("replace", arguments, {"old", "new", "count"}, 2));
  return replace(*self.text(), *TRY(bound.text(0)), *TRY(bound.text(1)), TRY(bound.index_or(2, -1)), runtime.budget);
}

Result<Value> call_join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("join", arguments, {"iterable"}, 1));
  const std::vector<Value> items = TRY(collect(bound[0], runtime));
  for (const Value& item : items) {
    TRY_VOID(check_defined(item));
    if (!item.text())
      return failure("join of a text takes texts, not {}; the filter join prints other values", type_name(item));
  }
  return join(*self.text(), items, runtime.budget);
}

// The pieces of a split, as byte ranges of the string.
class Splitter {
 public:
  Splitter(const Value& string, Runtime& runtime)
      : string_(string), bytes_(string.text()->bytes()), runtime_(runtime) {}

  Result<Value> at_separator(const std::string& separator, int64_t most, Search from) {
    size_t begin = 0;
    size_t end = bytes_.size();
    for (int64_t splits = 0; most < 0 || splits < most; ++splits) {
      const size_t found =
          from == Search::kFirst ? find_first(bytes_, separator, begin, end) : find_last_within(separator, end);
      if (found == kNowhere) break;
      TRY_VOID(from == Search::kFirst ? add(begin, found) : add(found + separator.size(), end));
      (from == Search::kFirst ? begin : end) = from == Search::kFirst ? found + separator.size() : found;
    }
    TRY_VOID(add(begin, end));
    return finish(from);
  }

  Result<Value> at_white_space(int64_t most, Search from) {
    size_t begin = 0;
    size_t end = bytes_.size();
    for (int64_t splits = 0;; ++splits) {
      if (from == Search::kFirst) {
        begin = skip_forward(begin, end, true);
      } else {
        end = skip_back(end, true);
      }
      if (begin >= end) break;
      if (most >= 0 && splits >= most) {  // the rest stays whole, with the white space at its far end
        TRY_VOID(add(begin, end));
        break;
      }
      if (from == Search::kFirst) {
        const size_t stop = skip_forward(begin, end, false);
        TRY_VOID(add(begin, stop));
        begin = stop;
      } else {
        const size_t start = skip_back(end, false);
        TRY_VOID(add(start, end));
        end = start;
      }
    }
    return finish(from);
  }

 private:
  size_t find_last_within(const std::string& separator, size_t end) const {
    // Tries each place: the separators of a split are short, and the budget counts the work.
    for (size_t place = end; place >= separator.size(); --place) {
      if (!runtime_.budget.can_spend(1 + separator.size() / 64)) return kNowhere;
      if (bytes_.compare(place - separator.size(), separator.size(), separator) == 0) return place - separator.size();
    }
    return kNowhere;
  }

  size_t skip_forward(size_t offset, size_t end, bool spaces) const {
    while (offset < end && is_space(character_at(bytes_, offset)) == spaces) offset = next_character(bytes_, offset);
    return offset;
  }

  size_t skip_back(size_t end, bool spaces) const {
    while (end > 0 && is_space(character_at(bytes_, previous_character(bytes_, end))) == spaces)
      end = previous_character(bytes_, end);
    return end;
  }

  Result<void> add(size_t begin, size_t end) {
    TRY_VOID(runtime_.budget.build(sizeof(Value)));
    pieces_.push_back(TRY(make_slice(string_, begin, end, runtime_.budget)));
    return {};
  }

  Result<Value> finish(Search from) {
    if (from == Search::kLast) std::reverse(pieces_.begin(), pieces_.end());
    return make_list(std::move(pieces_), runtime_.budget);
  }

  const Value& string_;
  const std::string& bytes_;
  Runtime& runtime_;
  std::vector<Value> pieces_;
};

template <Search kFrom>
Result<Value> call_split(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("split", arguments, {"sep", "maxsplit"}));
  TRY_VOID(runtime.budget.scan(self.text()->size()));
  const int64_t most = TRY(bound.index_or(1, -1));
  const Text* separator = TRY(bound.text_or_null(0));
  if (!separator) return Splitter(self, runtime).at_white_space(most, kFrom);
  if (separator->empty()) return failure("split cannot split at an empty text");
  return Splitter(self, runtime).at_separator(separator->bytes(), most, kFrom);
}

Result<Value> call_splitlines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("splitlines", arguments, {"keepends"}));
  return make_list(TRY(split_lines(self, bound.is_true_at(0), runtime.budget)), runtime.budget);
}

template <Search kFrom>
Result<Value> call_partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("partition", arguments, {"sep"}, 1));
  const Text& separator = *TRY(bound.text(0));
  if (separator.empty()) return failure("partition cannot split at an empty text");
  const std::string& bytes = self.text()->bytes();
  TRY_VOID(runtime.budget.scan(2 * bytes.size()));
  const size_t found = kFrom == Search::kFirst ? find_first(bytes, separator.bytes(), 0, bytes.size())
                                               : find_last(bytes, separator.bytes(), 0, bytes.size());
  const Value empty = make_string(Text());
  if (found == kNowhere)
    return kFrom == Search::kFirst ? make_tuple({self, empty, empty}, runtime.budget)
                                   : make_tuple({empty, empty, self}, runtime.budget);
  const Value before = TRY(make_slice(self, 0, found, runtime.budget));
  const Value after = TRY(make_slice(self, found + separator.size(), bytes.size(), runtime.budget));
  return make_tuple({before, bound[0], after}, runtime.budget);
}

template <Side kTextSide>
Result<Value> call_pad(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("ljust, rjust or center", arguments, {"width", "fillchar"}, 1));
  const int64_t width = TRY(to_index(bound[0], "the width"));
  Text fill(" ", false);
  if (bound.get(1)) fill = *TRY(bound.text(1));
  if (count_characters(fill.bytes()) != 1) return failure("a text is filled up with one character, not with several");
  return pad(*self.text(), width, fill, kTextSide, runtime.budget);
}

Result<Value> call_zfill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("zfill", arguments, {"width"}, 1));
  const int64_t width = TRY(to_index(bound[0], "the width"));
  const Text& text = *self.text();
  const size_t sign = !text.empty() && (text.bytes()[0] == '+' || text.bytes()[0] == '-') ? 1 : 0;
  TextBuilder out(runtime.budget);
  out.append(text, 0, sign);
  const Text digits = text.slice(sign, text.size());
  out.append(
      *TRY(pad(digits, width - static_cast<int64_t>(sign), Text("0", false), Side::kRight, runtime.budget)).text());
  return out.finish();
}

Result<Value> call_expandtabs(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("expandtabs", arguments, {"tabsize"}));
  const int64_t tab = TRY(bound.index_or(0, 8));
  const Text& text = *self.text();
  TRY_VOID(runtime.budget.scan(text.size()));
  TextBuilder out(runtime.budget);
  int64_t column = 0;
  for (size_t offset = 0; offset < text.size();) {
    const size_t next = next_character(text.bytes(), offset);
    const char character = text.bytes()[offset];
    if (character == '\t') {
      const int64_t spaces = tab > 0 ? tab - column % tab : 0;
      out.append(*TRY(repeat(Text(" ", text.from_template_at(offset)), spaces, runtime.budget)).text());
      column += spaces;
    } else {
      out.append(text, offset, next);
      column = character == '\n' || character == '\r' ? 0 : column + 1;
    }
    offset = next;
  }
  return out.finish();
}

// str.isX(): true when the text is not empty and every character is X.
template <bool (*kHolds)(char32_t)>
Result<Value> call_is(Runtime& runtime, const Value& self, const Arguments& arguments) {
  TRY_VOID(Bound::bind("a question about characters", arguments, {}));
  const std::string& bytes = self.text()->bytes();
  TRY_VOID(runtime.budget.scan(2 * bytes.size()));
  for (size_t offset = 0; offset < bytes.size(); offset = next_character(bytes, offset))
    if (!kHolds(character_at(bytes, offset))) return Value(false);
  return Value(!bytes.empty());
}

bool is_ascii(char32_t character) { return character < 0x80; }

// isascii() and isprintable() are true of an empty text.
template <bool (*kHolds)(char32_t)>
Result<Value> call_is_or_empty(Runtime& runtime, const Value& self, const Arguments& arguments) {
  if (self.text()->empty()) return Value(true);
  return call_is<kHolds>(runtime, self, arguments);
}

// islower() and isupper(): some character is cased, and none is cased otherwise.
template <bool (*kHolds)(char32_t)>
Result<Value> call_is_case(Runtime& runtime, const Value& self, const Arguments& arguments) {
  TRY_VOID(Bound::bind("islower or isupper", arguments, {}));
  const std::string& bytes = self.text()->bytes();
  TRY_VOID(runtime.budget.scan(4 * bytes.size()));
  bool any = false;
  for (size_t offset = 0; offset < bytes.size(); offset = next_character(bytes, offset)) {
    const char32_t character = character_at(bytes, offset);
    if (!is_cased(character)) continue;
    if (!kHolds(character)) return Value(false);
    any = true;
  }
  return Value(any);
}

Result<Value> call_istitle(Runtime& runtime, const Value& self, const Arguments& arguments) {
  TRY_VOID(Bound::bind("istitle", arguments, {}));
  const std::string& bytes = self.text()->bytes();
  TRY_VOID(runtime.budget.scan(4 * bytes.size()));
  bool any = false;
  bool in_word = false;
  for (size_t offset = 0; offset < bytes.size(); offset = next_character(bytes, offset)) {
    const char32_t character = character_at(bytes, offset);
    const bool lower = is_lowercase(character);
    const bool upper = is_uppercase(character) || is_titlecase(character);
    if ((lower && !in_word) || (upper && in_word)) return Value(false);
    in_word = lower || upper;
    any |= in_word;
  }
  return Value(any);
}

Result<Value> call_isidentifier(Runtime& runtime, const Value& self, const Arguments& arguments) {
  TRY_VOID(Bound::bind("isidentifier", arguments, {}));
  const std::string& bytes = self.text()->bytes();
  TRY_VOID(runtime.budget.scan(2 * bytes.size()));
  for (size_t offset = 0; offset < bytes.size(); offset = next_character(bytes, offset)) {
    const char32_t character = character_at(bytes, offset);
    const bool starts = is_alphabetic(character) || character == '_';
    if (!starts && (offset == 0 || !is_decimal(character))) return Value(false);
  }
  return Value(!bytes.empty());
}

Result<Value> call_format(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return format_braces(*self.text(), arguments, runtime);
}

Result<Value> call_format_map(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("format_map", arguments, {"mapping"}, 1));
  const DictPtr* dict = bound[0].as<DictPtr>();
  if (!dict) return failure("format_map takes a mapping, not {}", type_name(bound[0]));
  Arguments named;
  for (const Dict::Entry& entry : (*dict)->entries())
    if (const Text* key = entry.key.text()) named.keyword.emplace_back(key->bytes(), entry.value);
  return format_braces(*self.text(), named, runtime);
}

Result<Value> call_unsupported(Runtime&, const Value&, const Arguments&) {
  return error(ErrorCode::kUnsupported,
               "encode, casefold, translate and maketrans are not among the methods templates may call");
}

constexpr Method kStringMethods[] = {
    {"capitalize", call_capitalize},
    {"casefold", call_unsupported},
    {"center", call_pad<Side::kBoth>},
    {"count", call_count},
    {"encode", call_unsupported},
    {"endswith", call_has_affix<Side::kRight>},
    {"expandtabs", call_expandtabs},
    {"find", call_find<Search::kFirst>},
    {"format", call_format},
    {"format_map", call_format_map},
    {"index", call_index<Search::kFirst>},
    {"isalnum", call_is<is_alphanumeric>},
    {"isalpha", call_is<is_alphabetic>},
    {"isascii", call_is_or_empty<is_ascii>},
    {"isdecimal", call_is<is_decimal>},
    {"isdigit", call_is<is_digit>},
    {"isidentifier", call_isidentifier},
    {"islower", call_is_case<is_lowercase>},
    {"isnumeric", call_is<is_numeric>},
    {"isprintable", call_is_or_empty<is_printable>},
    {"isspace", call_is<is_space>},
    {"istitle", call_istitle},
    {"isupper", call_is_case<is_uppercase>},
    {"join", call_join},
    {"ljust", call_pad<Side::kLeft>},
    {"lower", call_case<Case::kLower>},
    {"lstrip", call_strip<Side::kLeft>},
    {"maketrans", call_unsupported},
    {"partition", call_partition<Search::kFirst>},
    {"removeprefix", call_remove_affix<Side::kLeft>},
    {"removesuffix", call_remove_affix<Side::kRight>},
    {"replace", call_replace},
    {"rfind", call_find<Search::kLast>},
    {"rindex", call_index<Search::kLast>},
    {"rjust", call_pad<Side::kRight>},
    {"rpartition", call_partition<Search::kLast>},
    {"rsplit", call_split<Search::kLast>},
    {"rstrip", call_strip<Side::kRight>},
    {"split", call_split<Search::kFirst>},
    {"splitlines", call_splitlines},
    {"startswith", call_has_affix<Side::kLeft>},
    {"strip", call_strip<Side::kBoth>},
    {"swapcase", call_swapcase},
    {"title", call_case<Case::kTitle>},
    {"translate", call_unsupported},
    {"upper", call_case<Case::kUpper>},
    {"zfill", call_zfill},
};

}  // namespace

const Method* find_string_method(std::string_view name) {
  const Method* found =
      std::lower_bound(std::begin(kStringMethods), std::end(kStringMethods), name,
                       [](const Method& method, std::string_view wanted) { return method.name < wanted; });
  return found != std::end(kStringMethods) && found->name == name ? found : nullptr;
}

}  // namespace paddock::text::jinja
