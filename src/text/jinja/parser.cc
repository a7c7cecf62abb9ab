// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/parser.h"

#include <algorithm>
#include <string>
#include <utility>

#include "text/jinja/expression_parser.h"
#include "text/jinja/scope_analysis.h"

namespace paddock::text::jinja {
namespace {

using Words = std::initializer_list<std::string_view>;

std::string list_tags(Words words) {
  std::string list;
  for (const std::string_view word : words) list += fmt::format("{}'{{% {} %}}'", list.empty() ? "" : " or ", word);
  return list;
}

class Parser : public ExpressionParser {
 public:
  explicit Parser(std::vector<Token> tokens) : ExpressionParser(std::move(tokens)) {}

  Result<std::shared_ptr<const Ast>> run() {
    ast_.loop = intern("loop");
    ast_.caller = intern("caller");
    ast_.varargs = intern("varargs");
    ast_.kwargs = intern("kwargs");
    ast_.body.statements = TRY(parse_block({}, "", 0));
    if (unknown_) return tl::unexpected(*unknown_);
    analyse_scopes(ast_);
    return std::make_shared<const Ast>(std::move(ast_));
  }

 private:
  template <typename Node>
  static StatementPtr make(int line, Node node) {
    return std::make_unique<Statement>(Statement{line, std::move(node)});
  }

  // The statements up to a tag of one of `end_words`, at whose word the parser then stands; up to the end of the
  // template if there are none. `opener` and its line are named when the end is missing.
  Result<Block> parse_block(Words end_words, std::string_view opener, int opened) {
    Block block;
    for (;;) {
      const int line = current().line;
      if (at(TokenKind::kData)) {
        block.push_back(make(line, Data{make_string(Text(take().text, true))}));
      } else if (skip(TokenKind::kVariableBegin)) {
        Output output;
        output.expressions.push_back(TRY(parse_tuple()));
        TRY_VOID(expect(TokenKind::kVariableEnd));
        block.push_back(make(line, std::move(output)));
      } else if (skip(TokenKind::kBlockBegin)) {
        if (at(TokenKind::kName) && std::find(end_words.begin(), end_words.end(), current().text) != end_words.end())
          return block;
        block.push_back(TRY(parse_statement(end_words)));
        TRY_VOID(expect(TokenKind::kBlockEnd));
      } else if (end_words.size() == 0) {
        return block;
      } else {
        return syntax_error(line, "the template ends, but '{{% {} %}}' of line {} is still open; expected {}", opener,
                            opened, list_tags(end_words));
      }
    }
  }

  // The body of a statement whose own tag ends here; takes the end tag's word, too.
  Result<std::pair<Block, std::string>> parse_body(Words end_words, std::string_view opener, int opened) {
    skip(TokenKind::kColon);  // as in Python
    TRY_VOID(expect(TokenKind::kBlockEnd));
    const DepthGuard guard(nesting_);
    TRY_VOID(check_nesting());
    Block block = TRY(parse_block(end_words, opener, opened));
    return std::pair(std::move(block), take().text);
  }

  Result<Block> parse_body_until(std::string_view end_word, std::string_view opener, int opened) {
    return std::move(TRY(parse_body({end_word}, opener, opened)).first);
  }

  Result<StatementPtr> parse_statement(Words end_words) {
    const Token tag = TRY(expect(TokenKind::kName));
    const std::string& word = tag.text;
    const int line = tag.line;
    if (word == "set") return parse_set(line);
    if (word == "if") return parse_if(line);
    if (word == "for") return parse_for(line);
    if (word == "macro") return parse_macro(line);
    if (word == "call") return parse_call_block(line);
    if (word == "filter") return parse_filter_block(line);
    if (word == "with") return parse_with(line);
    if (word == "print") return parse_print(line);
    if (word == "block") return parse_named_block(line);
    if (word == "break" || word == "continue") return parse_loop_control(word, line);
    if (word == "generation") return parse_scoped("endgeneration", word, line);
    if (word == "autoescape") {
      TRY_VOID(parse_expression());
      return parse_scoped("endautoescape", word, line);
    }
    if (word == "include" || word == "import" || word == "from" || word == "extends")
      return syntax_error(line, "'{}' needs other files, and a chat template has none", word);
    if (end_words.size() > 0) return syntax_error(line, "unknown tag '{}'; expected {}", word, list_tags(end_words));
    return syntax_error(line, "unknown tag '{}'", word);
  }

