// SPDX-License-Identifier: Apache-2.0
#pragma once
// Jinja templates as chat models carry them: parsed once, rendered for each conversation. The environment is the one of
// Hugging Face's transformers: trim_blocks, lstrip_blocks, no escaping, a sandbox in which values never change, loop
// controls,
// {% generation %}, tojson as Python's json.dumps, raise_exception and strftime_now.

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "text/jinja/budget.h"
#include "text/rendered.h"

namespace paddock::text::jinja {

struct Ast;

struct RenderOptions {
  // Variables of the context whose strings count as the template's own: bos_token and its like, which the checkpoint
  // gives.
  std::set<std::string, std::less<>> trusted;
  RenderLimits limits;
  // What strftime_now prints: seconds since 1970, in the zone of the process or, if `utc`, of Greenwich. Negative: now.
  int64_t now = -1;
  bool utc = false;
};

// Immutable; any threads may render with it at once.
class Template {
 public:
  // `name` is what errors call the template. A mistake in it is an error with its line and what was expected.
  static Result<Template> parse(std::string_view source, std::string_view name = "chat template");

  // `context`: an object, whose entries are the template's variables. Everything that can go wrong is an error with the
  // line: raise_exception, an undefined value used, a limit passed.
  Result<RenderedText> render(const Json& context, const RenderOptions& options = {}) const;

 private:
  Template(std::shared_ptr<const Ast> ast, std::string name) : ast_(std::move(ast)), name_(std::move(name)) {}

  std::shared_ptr<const Ast> ast_;
  std::string name_;
};

}  // namespace paddock::text::jinja
