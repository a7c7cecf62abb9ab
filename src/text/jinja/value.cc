// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/value.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "text/jinja/method.h"
#include "text/jinja/number.h"
#include "text/jinja/unicode.h"

namespace paddock::text::jinja {
namespace {

// Lists in lists; deeper than any message, and shallow enough for functions that recurse over values.
constexpr int kMaxValueDepth = 300;

int depth_of(const Value& value) {
  if (const List* list = value.as<List>()) return list->items->depth;
  if (const Tuple* tuple = value.as<Tuple>()) return tuple->items->depth;
  if (const DictPtr* dict = value.as<DictPtr>()) return (*dict)->depth();
  if (const DictView* view = value.as<DictView>()) return view->dict->depth();
  if (const BoundMethod* bound = value.as<BoundMethod>()) return depth_of(*bound->self) + 1;
  return 0;
}

tl::unexpected<Error> too_deep() {
  return error(ErrorCode::kLimit, "a value of the template has more than {} lists or mappings inside each other",
               kMaxValueDepth);
}

size_t combine(size_t seed, size_t hash) { return seed ^ (hash + 0x9E3779B97F4A7C15u + (seed << 6) + (seed >> 2)); }

// Equal values have equal hashes, so that 1, 1.0 and true are one key, as in Python. Missing for lists and mappings.
std::optional<size_t> hash_of(const Value& value) {
  if (const Text* text = value.text()) return std::hash<std::string>()(text->bytes());
  if (const auto integer = integer_of(value))
    return combine(std::hash<int64_t>()(static_cast<int64_t>(*integer)),
                   std::hash<int64_t>()(static_cast<int64_t>(*integer >> 64)));
  if (const double* number = value.as<double>()) {
    const auto whole = truncate_float(*number);
    if (whole && static_cast<double>(*whole) == *number) return hash_of(Value(*whole));
    return std::hash<double>()(*number);
  }
  if (const Tuple* tuple = value.as<Tuple>()) return tuple->items->hash;
  if (value.is<List>() || value.is<DictPtr>() || value.is<DictView>()) return std::nullopt;
  return 1 + value.variant().index();
}

Result<ItemsPtr> make_items(std::vector<Value> values, Budget& budget) {
  TRY_VOID(budget.build(sizeof(Items) + values.size() * sizeof(Value)));
  int depth = 1;
  std::optional<size_t> hash = values.size();
  for (const Value& value : values) {
    depth = std::max(depth, depth_of(value) + 1);
    const auto item_hash = hash ? hash_of(value) : std::nullopt;
    hash = item_hash ? std::optional(combine(*hash, *item_hash)) : std::nullopt;
  }
  if (depth > kMaxValueDepth) return too_deep();
  return std::make_shared<const Items>(Items{std::move(values), depth, hash});
}

Result<bool> are_equal_items(const Items& left, const Items& right, Budget& budget) {
  if (left.values.size() != right.values.size()) return false;
  for (size_t index = 0; index < left.values.size(); ++index)
    if (!TRY(are_equal(left.values[index], right.values[index], budget))) return false;
  return true;
}

Result<bool> are_equal_dicts(const Dict& left, const Dict& right, Budget& budget) {
  if (left.size() != right.size()) return false;
  for (const Dict::Entry& entry : left.entries()) {
    const Value* other = TRY(right.find(entry.key, budget));
    if (!other || !TRY(are_equal(entry.value, *other, budget))) return false;
  }
  return true;
}

bool are_equal_ranges(const Range& left, const Range& right) {
  if (left.size != right.size || left.size == 0) return left.size == right.size;
  return left.start == right.start && (left.size == 1 || left.step == right.step);
}

Result<bool> is_less_items(const Items& left, const Items& right, Budget& budget) {
  const size_t common = std::min(left.values.size(), right.values.size());
  for (size_t index = 0; index < common; ++index)
    if (!TRY(are_equal(left.values[index], right.values[index], budget)))
      return is_less(left.values[index], right.values[index], budget);
  return left.values.size() < right.values.size();
}

Result<Value> from_json_at(const Json& json, bool from_template, Budget& budget, int depth) {
  if (depth > kMaxValueDepth) return too_deep();
  switch (json.type()) {
    case Json::value_t::null: return Value(None{});
    case Json::value_t::boolean: return Value(json.get<bool>());
    case Json::value_t::number_integer: return Value(Int{json.get<int64_t>()});
    case Json::value_t::number_unsigned: return Value(Int{json.get<uint64_t>()});
    case Json::value_t::number_float: return Value(json.get<double>());
    case Json::value_t::string: {
      const auto& bytes = json.get_ref<const std::string&>();
      return make_string(Text(is_valid_utf8(bytes) ? bytes : replace_invalid_utf8(bytes), from_template));
    }
    case Json::value_t::array: {
      std::vector<Value> values;
      values.reserve(json.size());
      for (const Json& item : json) values.push_back(TRY(from_json_at(item, from_template, budget, depth + 1)));
      return make_list(std::move(values), budget);
    }
    case Json::value_t::object: {
      DictBuilder dict(budget);
      for (const auto& [key, item] : json.items()) {
        const std::string valid = is_valid_utf8(key) ? key : replace_invalid_utf8(key);
        TRY_VOID(dict.set(make_string(Text(valid, from_template)),
                          TRY(from_json_at(item, from_template, budget, depth + 1))));
      }
      return dict.finish();
    }
    case Json::value_t::binary:
      if (const auto digits = big_integer(json)) {
        if (const auto integer = parse_int(*digits)) return Value(*integer);
        return error(ErrorCode::kUnsupported, "a variable of the template holds an integer of more than 38 digits");
      }
      break;
    case Json::value_t::discarded: break;
  }
  return failure("a variable of the template holds binary data; give text, numbers, lists or mappings");
}

}  // namespace

const std::vector<Value>* Value::items() const {
  if (const List* list = as<List>()) return &list->items->values;
  if (const Tuple* tuple = as<Tuple>()) return &tuple->items->values;
  return nullptr;
}

Result<const Dict::Entry*> Dict::entry_of(const Value& key, size_t hash, Budget& budget) const {
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto candidate = begin; candidate != end; ++candidate)
    if (TRY(are_equal(entries_[candidate->second].key, key, budget))) return &entries_[candidate->second];
  return nullptr;
}

