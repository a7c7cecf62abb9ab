// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/function.h"

#include <algorithm>
#include <ctime>

#include "text/jinja/iterate.h"
#include "text/jinja/number.h"
#include "text/jinja/print.h"
#include "text/jinja/template.h"
#include "text/jinja/unicode.h"

namespace paddock::text::jinja {
namespace {

Result<Value> call_range(Runtime&, const Arguments& arguments) {
  constexpr int64_t kMostItems = 100'000;       // the bound of Python's sandbox
  constexpr int64_t kBound = int64_t{1} << 60;  // so that differences and products stay within 64 bits
  if (!arguments.keyword.empty() || arguments.positional.empty() || arguments.positional.size() > 3)
    return failure("range takes one to three integers");
  int64_t numbers[3] = {0, 0, 1};
  for (size_t index = 0; index < arguments.positional.size(); ++index) {
    numbers[index] = TRY(to_index(arguments.positional[index], "an argument of range"));
    if (numbers[index] > kBound || numbers[index] < -kBound) return failure("an argument of range is beyond 2**60");
  }
  if (arguments.positional.size() == 1) std::swap(numbers[0], numbers[1]);
  const auto [start, stop, step] = numbers;
  if (step == 0) return failure("the step of range cannot be 0");
  const int64_t distance = step > 0 ? stop - start : start - stop;
  const int64_t magnitude = step > 0 ? step : -step;
  const int64_t size = distance > 0 ? (distance - 1) / magnitude + 1 : 0;
  if (size > kMostItems)
    return error(ErrorCode::kLimit, "range of {} items is too big; templates may use {}", size, kMostItems);
  return Value(Range{start, stop, step, size});
}

// What dict() takes: a mapping or pairs, then keywords.
Result<Value> make_dict(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.size() > 1) return failure("dict and namespace take one mapping and keywords");
  DictBuilder dict(runtime.budget);
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (const DictPtr* mapping = source.as<DictPtr>()) {
      for (const Dict::Entry& entry : (*mapping)->entries()) TRY_VOID(dict.set(entry.key, entry.value));
    } else {
      for (const Value& pair : TRY(collect(source, runtime))) {
        const std::vector<Value> parts = TRY(collect(pair, runtime));
        if (parts.size() != 2) return failure("dict takes pairs; one of them has {} items", parts.size());
        TRY_VOID(dict.set(parts[0], parts[1]));
      }
    }
  }
  for (const auto& [name, value] : arguments.keyword) TRY_VOID(dict.set(make_name(name), value));
  return dict.finish();
}

Result<Value> call_namespace(Runtime& runtime, const Arguments& arguments) {
  const Value attributes = TRY(make_dict(runtime, arguments));
  Namespace* names = TRY(runtime.heap.make<Namespace>(runtime.budget));
  for (const Dict::Entry& entry : (*attributes.as<DictPtr>())->entries()) {
    const Text* name = entry.key.text();
    if (!name) return failure("the attributes of a namespace are named by texts, not by {}", type_name(entry.key));
    TRY_VOID(names->set(name->bytes(), entry.value, runtime.budget));
  }
  return Value(static_cast<Object*>(names));
}

Result<Value> call_raise_exception(Runtime& runtime, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("raise_exception", arguments, {"message"}, 1));
  constexpr size_t kLongestMessage = 1000;  // characters: what follows is of no use to a reader
  const Value message = TRY(to_string(bound[0], runtime.budget));
  const std::string& bytes = message.text()->bytes();
  const size_t end = offset_of_character(bytes, std::min((*message.as<StringPtr>())->characters, kLongestMessage));
  return failure("{}", std::string_view(bytes).substr(0, end));
}

Result<Value> call_strftime_now(Runtime& runtime, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("strftime_now", arguments, {"format"}, 1));
  const Text& format = *TRY(bound.text(0));
  constexpr size_t kLongestFormat = 1000;
  if (format.size() > kLongestFormat)
    return failure("the format of strftime_now has more than {} bytes", kLongestFormat);
  const std::time_t now = runtime.options.now >= 0 ? static_cast<std::time_t>(runtime.options.now) : std::time(nullptr);
  std::tm parts{};
  if (!(runtime.options.utc ? ::gmtime_r(&now, &parts) : ::localtime_r(&now, &parts)))
    return failure("the time {} has no date", now);
  // Each conversion prints less than 60 bytes for each byte of the format. strftime returns 0 for an empty text too,
  // hence the space before it.
  std::string printed(kLongestFormat * 60, '\0');
  TRY_VOID(runtime.budget.build(printed.size()));
  const std::string marked = " " + format.bytes();
  const size_t size = std::strftime(printed.data(), printed.size(), marked.c_str(), &parts);
  printed.resize(size);
  const bool from_template = !format.empty() && format.from_template_at(0);
  return make_string(Text(printed.substr(std::min<size_t>(size, 1)), from_template && format.spans().size() == 1));
}

Result<Value> call_joiner(Runtime& runtime, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("joiner", arguments, {"sep"}));
  const Value separator = bound.get_or(0, make_string(Text(", ", true)));
  return Value(static_cast<Object*>(TRY(runtime.heap.make<Joiner>(runtime.budget, separator))));
}

Result<Value> call_cycler(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.empty() || !arguments.keyword.empty())
    return failure("cycler takes the values to take in turn");
  return Value(static_cast<Object*>(TRY(runtime.heap.make<Cycler>(runtime.budget, arguments.positional))));
}

constexpr Function kFunctions[] = {
    {"range", call_range},
    {"dict", make_dict},
    {"namespace", call_namespace},
    {"raise_exception", call_raise_exception},
    {"strftime_now", call_strftime_now},
    {"joiner", call_joiner},
    {"cycler", call_cycler},
};

}  // namespace

const Function* find_function(std::string_view name) {
  for (const Function& function : kFunctions)
    if (function.name == name) return &function;
  return nullptr;
}

}  // namespace paddock::text::jinja