  Result<Target> parse_target_name() {
    const Token name = TRY(expect(TokenKind::kName));
    if (is_keyword(name.text)) return syntax_error(name.line, "'{}' cannot be assigned to", name.text);
    if (name.text == "loop" && loops_ > 0) return syntax_error(name.line, "'loop' cannot be assigned to inside a loop");
    return Target{intern(name.text)};
  }

  static bool is_keyword(std::string_view name) {
    return name == "true" || name == "True" || name == "false" || name == "False" || name == "none" || name == "None";
  }

  // A name, an attribute of a namespace, something in parentheses, or several with commas between them.
  Result<Target> parse_target(bool with_attributes, std::string_view end_word = {}) {
    const DepthGuard guard(nesting_);
    TRY_VOID(check_nesting());
    std::vector<Target> targets;
    bool is_tuple = false;
    while (!ends_tuple(end_word) || targets.empty()) {
      targets.push_back(TRY(parse_one_target(with_attributes)));
      if (!skip(TokenKind::kComma)) break;
      is_tuple = true;
    }
    if (!is_tuple) return std::move(targets.front());
    return Target{std::move(targets)};
  }

  Result<Target> parse_one_target(bool with_attributes) {
    if (skip(TokenKind::kLeftParenthesis)) {
      Target target = TRY(parse_target(false));
      TRY_VOID(expect(TokenKind::kRightParenthesis));
      return target;
    }
    if (with_attributes && following().kind == TokenKind::kDot) {
      const std::string object = TRY(expect(TokenKind::kName)).text;
      take();
      note_use(object);
      const Token attribute = TRY(expect(TokenKind::kName));
      return Target{Target::Attribute{intern(object), attribute.text}};
    }
    return parse_target_name();
  }

  Result<StatementPtr> parse_set(int line) {
    Target target = TRY(parse_target(true));
    if (skip(TokenKind::kAssign)) {
      ExpressionPtr value = TRY(parse_tuple());
      return make(line, Set{std::move(target), std::move(value)});
    }
    SetBlock block;
    block.target = std::move(target);
    if (at(TokenKind::kPipe)) block.filter = TRY(parse_filters(nullptr, false));
    block.body.statements = TRY(parse_body_until("endset", "set", line));
    return make(line, std::move(block));
  }

  Result<StatementPtr> parse_if(int line) {
    If statement;
    std::string word = "if";
    const DepthGuard in_branch(branches_);
    while (word != "endif" && word != "else") {
      ExpressionPtr test = TRY(parse_tuple(false));
      auto [body, next] = TRY(parse_body({"elif", "else", "endif"}, "if", line));
      statement.branches.emplace_back(std::move(test), std::move(body));
      word = next;
    }
    if (word == "else") statement.otherwise = TRY(parse_body_until("endif", "if", line));
    return make(line, std::move(statement));
  }

  Result<StatementPtr> parse_for(int line) {
    For loop{};
    loop.target = TRY(parse_loop_target());
    TRY_VOID(expect_word("in"));
    loop.iterable = TRY(parse_tuple(false, "recursive"));
    if (skip_word("if")) loop.condition = TRY(parse_expression());
    loop.recursive = skip_word("recursive");
    ++loops_;
    auto [body, word] = TRY(parse_body({"endfor", "else"}, "for", line));
    --loops_;
    loop.body.statements = std::move(body);
    if (word == "else") loop.otherwise.statements = TRY(parse_body_until("endfor", "for", line));
    return make(line, std::move(loop));
  }

  Result<Target> parse_loop_target() {
    ++loops_;
    Target target = TRY(parse_target(false, "in"));
    --loops_;
    return target;
  }

  // What is parsed meanwhile is a function of its own: a loop around it cannot be left from inside.
  template <typename ParseBody>
  Result<void> parse_function(MacroCode& code, const ParseBody& parse_code_body) {
    macros_.push_back(&code);
    const int loops = std::exchange(loops_, 0);
    code.body.statements = TRY(parse_code_body());
    loops_ = loops;
    macros_.pop_back();
    return {};
  }

