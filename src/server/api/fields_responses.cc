// SPDX-License-Identifier: Apache-2.0
// OpenAI's responses.
#include "server/api/fields.h"

namespace paddock::server {
namespace {

using namespace shared_fields;

Field marks_of_item(const char* name) {
  return without_effect(name, text(0, 256), "it is the name of an item that has been");
}

Field cached_part() {
  return without_effect("prompt_cache_breakpoint", any_object(), "equal prefixes are always shared");
}

std::vector<Case> input_parts() {
  return {known("input_text", {required("text", text()), cached_part()}),
          known("input_image",
                {honoured("image_url", text(1),
                          "data: with base64; other addresses only where the server fetches them"),
                 cached_part(),
                 honoured("detail", words({"auto", "low", "high", "original"}),
                          "low: one tile of the whole; else as many as the picture needs"),
                 refused("file_id", "no files are kept here; send the image itself")}),
          refused_case("input_file", "send the text of the file instead"),
          refused_case("input_audio", "the model does not hear")};
}

// Answers come back as they went out.
std::vector<Case> message_parts() {
  std::vector<Case> parts = input_parts();
  parts.push_back(known("output_text", {required("text", text()),
                                        without_effect("annotations", list(anything()), "they are notes to the answer"),
                                        without_effect("logprobs", list(anything()), "they are notes to the answer")}));
  parts.push_back(known("refusal", {required("refusal", text())}));
  return parts;
}

Shape input_item() {
  const Field status = without_effect("status", words({"in_progress", "completed", "incomplete"}),
                                      "an item that is sent back has ended");
  const auto unsupported = [](const char* type) {
    return refused_case(type, "the server has no such tool; only function tools are served");
  };
  return tagged(
      "type",
      {known("message",
             {required("role", words({"user", "assistant", "system", "developer"})),
              required("content", either({text(), list(tagged("type", message_parts()))})), status, marks_of_item("id"),
              without_effect("phase", words({"commentary", "final_answer"}), "the model has no phases")}),
       known("function_call", {required("call_id", text(1, 256)), required("name", text(1, 256)),
                               required("arguments", text()), status, marks_of_item("id"), marks_of_item("namespace"),
                               without_effect("caller", any_object(), "all calls are the model's own"),
                               without_effect("async", boolean(), "the call has been made")}),
       known("function_call_output", {required("call_id", text(1, 256)),
                                      required("output", either({text(), list(tagged("type", input_parts()))})), status,
                                      marks_of_item("id"), marks_of_item("name"), marks_of_item("namespace"),
                                      without_effect("caller", any_object(), "all calls are the model's own")}),
       known("reasoning", {marks_of_item("id"), status, honoured("summary", list(any_object())),
                           honoured("content", list(any_object())),
                           without_effect("encrypted_content", text(), "only the server that wrote it could read it")}),
       known("item_reference", {required("id", text(1, 256), "of an item of a response that was stored")}),
       unsupported("file_search_call"),
       unsupported("computer_call"),
       unsupported("computer_call_output"),
       unsupported("web_search_call"),
       unsupported("image_generation_call"),
       unsupported("code_interpreter_call"),
       unsupported("local_shell_call"),
       unsupported("local_shell_call_output"),
       unsupported("shell_call"),
       unsupported("shell_call_output"),
       unsupported("apply_patch_call"),
       unsupported("apply_patch_call_output"),
       unsupported("mcp_list_tools"),
       unsupported("mcp_approval_request"),
       unsupported("mcp_approval_response"),
       unsupported("mcp_call"),
       unsupported("custom_tool_call"),
       unsupported("custom_tool_call_output"),
       unsupported("tool_search_call"),
       unsupported("tool_search_output"),
       unsupported("program"),
       unsupported("program_output"),
       refused_case("additional_tools", "give all tools in tools"),
       refused_case("configuration_update", "give settings as fields of the request"),
       refused_case("compaction", "conversations are not compacted here"),
       refused_case("compaction_trigger", "conversations are not compacted here")},
      "message");
}

Shape responses_tool() {
  const auto unsupported = [](const char* type) {
    return refused_case(type, "the server runs no tools; give a function and run it yourself");
  };
  return tagged(
      "type",
      {known("function",
             {required("name", function_name()), honoured("description", text()), honoured("parameters", tool_schema()),
              honoured("strict", boolean()), refused("async", "calls end before the answer goes on", {"false"}),
              refused("defer_loading", "all tools are shown to the model", {"false"}),
              without_effect("allowed_callers", list(words({"direct", "programmatic"})), "only the model calls"),
              without_effect("output_schema", any_object(), "results are taken as they come")}),
       unsupported("web_search"), unsupported("web_search_2025_08_26"), unsupported("web_search_preview"),
       unsupported("web_search_preview_2025_03_11"), unsupported("file_search"), unsupported("computer"),
       unsupported("computer_use"), unsupported("computer_use_preview"), unsupported("mcp"),
       unsupported("code_interpreter"), unsupported("programmatic_tool_calling"), unsupported("image_generation"),
       unsupported("local_shell"), unsupported("shell"), unsupported("custom"), unsupported("namespace"),
       unsupported("tool_search"), unsupported("apply_patch")});
}

Shape responses_tool_choice() {
  const auto unsupported = [](const char* type) {
    return refused_case(type, "the server runs no tools; name a function");
  };
  const Shape function = tagged("type", {known("function", {required("name", text(1, 256))})});
  return either(
      {words({"none", "auto", "required"}),
       tagged("type", {known("function", {required("name", text(1, 256))}),
                       known("allowed_tools", {required("mode", words({"auto", "required"})),
                                               required("tools", list(function, 1, kMostTools))}),
                       unsupported("mcp"), unsupported("custom"), unsupported("apply_patch"), unsupported("shell"),
                       unsupported("file_search"), unsupported("web_search_preview"), unsupported("computer"),
                       unsupported("computer_use"), unsupported("computer_use_preview"),
                       unsupported("web_search_preview_2025_03_11"), unsupported("image_generation"),
                       unsupported("code_interpreter"), unsupported("programmatic_tool_calling")})});
}

Shape text_config() {
  return object({
      honoured("format", tagged("type", {known("text", {}), known("json_object", {}),
                                         known("json_schema",
                                               {required("name", identifier(64)), honoured("description", text()),
                                                required("schema", tool_schema()),
                                                honoured("strict", boolean(), "the schema is enforced either way")})})),
      honoured("verbosity", words({"medium"}), "the model has one way to answer"),
  });
}

Shape include_list() {
  return list(words({"message.output_text.logprobs", "reasoning.encrypted_content", "message.input_image.image_url",
                     "file_search_call.results", "web_search_call.results", "web_search_call.action.sources",
                     "computer_call_output.output.image_url", "code_interpreter_call.outputs"}),
              0, 16);
}

std::vector<Field> responses_fields() {
  return {
      required("model", model_name()),
      required("input", either({text(), list(input_item(), 0, kMostMessages)})),
      honoured("instructions", text()),
      honoured("previous_response_id", text(1, 256), "of a response that was stored"),
      honoured("store", boolean(), "true unless given"),
      honoured("max_output_tokens", integer(1, 1 << 30)),
      honoured("temperature", number(0, 2)),
      honoured("top_p", number(0, 1)),
      honoured("top_logprobs", integer(0, 20)),
      honoured("include", include_list(), "log probabilities; the others concern tools that are not served"),
      honoured("tools", list(responses_tool(), 0, kMostTools)),
      honoured("tool_choice", responses_tool_choice()),
      honoured("parallel_tool_calls", boolean()),
      honoured("text", text_config()),
      stream(),
      honoured("stream_options", object({refused("include_obfuscation", "streams are not padded", {"false"})})),
      user(),
      safety_identifier(),
      honoured("metadata", metadata(), "given back with the response"),
      service_tier(),
      prompt_cache_key(),
      prompt_cache_options(),
      prompt_cache_retention(),
      honoured("truncation", words({"disabled"}), "a conversation that is too long is refused, never cut"),
      without_effect("max_tool_calls", integer(1, 1 << 30), "it counts calls of tools that the server runs: none"),
      honoured("reasoning",
               object({refused("effort", "the model does not reason apart from its answer", {"\"none\""}),
                       without_effect("summary", words({"auto", "concise", "detailed"}),
                                      "there is no reasoning to summarise"),
                       without_effect("generate_summary", words({"auto", "concise", "detailed"}),
                                      "there is no reasoning to summarise"),
                       without_effect("context", words({"auto", "current_turn", "all_turns"}), "there is no reasoning"),
                       refused("mode", "the model does not reason apart from its answer", {"\"standard\""})})),
      refused("background", "answers end with their connection; stream instead", {"false"}),
      refused("background_options", "answers end with their connection"),
      refused("conversation", "use previous_response_id"),
      refused("prompt", "no prompt templates are kept here; send instructions and input"),
      refused("context_management", "conversations are not compacted here", {"[]"}),
      refused("access_programs", "there are none here"),
      refused("image", "images are not compressed into the context"),
      moderation(),
  };
}

}  // namespace

const Shape& responses_shape() {
  static const Shape shape =
      with_fields(with_fields(object(responses_fields()), extension_fields()), openai_sampling());
  return shape;
}

}  // namespace paddock::server
