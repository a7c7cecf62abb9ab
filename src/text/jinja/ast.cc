// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/ast.h"

namespace paddock::text::jinja {
namespace {

class Parts {
 public:
  explicit Parts(const std::function<void(const Expression&)>& visit) : visit_(visit) {}

  void operator()(const Literal&) const {}
  void operator()(const Variable&) const {}
  void operator()(const ListDisplay& node) const { each(node.items); }
  void operator()(const TupleDisplay& node) const { each(node.items); }
  void operator()(const DictDisplay& node) const {
    for (const auto& [key, value] : node.entries) each(key, value);
  }
  void operator()(const Negation& node) const { each(node.operand); }
  void operator()(const Arithmetic& node) const { each(node.left, node.right); }
  void operator()(const Concatenation& node) const { each(node.parts); }
  void operator()(const Logic& node) const { each(node.left, node.right); }
  void operator()(const Not& node) const { each(node.operand); }
  void operator()(const Compare& node) const {
    each(node.first);
    for (const auto& [comparison, operand] : node.others) each(operand);
  }
  void operator()(const Conditional& node) const { each(node.test, node.when_true, node.when_false); }
  void operator()(const Attribute& node) const { each(node.object); }
  void operator()(const Subscript& node) const { each(node.object, node.key); }
  void operator()(const SliceSubscript& node) const { each(node.object, node.start, node.stop, node.step); }
  void operator()(const Call& node) const { each(node.callee, node.arguments); }
  void operator()(const FilterUse& node) const { each(node.subject, node.arguments); }
  void operator()(const TestUse& node) const { each(node.subject, node.arguments); }

 private:
  template <typename... Ts>
  void each(const Ts&... parts) const {
    (one(parts), ...);
  }
  void one(const ExpressionPtr& expression) const {
    if (expression) visit_(*expression);
  }
  void one(const Expressions& expressions) const {
    for (const ExpressionPtr& expression : expressions) one(expression);
  }
  void one(const CallArguments& arguments) const {
    one(arguments.positional);
    for (const auto& [name, value] : arguments.keyword) one(value);
    each(arguments.star, arguments.double_star);
  }

  const std::function<void(const Expression&)>& visit_;
};

}  // namespace

void for_each_part(const Expression::Node& node, const std::function<void(const Expression&)>& visit) {
  std::visit(Parts(visit), node);
}

}  // namespace paddock::text::jinja