  Result<void> parse_parameters(MacroCode& code) {
    TRY_VOID(expect(TokenKind::kLeftParenthesis));
    while (!at(TokenKind::kRightParenthesis)) {
      const Token name = TRY(expect(TokenKind::kName));
      if (is_keyword(name.text)) return syntax_error(name.line, "'{}' cannot be a parameter", name.text);
      MacroCode::Parameter parameter{intern(name.text), nullptr};
      for (const MacroCode::Parameter& other : code.parameters)
        if (other.name == parameter.name) return syntax_error(name.line, "the parameter {} is given twice", name.text);
      if (skip(TokenKind::kAssign)) {
        parameter.fallback = TRY(parse_expression());
      } else if (!code.parameters.empty() && code.parameters.back().fallback) {
        return syntax_error(name.line, "the parameter {} needs a default, because one before it has one", name.text);
      }
      if (name.text == "caller" && !parameter.fallback)
        return syntax_error(name.line, "a parameter named caller needs a default, because not every call gives it");
      code.parameters.push_back(std::move(parameter));
      if (!at(TokenKind::kRightParenthesis)) TRY_VOID(expect(TokenKind::kComma));
    }
    take();
    return {};
  }

  Result<StatementPtr> parse_macro(int line) {
    const Token name = TRY(expect(TokenKind::kName));
    if (is_keyword(name.text)) return syntax_error(name.line, "'{}' cannot be a macro's name", name.text);
    MacroDefinition macro{intern(name.text), {}};
    macro.code.name = name.text;
    TRY_VOID(parse_function(macro.code, [&]() -> Result<Block> {
      TRY_VOID(parse_parameters(macro.code));
      return parse_body_until("endmacro", "macro", line);
    }));
    return make(line, std::move(macro));
  }

  Result<StatementPtr> parse_call_block(int line) {
    CallBlock block;
    block.caller.name = "caller";
    if (at(TokenKind::kLeftParenthesis)) {
      macros_.push_back(&block.caller);
      TRY_VOID(parse_parameters(block.caller));
      macros_.pop_back();
    }
    block.call = TRY(parse_expression());
    if (!std::holds_alternative<Call>(block.call->node))
      return syntax_error(line, "expected a call of a macro after 'call'");
    TRY_VOID(parse_function(block.caller, [&] { return parse_body_until("endcall", "call", line); }));
    return make(line, std::move(block));
  }

  Result<StatementPtr> parse_filter_block(int line) {
    FilterBlock block;
    block.filter = TRY(parse_filters(nullptr, true));
    block.body.statements = TRY(parse_body_until("endfilter", "filter", line));
    return make(line, std::move(block));
  }

  Result<StatementPtr> parse_with(int line) {
    With with;
    while (!at(TokenKind::kBlockEnd)) {
      if (!with.values.empty()) TRY_VOID(expect(TokenKind::kComma));
      Target target = TRY(parse_target(false));
      TRY_VOID(expect(TokenKind::kAssign));
      with.values.emplace_back(std::move(target), TRY(parse_expression()));
    }
    with.body.statements = TRY(parse_body_until("endwith", "with", line));
    return make(line, std::move(with));
  }

  Result<StatementPtr> parse_print(int line) {
    Output output;
    while (!at(TokenKind::kBlockEnd)) {
      if (!output.expressions.empty()) TRY_VOID(expect(TokenKind::kComma));
      output.expressions.push_back(TRY(parse_expression()));
    }
    return make(line, std::move(output));
  }

  Result<StatementPtr> parse_named_block(int line) {
    const std::string name = TRY(expect(TokenKind::kName)).text;
    NamedBlock block;
    block.scoped = skip_word("scoped");
    const int loops = std::exchange(loops_, 0);
    block.body.statements = TRY(parse_body_until("endblock", "block", line));
    loops_ = loops;
    skip_word(name);
    return make(line, std::move(block));
  }

  Result<StatementPtr> parse_scoped(std::string_view end_word, std::string_view opener, int line) {
    const int loops = std::exchange(loops_, 0);
    ScopedBlock block;
    block.body.statements = TRY(parse_body_until(end_word, opener, line));
    loops_ = loops;
    return make(line, std::move(block));
  }

  Result<StatementPtr> parse_loop_control(const std::string& word, int line) {
    if (loops_ == 0) return syntax_error(line, "'{}' stands outside of a loop", word);
    return word == "break" ? make(line, Break{}) : make(line, Continue{});
  }

  int loops_ = 0;  // around the statement being parsed, within the same macro
};

}  // namespace

Result<std::shared_ptr<const Ast>> parse_template(std::string_view source) {
  return Parser(TRY(tokenize(source))).run();
}

}  // namespace paddock::text::jinja
