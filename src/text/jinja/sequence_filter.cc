// SPDX-License-Identifier: Apache-2.0
// The filters that take lists and mappings apart and build new ones.
#include <algorithm>
#include <functional>

#include "text/jinja/access.h"
#include "text/jinja/filter.h"
#include "text/jinja/iterate.h"
#include "text/jinja/number.h"
#include "text/jinja/operation.h"
#include "text/jinja/predicate.h"
#include "text/jinja/print.h"
#include "text/jinja/string_ops.h"

namespace paddock::text::jinja {
namespace {

// A path of attributes such as "function.name" or "0.text": each part an item, digits an index.
class Path {
 public:
  // No argument, or none, is the path to the item itself.
  static Result<Path> parse(const Value* attribute) {
    Path path;
    if (!attribute || attribute->is<None>()) return path;
    TRY_VOID(check_defined(*attribute));
    const Text* text = attribute->text();
    if (!text) {
      path.parts_.push_back(*attribute);
      return path;
    }
    for (size_t begin = 0; begin <= text->size();) {
      const size_t end = std::min(text->bytes().find('.', begin), text->size());
      const std::string_view part = std::string_view(text->bytes()).substr(begin, end - begin);
      const bool is_index = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
      const auto index = is_index ? parse_int(part) : std::nullopt;
      path.parts_.push_back(index ? Value(*index) : make_string(text->slice(begin, end)));
      begin = end + 1;
    }
    return path;
  }

  // `fallback` stands in for what is undefined on the way; null leaves it.
  Result<Value> follow(Value item, Runtime& runtime, const Value* fallback = nullptr) const {
    for (const Value& part : parts_) {
      item = TRY(get_item(item, part, runtime));
      if (item.is<Undefined>() && fallback && !fallback->is<None>()) item = *fallback;
    }
    return item;
  }

 private:
  std::vector<Value> parts_;
};

Result<Value> fold_case(const Value& value, bool case_sensitive, Budget& budget) {
  if (case_sensitive || !value.text()) return value;
  return map_case(*value.text(), Case::kLower, budget);
}

// The items of a generator, made by `produce`; its failure waits until the walk gets there. A passed limit does not
// wait.
template <typename Produce>
Result<Value> generate(Runtime& runtime, const Produce& produce) {
  std::vector<Value> items;
  const Result<void> produced = produce(items);
  if (!produced && produced.error().code == ErrorCode::kLimit) return tl::unexpected(produced.error());
  return make_generator(std::move(items), runtime, produced ? std::nullopt : std::optional(produced.error()));
}

// The order of `keys`, stable; an error when two cannot be compared.
Result<std::vector<size_t>> sorted_order(const std::vector<Value>& keys, bool reverse, Budget& budget) {
  std::vector<size_t> order(keys.size());
  for (size_t index = 0; index < order.size(); ++index) order[index] = index;
  std::optional<Error> failed;
  std::stable_sort(order.begin(), order.end(), [&](size_t left, size_t right) {
    if (failed) return false;
    if (reverse) std::swap(left, right);
    const auto less = is_less(keys[left], keys[right], budget);
    if (!less) failed = less.error();
    return less && *less;
  });
  if (failed) return tl::unexpected(*failed);
  return order;
}

Result<Value> apply_length(Runtime&, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("length", arguments, {}));
  const auto length = length_of(subject);
  if (!length) return failure("a {} has no length; make a list of it first", type_name(subject));
  return Value(Int{*length});
}

Result<Value> apply_list(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("list", arguments, {}));
  return make_list(TRY(collect(subject, runtime)), runtime.budget);
}

Result<Value> apply_first(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("first", arguments, {}));
  Iterator iterator = TRY(Iterator::over(subject));
  std::optional<Value> first = TRY(iterator.next(runtime));
  return first ? std::move(*first) : make_undefined("there is no first item: the sequence is empty");
}

Result<Value> apply_last(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("last", arguments, {}));
  if (!length_of(subject))
    return failure("last takes a list, mapping or text, not {}; make a list of it first", type_name(subject));
  const std::vector<Value> items = TRY(collect(subject, runtime));
  return items.empty() ? make_undefined("there is no last item: the sequence is empty") : items.back();
}

