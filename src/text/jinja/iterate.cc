// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/iterate.h"

#include <utility>

#include "text/jinja/unicode.h"

namespace paddock::text::jinja {
namespace {

Result<Value> entry_part(const Dict::Entry& entry, DictView::Part part, Budget& budget) {
  if (part == DictView::Part::kKeys) return entry.key;
  if (part == DictView::Part::kValues) return entry.value;
  return make_tuple({entry.key, entry.value}, budget);
}

}  // namespace

bool is_iterable(const Value& value) {
  return value.is<Undefined>() || value.text() || value.items() || value.is<DictPtr>() || value.is<DictView>() ||
         value.is<Range>() || value.object<Generator>() || value.object<Loop>();
}

std::optional<int64_t> length_of(const Value& value) {
  if (value.is<Undefined>()) return 0;
  if (const StringPtr* string = value.as<StringPtr>()) return static_cast<int64_t>((*string)->characters);
  if (const auto* items = value.items()) return static_cast<int64_t>(items->size());
  if (const DictPtr* dict = value.as<DictPtr>()) return static_cast<int64_t>((*dict)->size());
  if (const DictView* view = value.as<DictView>()) return static_cast<int64_t>(view->dict->size());
  if (const Range* range = value.as<Range>()) return range->size;
  return std::nullopt;
}

Result<Iterator> Iterator::over(Value value) {
  if (!is_iterable(value))
    return failure("a {} cannot be walked through; give a list, mapping or text", type_name(value));
  if (value.object<Loop>()) return error(ErrorCode::kUnsupported, "the variable loop cannot be walked through");
  return Iterator(std::move(value));
}

Result<std::optional<Value>> Iterator::next(Runtime& runtime) {
  using Next = std::optional<Value>;
  TRY_VOID(runtime.budget.spend(1));
  if (const Text* text = value_.text()) {
    if (position_ >= text->size()) return Next();
    const size_t begin = std::exchange(position_, next_character(text->bytes(), position_));
    return Next(TRY(make_slice(value_, begin, position_, runtime.budget)));
  }
  if (Generator* generator = value_.object<Generator>()) {
    if (generator->next < generator->items.size()) return Next(generator->items[generator->next++]);
    if (generator->failed) return tl::unexpected(*generator->failed);
    return Next();
  }
  if (value_.is<Undefined>() || static_cast<int64_t>(position_) >= *length_of(value_)) return Next();
  const size_t index = position_++;
  if (const auto* items = value_.items()) return Next((*items)[index]);
  if (const DictPtr* dict = value_.as<DictPtr>()) return Next((*dict)->entries()[index].key);
  if (const DictView* view = value_.as<DictView>())
    return Next(TRY(entry_part(view->dict->entries()[index], view->part, runtime.budget)));
  return Next(Value(Int{value_.as<Range>()->at(static_cast<int64_t>(index))}));
}

Result<std::vector<Value>> collect(const Value& value, Runtime& runtime) {
  Iterator iterator = TRY(Iterator::over(value));
  std::vector<Value> items;
  while (std::optional<Value> item = TRY(iterator.next(runtime))) {
    TRY_VOID(runtime.budget.build(sizeof(Value)));
    items.push_back(std::move(*item));
  }
  return items;
}

}  // namespace paddock::text::jinja
