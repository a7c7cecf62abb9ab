// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/access.h"

#include <algorithm>
#include <limits>

#include "text/jinja/iterate.h"
#include "text/jinja/macro.h"
#include "text/jinja/method.h"
#include "text/jinja/number.h"
#include "text/jinja/unicode.h"

namespace paddock::text::jinja {
namespace {

Value no_attribute(const Value& object, std::string_view name) {
  if (object.is<None>()) return make_undefined(fmt::format("none has no attribute '{}'", name));
  return make_undefined(fmt::format("a value of type {} has no attribute '{}'", type_name(object), name));
}

Value undefined_item(std::string_view which) {
  return make_undefined(fmt::format("there is no {} item in the loop", which));
}

Result<Value> loop_attribute(Loop& loop, std::string_view name, Runtime& runtime) {
  if (name == "index") return Value(Int{loop.index});
  if (name == "index0") return Value(Int{loop.index - 1});
  if (name == "first") return Value(loop.index == 1);
  if (name == "last") return Value(TRY(loop.peek()) == nullptr);
  if (name == "length") return Value(Int{TRY(loop.length(runtime.budget))});
  if (name == "revindex") return Value(Int{TRY(loop.length(runtime.budget)) - loop.index + 1});
  if (name == "revindex0") return Value(Int{TRY(loop.length(runtime.budget)) - loop.index});
  if (name == "depth") return Value(Int{loop.depth});
  if (name == "depth0") return Value(Int{loop.depth - 1});
  if (name == "previtem") return loop.index > 1 ? loop.previous : undefined_item("previous");
  if (name == "nextitem") {
    const Value* next = TRY(loop.peek());
    return next ? *next : undefined_item("next");
  }
  return no_attribute(Value(static_cast<Object*>(&loop)), name);
}

Result<Value> object_attribute(Object& object, std::string_view name, Runtime& runtime) {
  const Value value(&object);
  if (auto* names = value.object<Namespace>()) {
    if (const Value* found = names->find(name)) return *found;
  } else if (auto* loop = value.object<Loop>()) {
    return loop_attribute(*loop, name, runtime);
  } else if (auto* cycler = value.object<Cycler>()) {
    if (name == "current") return cycler->items[cycler->position];
  } else if (auto* macro = value.object<Macro>()) {
    if (name == "name") return make_name(macro->name);
  }
  return no_attribute(value, name);
}

// The item at a Python index, which counts from the end when it is negative.
std::optional<int64_t> position_of(const Value& key, int64_t size) {
  const auto integer = integer_of(key);
  if (!integer) return std::nullopt;
  const Int position = *integer < 0 ? *integer + size : *integer;
  if (position < 0 || position >= size) return std::nullopt;
  return static_cast<int64_t>(position);
}

Result<std::optional<Value>> find_item(const Value& object, const Value& key, Runtime& runtime) {
  using Found = std::optional<Value>;
  if (const DictPtr* dict = object.as<DictPtr>()) {
    const Value* found = nullptr;
    if (const Text* text = key.text())
      found = (*dict)->find(text->bytes());
    else if (key.is<List>() || key.is<DictPtr>())
      return Found();  // Python's TypeError is caught here
    else
      found = TRY((*dict)->find(key, runtime.budget));
    return found ? Found(*found) : Found();
  }
  if (const auto* names = object.object<Namespace>()) {
    const Value* found = key.text() ? names->find(key.text()->bytes()) : nullptr;
    return found ? Found(*found) : Found();
  }
  const auto size = object.is<DictView>() ? std::nullopt : length_of(object);
  const auto position = size ? position_of(key, *size) : std::nullopt;
  if (!position) return Found();
  if (const auto* items = object.items()) return Found((*items)[static_cast<size_t>(*position)]);
  if (const Range* range = object.as<Range>()) return Found(Value(Int{range->at(*position)}));
  const std::string& bytes = object.text()->bytes();
  const bool one_byte_each = static_cast<size_t>(*size) == bytes.size();
  TRY_VOID(runtime.budget.scan(one_byte_each ? 0 : bytes.size()));
  const size_t begin =
      one_byte_each ? static_cast<size_t>(*position) : offset_of_character(bytes, static_cast<size_t>(*position));
  return Found(TRY(make_slice(object, begin, next_character(bytes, begin), runtime.budget)));
}

// start, step and number of items of a slice of `size` items, by Python's rules.
struct Slice {
  int64_t start;
  int64_t step;
  int64_t count;
};

Result<Slice> resolve_slice(const Value& start, const Value& stop, const Value& step, int64_t size) {
  const int64_t stride = step.is<None>() ? 1 : TRY(to_index(step, "the step of a slice"));
  if (stride == 0) return failure("the step of a slice cannot be 0");
  const int64_t lowest = stride > 0 ? 0 : -1;
  const int64_t highest = stride > 0 ? size : size - 1;
  const auto bound = [&](const Value& value, int64_t fallback) -> Result<int64_t> {
    if (value.is<None>()) return fallback;
    const int64_t index = TRY(to_index(value, "a bound of a slice"));
    return index < 0 ? std::max(index + size, lowest) : std::min(index, highest);
  };
  const int64_t first = TRY(bound(start, stride > 0 ? lowest : highest));
  const int64_t end = TRY(bound(stop, stride > 0 ? highest : lowest));
  const uint64_t distance = stride > 0 ? (end > first ? static_cast<uint64_t>(end - first) : 0)
                                       : (first > end ? static_cast<uint64_t>(first - end) : 0);
  const uint64_t magnitude = stride > 0 ? static_cast<uint64_t>(stride) : uint64_t{0} - static_cast<uint64_t>(stride);
  const auto count = static_cast<int64_t>(distance == 0 ? 0 : (distance - 1) / magnitude + 1);
  return Slice{first, count > 1 ? stride : 1, count};
}

Result<Value> slice_string(const Value& string, const Slice& slice, Runtime& runtime) {
  const std::string& bytes = string.text()->bytes();
  TRY_VOID(runtime.budget.scan(bytes.size()));
  if (slice.count == 0) return make_string(Text());
  if (slice.step == 1) {
    const size_t begin = offset_of_character(bytes, static_cast<size_t>(slice.start));
    const std::string_view rest = std::string_view(bytes).substr(begin);
    return make_slice(string, begin, begin + offset_of_character(rest, static_cast<size_t>(slice.count)),
                      runtime.budget);
  }
  TRY_VOID(runtime.budget.build(bytes.size() * sizeof(size_t)));
  std::vector<size_t> offsets;  // of each character
  for (size_t offset = 0; offset < bytes.size(); offset = next_character(bytes, offset)) offsets.push_back(offset);
  TextBuilder out(runtime.budget);
  for (int64_t taken = 0; taken < slice.count; ++taken) {
    const size_t begin = offsets[static_cast<size_t>(slice.start + taken * slice.step)];
    out.append(*string.text(), begin, next_character(bytes, begin));
  }
  return out.finish();
}

}  // namespace

Result<Value> get_own_attribute(const Value& object, std::string_view name, Runtime& runtime) {
  TRY_VOID(check_defined(object));
  if (const Method* method = find_method(object, name)) {
    TRY_VOID(runtime.budget.build(2 * sizeof(Value)));
    return Value(BoundMethod{std::make_shared<const Value>(object), method});
  }
  if (would_change(object, name))
    return make_undefined(fmt::format("{} would change a {}, which templates may not", name, type_name(object)));
  if (Object* const* pointer = object.as<Object*>()) return object_attribute(**pointer, name, runtime);
  if (const Tuple* tuple = object.as<Tuple>(); tuple && tuple->items->values.size() == 2) {
    // The pairs of groupby have names, in Python's Jinja too.
    if (name == "grouper") return tuple->items->values[0];
    if (name == "list") return tuple->items->values[1];
  }
  return no_attribute(object, name);
}

Result<Value> get_attribute(const Value& object, std::string_view name, Runtime& runtime) {
  const Value own = TRY(get_own_attribute(object, name, runtime));
  if (!own.is<Undefined>()) return own;
  if (const DictPtr* dict = object.as<DictPtr>())
    if (const Value* found = (*dict)->find(name)) return *found;
  return own;
}

Result<Value> get_item(const Value& object, const Value& key, Runtime& runtime) {
  TRY_VOID(check_defined(object));
  if (const auto found = TRY(find_item(object, key, runtime))) return *found;
  if (const Text* name = key.text()) return get_own_attribute(object, name->bytes(), runtime);
  if (length_of(object))
    return make_undefined(fmt::format("a value of type {} has no such element", type_name(object)));
  return make_undefined(fmt::format("a value of type {} has no elements", type_name(object)));
}

Result<Value> get_slice(const Value& object, const Value& start, const Value& stop, const Value& step,
                        Runtime& runtime) {
  TRY_VOID(check_defined(object));
  const auto size = length_of(object);
  if (!size || object.is<DictPtr>() || object.is<DictView>())
    return failure("a value of type {} cannot be sliced; give a list or text", type_name(object));
  const Slice slice = TRY(resolve_slice(start, stop, step, *size));
  if (object.text()) return slice_string(object, slice, runtime);
  if (const Range* range = object.as<Range>()) {
    const int64_t first = range->at(slice.start);
    const int64_t stride = range->step * slice.step;
    return Value(Range{first, first + slice.count * stride, stride, slice.count});
  }
  TRY_VOID(runtime.budget.build(static_cast<uint64_t>(slice.count) * sizeof(Value)));
  std::vector<Value> taken;
  taken.reserve(static_cast<size_t>(slice.count));
  for (int64_t index = 0; index < slice.count; ++index)
    taken.push_back((*object.items())[static_cast<size_t>(slice.start + index * slice.step)]);
  return object.is<List>() ? make_list(std::move(taken), runtime.budget) : make_tuple(std::move(taken), runtime.budget);
}

Result<bool> contains(const Value& haystack, const Value& needle, Runtime& runtime) {
  if (const Text* text = haystack.text()) {
    TRY_VOID(check_defined(needle));
    const Text* part = needle.text();
    if (!part) return failure("only a text can be looked for in a text, not a {}", type_name(needle));
    TRY_VOID(runtime.budget.scan(text->size()));
    return find_first(text->bytes(), part->bytes(), 0, text->size()) != std::string_view::npos;
  }
  if (const DictPtr* dict = haystack.as<DictPtr>()) return TRY((*dict)->find(needle, runtime.budget)) != nullptr;
  Iterator iterator = TRY(Iterator::over(haystack));
  while (const std::optional<Value> item = TRY(iterator.next(runtime)))
    if (TRY(are_equal(*item, needle, runtime.budget))) return true;
  return false;
}

}  // namespace paddock::text::jinja