Result<Value> apply_join(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("join", arguments, {"d", "attribute"}));
  const Path path = TRY(Path::parse(bound.get(1)));
  std::vector<Value> items = TRY(collect(subject, runtime));
  for (Value& item : items) item = TRY(path.follow(std::move(item), runtime));
  const Value separator = TRY(to_string(bound.get_or(0, make_string(Text())), runtime.budget));
  return join(*separator.text(), items, runtime.budget);
}

Result<Value> apply_reverse(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("reverse", arguments, {}));
  if (subject.text()) return get_slice(subject, None{}, None{}, Int{-1}, runtime);
  std::vector<Value> items = TRY(collect(subject, runtime));
  std::reverse(items.begin(), items.end());
  return subject.object<Generator>() ? make_list(std::move(items), runtime.budget)
                                     : make_generator(std::move(items), runtime);
}

Result<Value> apply_sort(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("sort", arguments, {"reverse", "case_sensitive", "attribute"}));
  std::vector<Path> paths;  // "a,b" sorts by a, then by b
  if (bound.get(2) && bound[2].text()) {
    const Text& text = *bound[2].text();
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.bytes().find(',', begin), text.size());
      const Value part = make_string(text.slice(begin, end));
      paths.push_back(TRY(Path::parse(&part)));
      begin = end + 1;
    }
  } else {
    paths.push_back(TRY(Path::parse(bound.get(2))));
  }
  const std::vector<Value> items = TRY(collect(subject, runtime));
  std::vector<Value> keys;
  for (const Value& item : items) {
    std::vector<Value> parts;
    for (const Path& path : paths)
      parts.push_back(TRY(fold_case(TRY(path.follow(item, runtime)), bound.is_true_at(1), runtime.budget)));
    keys.push_back(TRY(make_list(std::move(parts), runtime.budget)));
  }
  std::vector<Value> sorted;
  for (const size_t index : TRY(sorted_order(keys, bound.is_true_at(0), runtime.budget)))
    sorted.push_back(items[index]);
  return make_list(std::move(sorted), runtime.budget);
}

Result<Value> apply_dictsort(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("dictsort", arguments, {"case_sensitive", "by", "reverse"}));
  TRY_VOID(check_defined(subject));
  const DictPtr* dict = subject.as<DictPtr>();
  if (!dict) return failure("dictsort takes a mapping, not {}", type_name(subject));
  const Text* by = TRY(bound.text_or_null(1));
  if (by && by->bytes() != "key" && by->bytes() != "value")
    return failure("dictsort sorts by 'key' or 'value', not '{}'", by->bytes());
  const bool by_value = by && by->bytes() == "value";
  std::vector<Value> keys;
  for (const Dict::Entry& entry : (*dict)->entries())
    keys.push_back(TRY(fold_case(by_value ? entry.value : entry.key, bound.is_true_at(0), runtime.budget)));
  std::vector<Value> pairs;
  for (const size_t index : TRY(sorted_order(keys, bound.is_true_at(2), runtime.budget))) {
    const Dict::Entry& entry = (*dict)->entries()[index];
    pairs.push_back(TRY(make_tuple({entry.key, entry.value}, runtime.budget)));
  }
  return make_list(std::move(pairs), runtime.budget);
}

Result<Value> apply_unique(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("unique", arguments, {"case_sensitive", "attribute"}));
  const Path path = TRY(Path::parse(bound.get(1)));
  return generate(runtime, [&](std::vector<Value>& unique) -> Result<void> {
    DictBuilder seen(runtime.budget);
    for (const Value& item : TRY(collect(subject, runtime))) {
      const Value key = TRY(fold_case(TRY(path.follow(item, runtime)), bound.is_true_at(0), runtime.budget));
      if (TRY(seen.add(key))) unique.push_back(item);
    }
    return {};
  });
}

