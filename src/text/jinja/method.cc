// SPDX-License-Identifier: Apache-2.0
// The methods of lists, mappings, loops and cyclers; those of strings have a file of their own.
#include "text/jinja/method.h"

#include <algorithm>
#include <initializer_list>
#include <limits>

#include "text/jinja/iterate.h"
#include "text/jinja/number.h"

namespace paddock::text::jinja {
namespace {

Result<Value> list_count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("count", arguments, {"value"}, 1));
  Int count = 0;
  for (const Value& item : TRY(collect(self, runtime))) count += TRY(are_equal(item, bound[0], runtime.budget)) ? 1 : 0;
  return Value(count);
}

Result<Value> list_index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("index", arguments, {"value", "start", "stop"}, 1));
  const std::vector<Value> items = TRY(collect(self, runtime));
  const auto size = static_cast<int64_t>(items.size());
  const auto clamp = [&](int64_t index) { return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size); };
  const int64_t stop = clamp(TRY(bound.index_or(2, size)));
  for (int64_t index = clamp(TRY(bound.index_or(1, 0))); index < stop; ++index)
    if (TRY(are_equal(items[static_cast<size_t>(index)], bound[0], runtime.budget))) return Value(Int{index});
  return failure("index() did not find its value in the list");
}

Result<Value> copy(Runtime&, const Value& self, const Arguments& arguments) {
  TRY_VOID(Bound::bind("copy", arguments, {}));
  return self;  // which no one can change
}

Result<Value> dict_get(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("get", arguments, {"key", "default"}, 1));
  const Value* found = TRY((*self.as<DictPtr>())->find(bound[0], runtime.budget));
  return found ? *found : bound.get_or(1, None{});
}

template <DictView::Part kPart>
Result<Value> dict_view(Runtime&, const Value& self, const Arguments& arguments) {
  TRY_VOID(Bound::bind("keys, values or items", arguments, {}));
  return Value(DictView{*self.as<DictPtr>(), kPart});
}

Result<Value> loop_cycle(Runtime&, const Value& self, const Arguments& arguments) {
  if (arguments.positional.empty()) return failure("loop.cycle needs the values to take in turn");
  const auto turn = static_cast<size_t>(self.object<Loop>()->index - 1);
  return arguments.positional[turn % arguments.positional.size()];
}

Result<Value> loop_changed(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return Value(TRY(self.object<Loop>()->changed(arguments.positional, runtime.budget)));
}

Result<Value> cycler_next(Runtime&, const Value& self, const Arguments& arguments) {
  TRY_VOID(Bound::bind("next", arguments, {}));
  Cycler& cycler = *self.object<Cycler>();
  const size_t position = cycler.position;
  cycler.position = (position + 1) % cycler.items.size();
  return cycler.items[position];
}

Result<Value> cycler_reset(Runtime&, const Value& self, const Arguments& arguments) {
  TRY_VOID(Bound::bind("reset", arguments, {}));
  self.object<Cycler>()->position = 0;
  return Value(None{});
}

constexpr Method kSequenceMethods[] = {{"count", list_count}, {"index", list_index}};
constexpr Method kListMethods[] = {{"copy", copy}, {"count", list_count}, {"index", list_index}};
constexpr Method kDictMethods[] = {{"copy", copy},
                                   {"get", dict_get},
                                   {"items", dict_view<DictView::Part::kItems>},
                                   {"keys", dict_view<DictView::Part::kKeys>},
                                   {"values", dict_view<DictView::Part::kValues>}};
constexpr Method kLoopMethods[] = {{"changed", loop_changed}, {"cycle", loop_cycle}};
constexpr Method kCyclerMethods[] = {{"next", cycler_next}, {"reset", cycler_reset}};

template <size_t kCount>
const Method* find_in(const Method (&table)[kCount], std::string_view name) {
  for (const Method& method : table)
    if (method.name == name) return &method;
  return nullptr;
}

bool is_among(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

const Method* find_method(const Value& self, std::string_view name) {
  if (self.text()) return find_string_method(name);
  if (self.is<DictPtr>()) return find_in(kDictMethods, name);
  if (self.is<List>()) return find_in(kListMethods, name);
  if (self.is<Tuple>() || self.is<Range>()) return find_in(kSequenceMethods, name);
  if (self.object<Loop>()) return find_in(kLoopMethods, name);
  if (self.object<Cycler>()) return find_in(kCyclerMethods, name);
  return nullptr;
}

bool would_change(const Value& self, std::string_view name) {
  if (self.is<List>())
    return is_among(name, {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"});
  if (self.is<DictPtr>()) return is_among(name, {"clear", "pop", "popitem", "setdefault", "update"});
  return false;
}

}  // namespace paddock::text::jinja