Result<const Value*> Dict::find(const Value& key, Budget& budget) const {
  const auto hash = hash_of(key);
  if (!hash) return failure("a {} cannot be a key of a mapping", type_name(key));
  const Entry* entry = TRY(entry_of(key, *hash, budget));
  return entry ? &entry->value : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  const auto [begin, end] = by_hash_.equal_range(std::hash<std::string_view>()(key));
  for (auto candidate = begin; candidate != end; ++candidate) {
    const Text* text = entries_[candidate->second].key.text();
    if (text && text->bytes() == key) return &entries_[candidate->second].value;
  }
  return nullptr;
}

Result<void> DictBuilder::set(Value key, Value value) {
  const auto hash = hash_of(key);
  if (!hash) return failure("a {} cannot be a key of a mapping", type_name(key));
  dict_->depth_ = std::max({dict_->depth_, depth_of(key) + 1, depth_of(value) + 1});
  if (dict_->depth_ > kMaxValueDepth) return too_deep();
  if (const Dict::Entry* entry = TRY(dict_->entry_of(key, *hash, budget_))) {
    const_cast<Dict::Entry*>(entry)->value = std::move(value);
    return {};
  }
  constexpr size_t kIndexBytes = 48;  // a node of the hash table
  TRY_VOID(budget_.build(sizeof(Dict::Entry) + kIndexBytes));
  dict_->by_hash_.emplace(*hash, static_cast<uint32_t>(dict_->entries_.size()));
  dict_->entries_.push_back({std::move(key), std::move(value)});
  return {};
}

Result<bool> DictBuilder::add(const Value& key) {
  const size_t before = dict_->size();
  TRY_VOID(set(key, None{}));
  return dict_->size() > before;
}

Result<Value> DictBuilder::finish() {
  TRY_VOID(budget_.build(sizeof(Dict)));
  return Value(DictPtr(std::move(dict_)));
}

Result<Value> TextBuilder::finish(bool is_markup) {
  TRY_VOID(budget_.build(sizeof(String)));
  return make_string(std::move(text_), is_markup);
}

Value make_undefined(std::string why) { return Undefined{std::make_shared<const std::string>(std::move(why))}; }

Value make_string(Text text, bool is_markup) {
  const size_t characters = count_characters(text.bytes());
  return std::make_shared<const String>(String{std::move(text), characters, is_markup});
}

Value make_name(std::string_view name) { return make_string(Text(std::string(name), false)); }

Result<Value> make_list(std::vector<Value> values, Budget& budget) {
  return Value(List{TRY(make_items(std::move(values), budget))});
}

Result<Value> make_tuple(std::vector<Value> values, Budget& budget) {
  return Value(Tuple{TRY(make_items(std::move(values), budget))});
}

Result<Value> make_slice(const Value& string, size_t begin, size_t end, Budget& budget) {
  const String& whole = **string.as<StringPtr>();
  if (begin == 0 && end == whole.text.size()) return string;
  TRY_VOID(budget.build(sizeof(String) + end - begin));
  return make_string(whole.text.slice(begin, end), whole.is_markup);
}

Result<Value> from_json(const Json& json, bool from_template) {
  constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();
  Budget budget({.steps = kUnlimited, .built_bytes = kUnlimited, .output_bytes = kUnlimited});
  return from_json_at(json, from_template, budget, 1);
}

bool is_true(const Value& value) {
  if (value.is<Undefined>() || value.is<None>()) return false;
  if (const bool* flag = value.as<bool>()) return *flag;
  if (const Int* integer = value.as<Int>()) return *integer != 0;
  if (const double* number = value.as<double>()) return *number != 0;
  if (const Text* text = value.text()) return !text->empty();
  if (const auto* items = value.items()) return !items->empty();
  if (const DictPtr* dict = value.as<DictPtr>()) return (*dict)->size() > 0;
  if (const DictView* view = value.as<DictView>()) return view->dict->size() > 0;
  if (const Range* range = value.as<Range>()) return range->size > 0;
  return true;
}