// min and max: the first of the extreme items.
template <bool kWantLargest>
Result<Value> apply_extreme(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("min or max", arguments, {"case_sensitive", "attribute"}));
  const Path path = TRY(Path::parse(bound.get(1)));
  std::optional<Value> best;
  Value best_key;
  for (const Value& item : TRY(collect(subject, runtime))) {
    const Value key = TRY(fold_case(TRY(path.follow(item, runtime)), bound.is_true_at(0), runtime.budget));
    if (best && !TRY(kWantLargest ? is_less(best_key, key, runtime.budget) : is_less(key, best_key, runtime.budget)))
      continue;
    best = item;
    best_key = key;
  }
  return best ? *best : make_undefined("there is no least or greatest item: the sequence is empty");
}

Result<Value> apply_sum(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("sum", arguments, {"attribute", "start"}));
  const Path path = TRY(Path::parse(bound.get(0)));
  Value sum = bound.get_or(1, Int{0});
  if (sum.text()) return failure("sum does not add texts; use join");
  for (const Value& item : TRY(collect(subject, runtime)))
    sum = TRY(operate(Operator::kAdd, sum, TRY(path.follow(item, runtime)), runtime));
  return sum;
}

Result<Value> apply_map(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  return generate(runtime, [&](std::vector<Value>& mapped) -> Result<void> {
    if (!is_true(subject)) return {};
    if (arguments.positional.empty()) {
      const Bound bound = TRY(Bound::bind("map", arguments, {"attribute", "default"}, 1));
      const Path path = TRY(Path::parse(bound.get(0)));
      for (const Value& item : TRY(collect(subject, runtime)))
        mapped.push_back(TRY(path.follow(item, runtime, bound.get(1))));
      return {};
    }
    const Text* name = arguments.positional[0].text();
    const Filter* filter = name ? find_filter(name->bytes()) : nullptr;
    if (!filter) return failure("map takes the name of a filter; there is none named '{}'", name ? name->bytes() : "");
    Arguments rest = arguments;
    rest.positional.erase(rest.positional.begin());
    for (const Value& item : TRY(collect(subject, runtime))) mapped.push_back(TRY(filter->apply(runtime, item, rest)));
    return {};
  });
}

// select, reject, selectattr, rejectattr: the items that pass a test, or are true where no test is named.
template <bool kKeep, bool kOfAttribute>
Result<Value> apply_select(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  return generate(runtime, [&](std::vector<Value>& selected) -> Result<void> {
    if (!is_true(subject)) return {};
    Arguments rest = arguments;
    Path path;
    if (kOfAttribute) {
      if (rest.positional.empty()) return failure("selectattr and rejectattr need the name of an attribute");
      path = TRY(Path::parse(&arguments.positional[0]));
      rest.positional.erase(rest.positional.begin());
    }
    const Predicate* predicate = nullptr;
    if (!rest.positional.empty()) {
      const Text* name = rest.positional[0].text();
      predicate = name ? find_predicate(name->bytes()) : nullptr;
      if (!predicate) return failure("there is no test named '{}'", name ? name->bytes() : "");
      rest.positional.erase(rest.positional.begin());
    }
    for (const Value& item : TRY(collect(subject, runtime))) {
      const Value tested = TRY(path.follow(item, runtime));
      const bool holds = predicate ? TRY(predicate->holds(runtime, tested, rest)) : is_true(tested);
      if (holds == kKeep) selected.push_back(item);
    }
    return {};
  });
}

Result<Value> apply_groupby(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1));
  const Path path = TRY(Path::parse(bound.get(0)));
  const std::vector<Value> items = TRY(collect(subject, runtime));
  std::vector<Value> names;
  std::vector<Value> keys;
  for (const Value& item : items) {
    names.push_back(TRY(path.follow(item, runtime, bound.get(1))));
    keys.push_back(TRY(fold_case(names.back(), bound.is_true_at(2), runtime.budget)));
  }
  const std::vector<size_t> order = TRY(sorted_order(keys, false, runtime.budget));
  std::vector<Value> groups;
  for (size_t begin = 0; begin < order.size();) {
    std::vector<Value> group;
    size_t end = begin;
    for (; end < order.size() && TRY(are_equal(keys[order[begin]], keys[order[end]], runtime.budget)); ++end)
      group.push_back(items[order[end]]);
    if (end == begin) group.push_back(items[order[end++]]);  // a NaN equals nothing
    Value members = TRY(make_list(std::move(group), runtime.budget));
    groups.push_back(TRY(make_tuple({names[order[begin]], std::move(members)}, runtime.budget)));
    begin = end;
  }
  return make_list(std::move(groups), runtime.budget);
}

