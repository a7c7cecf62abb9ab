// SPDX-License-Identifier: Apache-2.0
// Anthropic's messages.
#include "server/api/fields.h"

namespace paddock::server {
namespace {

using namespace shared_fields;

Field cache_control() { return without_effect("cache_control", any_object(), "equal prefixes are always shared"); }

std::vector<Field> text_block_fields() {
  return {required("text", text(1)), cache_control(),
          without_effect("citations", anything(), "they are notes to an answer that has been")};
}

Shape system_text() { return either({text(), list(tagged("type", {known("text", text_block_fields())}))}); }

Shape image_source() {
  return tagged(
      "type", {known("base64", {required("data", text(1)),
                                required("media_type", words({"image/jpeg", "image/png", "image/gif", "image/webp"}))}),
               known("url", {required("url", text(1), "of http or https; only where the server fetches them")}),
               refused_case("file", "no files are kept here; send the image as base64")});
}

Case image_block() {
  return known("image", {required("source", image_source()), cache_control(),
                         refused("transformations", "images are taken as they are")});
}

std::vector<Case> result_blocks() {
  return {known("text", text_block_fields()),
          image_block(),
          refused_case("document", "send the text of the document instead"),
          refused_case("search_result", "send the text of the result instead"),
          refused_case("tool_reference", "give all tools in tools"),
          refused_case("browser_state", "the server has no such tool")};
}

std::vector<Case> unsupported_blocks() {
  const auto unsupported = [](const char* type) {
    return refused_case(type, "the server runs no tools; give your own in tools and run them yourself");
  };
  return {refused_case("document", "send the text of the document instead"),
          refused_case("search_result", "send the text of the result instead"),
          unsupported("server_tool_use"),
          unsupported("web_search_tool_result"),
          unsupported("web_fetch_tool_result"),
          unsupported("code_execution_tool_result"),
          unsupported("bash_code_execution_tool_result"),
          unsupported("text_editor_code_execution_tool_result"),
          unsupported("tool_search_tool_result"),
          unsupported("mcp_tool_use"),
          unsupported("mcp_tool_result"),
          unsupported("container_upload")};
}

Shape blocks(std::vector<Case> known_cases) {
  for (Case& one : unsupported_blocks()) known_cases.push_back(std::move(one));
  return tagged("type", std::move(known_cases));
}

Case tool_result_block() {
  return known("tool_result", {required("tool_use_id", text(1, 256)),
                               honoured("content", either({text(), list(tagged("type", result_blocks()))})),
                               honoured("is_error", boolean(), "the model is told by \"Error: \" before the content"),
                               cache_control(), without_effect("toolset_name", text(), "there are no toolsets")});
}

Case tool_use_block() {
  return known("tool_use",
               {required("id", text(1, 256)), required("name", text(1, 256)), required("input", any_object()),
                cache_control(), without_effect("caller", any_object(), "all calls are the model's own"),
                without_effect("toolset_name", text(), "there are no toolsets")});
}

Shape messages_message() {
  const Shape user_blocks = blocks({known("text", text_block_fields()), image_block(), tool_result_block()});
  const Shape assistant_blocks = blocks(
      {known("text", text_block_fields()), tool_use_block(),
       known("thinking", {required("thinking", text()),
                          without_effect("signature", text(), "only the server that wrote it could check it")}),
       known("redacted_thinking", {without_effect("data", text(), "only the server that wrote it could read it")})});
  return tagged("role", {known("user", {required("content", either({text(1), list(user_blocks, 1)}))}),
                         known("assistant", {required("content", either({text(), list(assistant_blocks)}))}),
                         known("system", {required("content", system_text())})});
}

Shape messages_tool() {
  Shape tool = tagged(
      "type",
      {known("custom", {required("name", function_name()), required("input_schema", tool_schema()),
                        honoured("description", text()), honoured("strict", boolean()), cache_control(),
                        without_effect("eager_input_streaming", boolean(), "arguments always stream as they come"),
                        without_effect("allowed_callers", list(text()), "only the model calls"),
                        refused("defer_loading", "all tools are shown to the model", {"false"}),
                        refused("input_examples", "put them into the description", {"[]"})})},
      "custom");
  for (const char* type : {"bash_20241022",
                           "bash_20250124",
                           "text_editor_20241022",
                           "text_editor_20250124",
                           "text_editor_20250429",
                           "text_editor_20250728",
                           "computer_20241022",
                           "computer_20250124",
                           "computer_20251124",
                           "computer_toolset_20260801",
                           "browser_toolset_20260801",
                           "memory_20250818",
                           "web_search_20250305",
                           "web_search_20260209",
                           "web_search_20260318",
                           "web_fetch_20250910",
                           "web_fetch_20260209",
                           "web_fetch_20260309",
                           "web_fetch_20260318",
                           "code_execution_20250522",
                           "code_execution_20250825",
                           "code_execution_20260120",
                           "code_execution_20260521",
                           "tool_search_tool_bm25_20251119",
                           "tool_search_tool_bm25",
                           "tool_search_tool_regex_20251119",
                           "tool_search_tool_regex",
                           "mcp_toolset"})
    tool.cases.push_back(refused_case(type, "only tools with a name and an input_schema are served"));
  return tool;
}

Shape messages_tool_choice() {
  const Field one_at_a_time = honoured("disable_parallel_tool_use", boolean());
  return tagged("type", {known("auto", {one_at_a_time}), known("any", {one_at_a_time}),
                         known("tool", {required("name", text(1, 256)), one_at_a_time}), known("none", {})});
}

Shape thinking() {
  const Field display = without_effect("display", words({"summarized", "omitted"}), "there is no thinking to show");
  const char* why = "the model does not think apart from its answer; leave it out or send {\"type\": \"disabled\"}";
  return tagged("type", {known("disabled", {}), known("adaptive", {display}), refused_case("enabled", why),
                         refused_case("between_tools", why)});
}

Shape output_config() {
  return object({honoured("format", tagged("type", {known("json_schema", {required("schema", tool_schema())})})),
                 refused("effort", "the model has one way to answer", {"\"high\""})});
}

Shape context_management() {
  const Field keep = without_effect("keep", anything(), "there is no thinking to clear");
  return object({honoured(
      "edits", list(tagged("type", {known("clear_thinking_20251015", {keep}),
                                    refused_case("clear_tool_uses_20250919",
                                                 "conversations are not cut here; leave them out yourself"),
                                    refused_case("compact_20260112", "conversations are not compacted here")}),
                    0, 16))});
}

// What counting and answering have in common.
std::vector<Field> prompt_fields() {
  return {
      required("model", model_name()),
      required("messages", list(messages_message(), 1, kMostMessages)),
      honoured("system", system_text()),
      honoured("tools", list(messages_tool(), 0, kMostTools)),
      honoured("tool_choice", messages_tool_choice()),
      honoured("thinking", thinking()),
      honoured("output_config", output_config()),
      honoured("output_format", tagged("type", {known("json_schema", {required("schema", tool_schema())})}),
               "the older place of output_config.format"),
      cache_control(),
      honoured("speed", words({"standard"}), "all requests are of one speed"),
      refused("mcp_servers", "the server calls no others", {"[]"}),
      honoured("context_management", context_management(), "there is no thinking to clear; nothing else is cut"),
      refused("user_profile_id", "there are no profiles here"),
      refused("workspace_id", "there are no workspaces here"),
  };
}

std::vector<Field> answer_fields() {
  return {
      required("max_tokens", integer(1, 1 << 30)),
      honoured("stop_sequences", list(text(1, 1024), 0, 64)),
      honoured("temperature", number(0, 1)),
      honoured("top_p", number(0, 1)),
      honoured("top_k", integer(0, 1 << 30)),
      stream(),
      honoured("metadata", object({honoured("user_id", text(0, 512), "recorded as the user")})),
      honoured("service_tier", words({"auto", "standard_only"}), "all requests are of one tier; see priority"),
      refused("container", "the server runs no code"),
      refused("diagnostics", "the server keeps no other request to compare with"),
      refused("inference_geo", "the answer is computed where the server stands"),
      refused("fallbacks", "the model that is named is the one that answers", {"[]"}),
  };
}

}  // namespace

const Shape& messages_shape() {
  static const Shape shape = with_fields(with_fields(object(prompt_fields()), answer_fields()), extension_fields());
  return shape;
}

const Shape& count_tokens_shape() {
  static const Shape shape = object(prompt_fields());
  return shape;
}

}  // namespace paddock::server
