// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the built-in filters, tests, functions and methods share during one rendering: budget, objects, clock.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/jinja/budget.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

struct RenderOptions;  // template.h

// Owns every object with identity until the rendering ends: they may point to each other in circles.
class Heap {
 public:
  template <typename T, typename... Args>
  Result<T*> make(Budget& budget, Args&&... args) {
    TRY_VOID(budget.build(sizeof(T) + sizeof(void*)));
    auto object = std::make_unique<T>(std::forward<Args>(args)...);
    T* pointer = object.get();
    objects_.push_back(std::move(object));
    return pointer;
  }

 private:
  std::vector<std::unique_ptr<Object>> objects_;
};

struct Runtime {
  const RenderOptions& options;
  Budget budget;
  Heap heap;
};

struct Namespace : Object {
  static constexpr Kind kKind = Kind::kNamespace;
  Namespace() : Object(kKind) {}
  const Value* find(std::string_view name) const;
  Result<void> set(std::string name, Value value, Budget& budget);  // refuses names that begin with an underscore

  std::vector<std::pair<std::string, Value>> attributes;
};

// A sequence that can be walked once, as `map` and `select` make it. The items are made at once; a failure in the
// making shows when the walk gets there, as in Python.
struct Generator : Object {
  static constexpr Kind kKind = Kind::kGenerator;
  Generator(std::vector<Value> generated, std::optional<Error> problem)
      : Object(kKind), items(std::move(generated)), failed(std::move(problem)) {}

  std::vector<Value> items;
  std::optional<Error> failed;
  size_t next = 0;
};
Result<Value> make_generator(std::vector<Value> items, Runtime& runtime, std::optional<Error> failed = std::nullopt);

struct Cycler : Object {
  static constexpr Kind kKind = Kind::kCycler;
  explicit Cycler(std::vector<Value> cycled) : Object(kKind), items(std::move(cycled)) {}

  std::vector<Value> items;
  size_t position = 0;
};

struct Joiner : Object {
  static constexpr Kind kKind = Kind::kJoiner;
  explicit Joiner(Value between) : Object(kKind), separator(std::move(between)) {}

  Value separator;
  bool used = false;
};

// The `loop` of a for statement. Items are taken one at a time, because the condition of the loop may depend on what
// its body did.
struct Loop : Object {
  static constexpr Kind kKind = Kind::kLoop;
  using Source = std::function<Result<std::optional<Value>>()>;
  using Recursion = std::function<Result<Value>(const Value& iterable, int depth)>;
  Loop() : Object(kKind) {}

  Result<bool> advance();                  // to the next item; false at the end
  Result<const Value*> peek();             // the item after the current one; null at the end
  Result<int64_t> length(Budget& budget);  // takes all items if the source cannot tell
  Result<bool> changed(std::vector<Value> values, Budget& budget);

  Source source;
  Recursion recurse;  // empty when the loop is not marked recursive
  std::optional<int64_t> known_length;
  std::vector<Value> ahead;  // items taken and not yet current, the next one last
  bool exhausted = false;
  int64_t index = 0;  // of the current item, from 1
  int depth = 1;      // of recursion, from 1
  Value current = Undefined{};
  Value previous = Undefined{};
  std::optional<Value> last_seen;  // by changed()
};

}  // namespace paddock::text::jinja