std::string type_name(const Value& value) {
  struct Namer {
    std::string operator()(const Undefined&) const { return "Undefined"; }
    std::string operator()(const None&) const { return "NoneType"; }
    std::string operator()(bool) const { return "bool"; }
    std::string operator()(Int) const { return "int"; }
    std::string operator()(double) const { return "float"; }
    std::string operator()(const StringPtr&) const { return "str"; }
    std::string operator()(const List&) const { return "list"; }
    std::string operator()(const Tuple&) const { return "tuple"; }
    std::string operator()(const DictPtr&) const { return "dict"; }
    std::string operator()(const DictView& view) const {
      return view.part == DictView::Part::kKeys     ? "dict_keys"
             : view.part == DictView::Part::kValues ? "dict_values"
                                                    : "dict_items";
    }
    std::string operator()(const Range&) const { return "range"; }
    std::string operator()(const Function*) const { return "function"; }
    std::string operator()(const BoundMethod&) const { return "method"; }
    std::string operator()(const Object* object) const {
      switch (object->kind) {
        case Object::Kind::kNamespace: return "Namespace";
        case Object::Kind::kGenerator: return "generator";
        case Object::Kind::kMacro: return "Macro";
        case Object::Kind::kLoop: return "LoopContext";
        case Object::Kind::kCycler: return "Cycler";
        case Object::Kind::kJoiner: break;
      }
      return "Joiner";
    }
  };
  return std::visit(Namer{}, value.variant());
}

bool are_identical(const Value& left, const Value& right) {
  if (left.variant().index() != right.variant().index()) return false;
  if (left.is<Undefined>() || left.is<None>()) return true;
  if (const bool* flag = left.as<bool>()) return *flag == *right.as<bool>();
  if (const Int* integer = left.as<Int>()) return *integer == *right.as<Int>();
  if (const double* number = left.as<double>()) return *number == *right.as<double>();
  if (const Text* text = left.text()) return text->bytes() == right.text()->bytes();
  if (const auto* items = left.items()) return items == right.items();
  if (const DictPtr* dict = left.as<DictPtr>()) return *dict == *right.as<DictPtr>();
  if (const auto* function = left.as<const Function*>()) return *function == *right.as<const Function*>();
  if (Object* const* object = left.as<Object*>()) return *object == *right.as<Object*>();
  return false;  // views, ranges and methods are made anew at each use
}

Result<bool> are_equal(const Value& left, const Value& right, Budget& budget) {
  TRY_VOID(budget.spend(1));
  const bool left_is_number = number_of(left).has_value();
  const bool right_is_number = number_of(right).has_value();
  if (left_is_number && right_is_number) return compare_numbers(left, right) == 0;
  if (left.variant().index() != right.variant().index()) return false;
  if (const Text* text = left.text()) {
    TRY_VOID(budget.scan(text->size()));
    return text->bytes() == right.text()->bytes();
  }
  if (are_identical(left, right)) return true;
  if (const List* list = left.as<List>()) return are_equal_items(*list->items, *right.as<List>()->items, budget);
  if (const Tuple* tuple = left.as<Tuple>()) return are_equal_items(*tuple->items, *right.as<Tuple>()->items, budget);
  if (const DictPtr* dict = left.as<DictPtr>()) return are_equal_dicts(**dict, **right.as<DictPtr>(), budget);
  if (const Range* range = left.as<Range>()) return are_equal_ranges(*range, *right.as<Range>());
  if (const BoundMethod* bound = left.as<BoundMethod>()) {
    const BoundMethod& other = *right.as<BoundMethod>();
    return bound->method == other.method && are_identical(*bound->self, *other.self);
  }
  return false;
}

Result<bool> is_less(const Value& left, const Value& right, Budget& budget) {
  TRY_VOID(budget.spend(1));
  TRY_VOID(check_defined(left));
  TRY_VOID(check_defined(right));
  if (number_of(left) && number_of(right)) {
    const auto order = compare_numbers(left, right);
    return order && *order < 0;
  }
  if (left.text() && right.text()) {
    TRY_VOID(budget.scan(std::min(left.text()->size(), right.text()->size())));
    return left.text()->bytes() < right.text()->bytes();  // UTF-8 orders as its code points do
  }
  const bool both_lists = left.is<List>() && right.is<List>();
  const bool both_tuples = left.is<Tuple>() && right.is<Tuple>();
  if (both_lists) return is_less_items(*left.as<List>()->items, *right.as<List>()->items, budget);
  if (both_tuples) return is_less_items(*left.as<Tuple>()->items, *right.as<Tuple>()->items, budget);
  return failure("{} and {} have no order; compare two numbers or two texts", type_name(left), type_name(right));
}

Result<void> check_defined(const Value& value) {
  if (const Undefined* undefined = value.as<Undefined>()) return failure("{}", *undefined->why);
  return {};
}

}  // namespace paddock::text::jinja
