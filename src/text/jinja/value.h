// SPDX-License-Identifier: Apache-2.0
#pragma once
// The values that a template computes with: Python's, as far as templates meet them. All are immutable except the
// objects with identity (namespace, generator, …), which live in the heap of one rendering and are pointed to.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/jinja/budget.h"
#include "text/jinja/text.h"

namespace paddock::text::jinja {

class Value;
class Dict;
struct Function;  // function.h
struct Method;    // method.h

// Python's integers have no bound. These hold every number of 38 digits; beyond is an error, never a wrong result.
using Int = __int128;

struct Undefined {
  std::shared_ptr<const std::string> why;  // the error if it is used for more than printing and testing
};
struct None {};

struct String {
  Text text;               // valid UTF-8
  size_t characters;       // code points
  bool is_markup = false;  // made by `safe` or `escape`: what is added to it is escaped
};
using StringPtr = std::shared_ptr<const String>;

struct Items {
  std::vector<Value> values;
  int depth;                   // 1 more than the deepest item's
  std::optional<size_t> hash;  // missing when an item is not hashable
};
using ItemsPtr = std::shared_ptr<const Items>;
struct List {
  ItemsPtr items;
};
struct Tuple {
  ItemsPtr items;
};

using DictPtr = std::shared_ptr<const Dict>;
struct DictView {  // keys(), values() or items()
  enum class Part { kKeys, kValues, kItems };
  DictPtr dict;
  Part part;
};

struct Range {
  int64_t start;
  int64_t stop;
  int64_t step;  // not 0
  int64_t size;
  int64_t at(int64_t index) const { return start + index * step; }
};

struct BoundMethod {
  std::shared_ptr<const Value> self;
  const Method* method;
};

// Something with identity. The heap that made it outlives every value that points to it.
struct Object {
  enum class Kind { kNamespace, kGenerator, kMacro, kLoop, kCycler, kJoiner };
  explicit Object(Kind object_kind) : kind(object_kind) {}
  virtual ~Object() = default;
  const Kind kind;
};

template <typename T, typename Variant>
struct IsAlternative;
template <typename T, typename... Ts>
struct IsAlternative<T, std::variant<Ts...>> : std::disjunction<std::is_same<T, Ts>...> {};

class Value {
 public:
  using Variant = std::variant<Undefined, None, bool, Int, double, StringPtr, List, Tuple, DictPtr, DictView, Range,
                               const Function*, BoundMethod, Object*>;

  Value() : variant_(None{}) {}
  template <typename T>
  requires(IsAlternative<T, Variant>::value)
      Value(T value)  // a Value is meant to be made from what it holds, and from nothing that would be converted
      : variant_(std::in_place_type<T>, std::move(value)) {}

  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(variant_);
  }
  template <typename T>
  const T* as() const {  // null when it is something else
    return std::get_if<T>(&variant_);
  }
  const Variant& variant() const { return variant_; }

  const Text* text() const {  // of a string, else null
    const StringPtr* string = as<StringPtr>();
    return string ? &(*string)->text : nullptr;
  }
  const std::vector<Value>* items() const;  // of a list or tuple, else null
  template <typename T>
  T* object() const {  // the object if it is a T, else null
    Object* const* pointer = as<Object*>();
    return pointer && (*pointer)->kind == T::kKind ? static_cast<T*>(*pointer) : nullptr;
  }

 private:
  Variant variant_;
};

// Keys in order of insertion, any hashable values.
class Dict {
 public:
  struct Entry {
    Value key;
    Value value;
  };

  const std::vector<Entry>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  int depth() const { return depth_; }
  Result<const Value*> find(const Value& key, Budget& budget) const;  // null when it is missing
  const Value* find(std::string_view key) const;

 private:
  friend class DictBuilder;
  Result<const Entry*> entry_of(const Value& key, size_t hash, Budget& budget) const;

  std::vector<Entry> entries_;
  std::unordered_multimap<size_t, uint32_t> by_hash_;
  int depth_ = 1;
};

class DictBuilder {
 public:
  explicit DictBuilder(Budget& budget) : budget_(budget) {}
  Result<void> set(Value key, Value value);  // replaces the value of an equal key; refuses a key that is not hashable
  Result<bool> add(const Value& key);        // false if an equal key was there before
  Result<Value> finish();

 private:
  Budget& budget_;
  std::shared_ptr<Dict> dict_ = std::make_shared<Dict>();
};

// Appends text to a string that is being made. Past the budget it appends no more, and finish() is the error.
class TextBuilder {
 public:
  explicit TextBuilder(Budget& budget) : budget_(budget) {}
  void append(std::string_view bytes, bool from_template) {
    if (budget_.can_build(bytes.size())) text_.append(bytes, from_template);
  }
  void append(const Text& text) { append(text, 0, text.size()); }
  void append(const Text& text, size_t begin, size_t end) {
    if (budget_.can_build(end - begin)) text_.append(text, begin, end);
  }
  const Text& text() const { return text_; }
  Result<void> check() { return budget_.spend(1); }  // the error, as soon as the budget is passed
  Result<Value> finish(bool is_markup = false);

 private:
  Budget& budget_;
  Text text_;
};

Value make_undefined(std::string why);
Value make_string(Text text, bool is_markup = false);  // counts against no budget: for short ones and what was counted
Value make_name(std::string_view name);  // a short string that the interpreter wrote, not from the template
Result<Value> make_list(std::vector<Value> values, Budget& budget);
Result<Value> make_tuple(std::vector<Value> values, Budget& budget);
Result<Value> make_slice(const Value& string, size_t begin, size_t end, Budget& budget);  // bytes of a string

// Numbers as they are; strings with the provenance given, ill-formed UTF-8 replaced. Counts against no budget.
Result<Value> from_json(const Json& json, bool from_template);

bool is_true(const Value& value);
std::string type_name(const Value& value);  // as Python calls it

// == of Python: numbers by value whatever their type, containers item by item, objects by identity.
Result<bool> are_equal(const Value& left, const Value& right, Budget& budget);
bool are_identical(const Value& left, const Value& right);  // `is` of Python, by value for numbers and strings
// < of Python: numbers, strings, lists and tuples among themselves; an error for all else.
Result<bool> is_less(const Value& left, const Value& right, Budget& budget);

// An error about a value that a template used wrongly; the line is added where it is known.
template <typename... Args>
tl::unexpected<Error> failure(fmt::format_string<Args...> format, Args&&... args) {
  return error(ErrorCode::kInvalidArgument, format, std::forward<Args>(args)...);
}
// "X is undefined", if the value is.
Result<void> check_defined(const Value& value);

}  // namespace paddock::text::jinja