Result<Value> apply_batch(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("batch", arguments, {"linecount", "fill_with"}, 1));
  const int64_t size = TRY(to_index(bound[0], "the size of a batch"));
  return generate(runtime, [&](std::vector<Value>& batches) -> Result<void> {
    std::vector<Value> batch;
    for (const Value& item : TRY(collect(subject, runtime))) {
      if (static_cast<int64_t>(batch.size()) == size)
        batches.push_back(TRY(make_list(std::exchange(batch, {}), runtime.budget)));
      batch.push_back(item);
    }
    if (batch.empty()) return {};
    if (bound.get(1) && !bound[1].is<None>()) {
      for (auto filled = static_cast<int64_t>(batch.size()); filled < size; ++filled) {
        TRY_VOID(runtime.budget.build(sizeof(Value)));
        batch.push_back(bound[1]);
      }
    }
    batches.push_back(TRY(make_list(std::move(batch), runtime.budget)));
    return {};
  });
}

Result<Value> apply_slice(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("slice", arguments, {"slices", "fill_with"}, 1));
  const int64_t slices = TRY(to_index(bound[0], "the number of slices"));
  return generate(runtime, [&](std::vector<Value>& made) -> Result<void> {
    const std::vector<Value> items = TRY(collect(subject, runtime));
    if (slices == 0) return failure("slice cannot make 0 slices");
    const auto size = static_cast<int64_t>(items.size());
    int64_t begin = 0;
    for (int64_t slice = 0; slice < slices; ++slice) {
      const bool has_extra = slice < size % slices;
      const int64_t end = begin + size / slices + (has_extra ? 1 : 0);
      std::vector<Value> part(items.begin() + begin, items.begin() + end);
      if (bound.get(1) && !bound[1].is<None>() && !has_extra) part.push_back(bound[1]);
      made.push_back(TRY(make_list(std::move(part), runtime.budget)));
      begin = end;
    }
    return {};
  });
}

Result<Value> apply_items(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("items", arguments, {}));
  return generate(runtime, [&](std::vector<Value>& pairs) -> Result<void> {
    if (subject.is<Undefined>()) return {};
    const DictPtr* dict = subject.as<DictPtr>();
    if (!dict) return failure("items takes a mapping, not {}", type_name(subject));
    pairs = TRY(collect(Value(DictView{*dict, DictView::Part::kItems}), runtime));
    return {};
  });
}

Result<Value> apply_default(Runtime&, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("default", arguments, {"default_value", "boolean"}));
  const bool use_default = subject.is<Undefined>() || (bound.is_true_at(1) && !is_true(subject));
  return use_default ? bound.get_or(0, make_string(Text())) : subject;
}

Result<Value> apply_attr(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("attr", arguments, {"name"}, 1));
  return get_own_attribute(subject, TRY(bound.text(0))->bytes(), runtime);
}

constexpr Filter kSequenceFilters[] = {
    {"attr", apply_attr},
    {"batch", apply_batch},
    {"count", apply_length},
    {"d", apply_default},
    {"default", apply_default},
    {"dictsort", apply_dictsort},
    {"first", apply_first},
    {"groupby", apply_groupby},
    {"items", apply_items},
    {"join", apply_join},
    {"last", apply_last},
    {"length", apply_length},
    {"list", apply_list},
    {"map", apply_map},
    {"max", apply_extreme<true>},
    {"min", apply_extreme<false>},
    {"reject", apply_select<false, false>},
    {"rejectattr", apply_select<false, true>},
    {"reverse", apply_reverse},
    {"select", apply_select<true, false>},
    {"selectattr", apply_select<true, true>},
    {"slice", apply_slice},
    {"sort", apply_sort},
    {"sum", apply_sum},
    {"unique", apply_unique},
};

}  // namespace

const Filter* find_sequence_filter(std::string_view name) {
  for (const Filter& filter : kSequenceFilters)
    if (filter.name == name) return &filter;
  return nullptr;
}

}  // namespace paddock::text::jinja
