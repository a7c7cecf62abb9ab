// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"
#include "base/mapped_file.h"

namespace paddock::text::jinja {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// The rendered text, or "error: …".
std::string render(std::string_view source, const Json& context = Json::object(), const RenderOptions& options = {}) {
  const auto parsed = Template::parse(source);
  if (!parsed) return "error: " + parsed.error().message;
  const auto rendered = parsed->render(context, options);
  if (!rendered) return "error: " + rendered.error().message;
  std::string text;
  for (const RenderedSpan& span : *rendered) text += span.text;
  return text;
}

// The rendered text with the parts that are not from the template in «».
std::string render_marked(std::string_view source, const Json& context, const RenderOptions& options = {}) {
  std::string text;
  const RenderedText rendered = Template::parse(source).value().render(context, options).value();
  for (const RenderedSpan& span : rendered) text += span.from_template ? span.text : "«" + span.text + "»";
  return text;
}

Json parse(std::string_view text) { return parse_json(text, "test").value(); }

// Renders every case of a file in tests/data/chat with the file's context.
void expect_cases(const std::string& file_name, const RenderOptions& options = {}) {
  const Json file = parse(read_text_file(PADDOCK_SOURCE_DIR "/tests/data/chat/" + file_name).value_or("{}"));
  ASSERT_GT(file["cases"].size(), 200u);
  for (const Json& test : file["cases"]) {
    const auto source = test["template"].get<std::string>();
    const std::string found = render(source, file["context"], options);
    if (test.contains("error"))
      EXPECT_TRUE(found.starts_with("error: ")) << source << ": " << found;
    else
      EXPECT_EQ(found, test["text"].get<std::string>()) << source;
  }
}

TEST(Template, ReferenceCases) { expect_cases("jinja_cases.json"); }

TEST(Template, CornersOfPython) {
  RenderOptions options;
  options.now = 1'700'000'000;
  options.utc = true;
  expect_cases("jinja_python.json", options);
}

TEST(Template, SyntaxErrorsNameLineAndExpectation) {
  EXPECT_EQ(render("a\n{% if x %}\nb"),
            "error: chat template: line 3: the template ends, but '{% if %}' of line 2 is still open; expected '{% "
            "elif %}' or "
            "'{% else %}' or '{% endif %}'");
  EXPECT_EQ(render("{{ a b }}"), "error: chat template: line 1: expected '}}', found 'b'");
  EXPECT_EQ(render("\n\n{{ x | nosuch }}"), "error: chat template: line 3: there is no filter named 'nosuch'");
  EXPECT_EQ(render("{% for x in y %}{% endif %}"),
            "error: chat template: line 1: unknown tag 'endif'; expected '{% endfor %}' or '{% else %}'");
  EXPECT_THAT(render("{# x"), HasSubstr("line 1: the comment is not closed"));
  EXPECT_THAT(render("{{ '\xFF' }}"), HasSubstr("not UTF-8"));
}

TEST(Template, RuntimeErrorsNameTheLine) {
  EXPECT_EQ(render("a\n{{ x.y }}"), "error: chat template, line 2: 'x' is undefined");
  EXPECT_EQ(render("{% macro f() %}\n{{ 1 + 'a' }}\n{% endmacro %}\n\n{{ f() }}"),
            "error: chat template, line 2: int + str: this operator does not take these types; ~ joins values of any "
            "type as text");
  EXPECT_EQ(render("{{ raise_exception('no ' ~ x) }}", parse(R"({"x": "luck"})")),
            "error: chat template, line 1: no luck");
}

TEST(Template, ProvenanceSurvivesEveryOperation) {
  const Json context = parse(R"({"m": "ab", "l": ["x", "y"], "d": {"k": "v"}, "bos": "<s>", "n": 3})");
  RenderOptions trusted;
  trusted.trusted = {"bos"};
  EXPECT_EQ(render_marked("a{{ m }}b{{ bos }}", context, trusted), "a«ab»b<s>");
  EXPECT_EQ(render_marked("{{ '<' + m + '>' }}", context), "<«ab»>");
  EXPECT_EQ(render_marked("{{ '<' ~ m ~ n ~ '>' }}", context), "<«ab3»>");
  EXPECT_EQ(render_marked("{{ ('<' + m + '>')[1:] }}", context), "«ab»>");
  EXPECT_EQ(render_marked("{{ ('<' + m + '>')[::-1] }}", context), ">«ba»<");
  EXPECT_EQ(render_marked("{{ ('<' + m + '>') | upper }}", context), "<«AB»>");
  EXPECT_EQ(render_marked("{{ ('<' + m + '>').title() }}", context), "<«Ab»>");
  EXPECT_EQ(render_marked("{{ (' ' + m + ' ') | trim }}|", context), "«ab»|");
  EXPECT_EQ(render_marked("{{ l | join('-') }}", context), "«x»-«y»");
  EXPECT_EQ(render_marked("{{ '-'.join(l) }}", context), "«x»-«y»");
  EXPECT_EQ(render_marked("{{ m.replace('a', '<') }}", context), "<«b»");
  EXPECT_EQ(render_marked("{{ 'xay' | replace('a', m) }}", context), "x«ab»y");
  EXPECT_EQ(render_marked("{{ ('x,' + m).split(',')[1] }}", context), "«ab»");
  EXPECT_EQ(render_marked("{{ '[%s]' | format(m) }}", context), "[«ab»]");
  EXPECT_EQ(render_marked("{{ '[{:>4}]'.format(m) }}", context), "[«  ab»]");
  EXPECT_EQ(render_marked("{{ ('a\\n' + m) | indent(1) }}", context), "a«\n ab»");
  EXPECT_EQ(render_marked("{{ ['<', m] | tojson }}", context), "«[\"»<«\", \"ab\"]»");
  EXPECT_EQ(render_marked("{{ d | tojson }}", context), "«{\"k\": \"v\"}»");
  EXPECT_EQ(render_marked("{% for k in d %}<{{ k }}>{% endfor %}", context), "<«k»>");
  EXPECT_EQ(render_marked("{% set x %}<{{ m }}>{% endset %}{{ x * 2 }}", context), "<«ab»><«ab»>");
  EXPECT_EQ(render_marked("{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(m) | upper }}", context), "<«AB»>");
  EXPECT_EQ(render_marked("{% filter upper %}a{{ m }}{% endfilter %}", context), "A«AB»");
  EXPECT_EQ(render_marked("{{ m if m == 'ab' else '' }}{{ {'ab': '<ok>'}[m] }}", context), "«ab»<ok>");
  // Two halves of a special token, one from each side, stay apart.
  EXPECT_EQ(render_marked("<|{{ m }}", parse(R"({"m": "eot|>"})")), "<|«eot|>»");
}

TEST(Template, LimitsStopWhatNeverEnds) {
  EXPECT_THAT(render("{{ range(10**9) | list }}"), HasSubstr("range of 1000000000 items is too big"));
  EXPECT_THAT(render("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"),
              HasSubstr("steps"));
  EXPECT_THAT(render("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), HasSubstr("calls inside each other"));
  EXPECT_THAT(render("{{ 'a' * 10**9 }}"), HasSubstr("bytes"));
  EXPECT_THAT(render("{{ ('a' * 10**6) | replace('a', 'a' * 10**6) }}"), HasSubstr("bytes"));
  EXPECT_THAT(render("{{ 'a'.ljust(10**12) }}"), HasSubstr("bytes"));
  EXPECT_THAT(render("{{ [1] * 10**9 }}"), HasSubstr("bytes"));
  EXPECT_THAT(
      render("{% set ns = namespace(x='aa') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"),
      HasSubstr("bytes"));
  // Lists that share their halves: small in memory, 2 ** 99 items when printed, compared or hashed.
  constexpr std::string_view kDoubling =
      "{% set ns = namespace(x=[0], y=[0]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% set ns.y = [ns.y, ns.y] %}{% endfor %}";
  EXPECT_THAT(render(std::string(kDoubling) + "{{ ns.x }}"), HasSubstr("error"));
  EXPECT_THAT(render(std::string(kDoubling) + "{{ ns.x | tojson }}"), HasSubstr("error"));
  EXPECT_THAT(render(std::string(kDoubling) + "{{ ns.x == ns.y }}"), HasSubstr("steps"));
  EXPECT_THAT(render("{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}"),
              HasSubstr("inside each other"));
  EXPECT_THAT(render("{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns }}"), HasSubstr("holds itself"));
  EXPECT_THAT(render("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"), HasSubstr("calls inside each other"));
  EXPECT_THAT(render("{{ " + std::string(50000, '(') + "1"), HasSubstr("inside each other"));
  EXPECT_THAT(render("{{ " + std::string(50000, '-') + "1 }}"), HasSubstr("inside each other"));
  std::string sum = "{{ 1";
  for (int term = 0; term < 50000; ++term) sum += "+1";
  EXPECT_THAT(render(sum + " }}"), HasSubstr("inside each other"));
  std::string blocks;
  for (int block = 0; block < 50000; ++block) blocks += "{% if 1 %}";
  EXPECT_THAT(render(blocks), HasSubstr("inside each other"));
}

TEST(Template, LimitsAreOptions) {
  RenderOptions options;
  options.limits.output_bytes = 10;
  EXPECT_THAT(render("{% for i in range(20) %}x{% endfor %}", Json::object(), options),
              HasSubstr("more than 10 bytes"));
  options.limits.steps = 5;
  EXPECT_THAT(render("{% for i in range(20) %}x{% endfor %}", Json::object(), options), HasSubstr("more than 5 steps"));
}

TEST(Template, LimitsGrowWithTheContext) {
  RenderOptions options;
  options.limits = {.steps = 100, .built_bytes = 1000, .output_bytes = 10, .depth = 600};
  const Json context{{"x", std::string(100000, 'a')}};
  EXPECT_EQ(render("{{ x | upper }}", context, options), std::string(100000, 'A'));
}

TEST(Template, NumbersBeyond38DigitsAreErrors) {
  EXPECT_EQ(render("{{ 2 ** 100 }}"), "1267650600228229401496703205376");
  EXPECT_THAT(render("{{ 2 ** 1000 }}"), HasSubstr("38 digits"));
  EXPECT_THAT(render("{{ 1" + std::string(100, '0') + " }}"), HasSubstr("38 digits"));
}

TEST(Template, ClockIsGiven) {
  RenderOptions options;
  options.now = 1'700'000'000;
  options.utc = true;
  EXPECT_EQ(render("{{ strftime_now('%d %b %Y %H:%M') }}", Json::object(), options), "14 Nov 2023 22:13");
}

TEST(Template, ContextMayHoldAnyBytes) {
  EXPECT_EQ(render("{{ x[0] }}|{{ x | upper }}", Json{{"x", "\xFF\xC3z"}}), "\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBDZ");
  EXPECT_THAT(render("{{ x }}", Json::array()), HasSubstr("JSON object"));
}

}  // namespace
}  // namespace paddock::text::jinja
