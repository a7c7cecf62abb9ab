// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/template.h"

#include <utility>

#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"

namespace paddock::text::jinja {

Result<Template> Template::parse(std::string_view source, std::string_view name) {
  auto ast = parse_template(source);
  if (!ast) return error(ast.error().code, "{}: {}", name, ast.error().message);
  return Template(std::move(*ast), std::string(name));
}

Result<RenderedText> Template::render(const Json& context, const RenderOptions& options) const {
  Interpreter interpreter(*ast_, options);
  const Result<Text> text = interpreter.run(context);
  if (!text) return error(text.error().code, "{}, line {}: {}", name_, interpreter.line(), text.error().message);
  return text->spans();
}

}  // namespace paddock::text::jinja
