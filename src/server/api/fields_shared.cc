// SPDX-License-Identifier: Apache-2.0
#include "server/api/fields.h"

namespace paddock::server {
namespace shared_fields {

std::vector<Field> openai_sampling() {
  return {
      honoured("temperature", number(0, 2)),
      honoured("top_p", number(0, 1)),
      honoured("presence_penalty", number(-2, 2)),
      honoured("frequency_penalty", number(-2, 2)),
      honoured("logit_bias", map_of_numbers(number(-100, 100), 1024),
               "token ids in decimal to what is added to their logits"),
      honoured("seed", integer(-9223372036854775808.0, 9223372036854775808.0)),
  };
}

Shape model_name() { return text(1, 256); }

Shape metadata() { return map_of(text(0, 512), 16); }

Shape function_name() { return identifier(128); }

Shape tool_schema() { return any_object(); }

Field prompt_cache_key() {
  return without_effect("prompt_cache_key", text(0, 1024), "equal prefixes are always shared within one owner's reach");
}

Field prompt_cache_options() {
  return without_effect("prompt_cache_options", any_object(), "equal prefixes are always shared");
}

Field prompt_cache_retention() {
  return without_effect("prompt_cache_retention", words({"in_memory", "24h"}),
                        "the server's settings say how long a prefix is kept");
}

Field safety_identifier() { return honoured("safety_identifier", text(0, 512), "recorded as the user"); }

Field service_tier() {
  return honoured("service_tier", words({"auto", "default"}), "all requests are of one tier; see priority");
}

Field user() { return honoured("user", text(0, 512), "recorded with the request"); }

Field moderation() { return refused("moderation", "no moderation model is served here"); }

Field stream() { return honoured("stream", boolean()); }

Field stream_options() {
  return honoured("stream_options", object({honoured("include_usage", boolean()),
                                            refused("include_obfuscation", "streams are not padded", {"false"})}));
}

}  // namespace shared_fields

namespace {

std::vector<Field> honoured_extensions() {
  return {
      honoured("top_k", integer(-1, 1 << 30), "keep the k most likely tokens; 0 or -1: all"),
      honoured("min_p", number(0, 1), "keep tokens at least this many times as likely as the most likely one"),
      honoured("repetition_penalty", number(0.01, 100), "1 changes nothing"),
      honoured("repeat_penalty", number(0.01, 100), "another name of repetition_penalty"),
      honoured("ignore_eos", boolean(), "go on after the model's end of turn"),
      honoured("stop_token_ids", list(integer(0, 2147483647), 0, 64), "token ids that end the answer"),
      honoured("regex", text(1, 65536), "the whole answer matches this regular expression"),
      honoured("guided_regex", text(1, 65536), "another name of regex"),
      honoured("grammar", text(1, 262144), "the whole answer is derived from root of this EBNF grammar"),
      honoured("guided_grammar", text(1, 262144), "another name of grammar"),
      honoured("json_schema", any_object(),
               "the answer is JSON of this schema; where a dialect has its own field, that one"),
      honoured("guided_json", any_object(), "another name of json_schema"),
      honoured("guided_choice", list(text(1, 4096), 1, 1024), "the answer is one of these texts"),
      honoured("priority", integer(-1000, 1000), "greater goes first among one key's requests"),
      honoured("deadline_ms", integer(1, 86'400'000), "milliseconds after which the answer is given up"),
  };
}

std::vector<Field> refused_extensions() {
  return {
      refused("min_tokens", "use ignore_eos with max_tokens", {"0"}),
      refused("use_beam_search", "answers are drawn, not searched", {"false"}),
      refused("length_penalty", "it belongs to beam search", {"1"}),
      refused("prompt_logprobs", "likelihoods of prompts are not computed", {"0", "false"}),
      refused("typical_p", "use top_p or min_p", {"1"}),
      refused("tfs_z", "use top_p or min_p", {"1"}),
      refused("mirostat", "use top_p or min_p", {"0"}),
      refused("dry_multiplier", "use repetition_penalty", {"0"}),
      refused("xtc_probability", "use min_p", {"0"}),
      refused("bad_words", "use logit_bias", {"[]"}),
      refused("logits_processors", "code of clients is not run", {"[]"}),
      refused("structured_outputs", "use response_format, regex or grammar"),
      refused("truncate_prompt_tokens", "shorten the prompt before sending it"),
      refused("include_stop_str_in_output", "the stop string is left out", {"false"}),
      refused("skip_special_tokens", "special tokens are never part of a text", {"true"}),
      refused("lora", "adapters are chosen as models", {"[]"}),
  };
}

std::vector<Field> idle_extensions() {
  return {
      without_effect("cache_prompt", boolean(), "equal prefixes are always shared"),
      without_effect("spaces_between_special_tokens", boolean(), "special tokens are never part of a text"),
      without_effect("request_id", text(0, 256), "the server names requests; see the header x-request-id"),
  };
}

}  // namespace

const std::vector<Field>& extension_fields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> all = honoured_extensions();
    for (Field& field : refused_extensions()) all.push_back(std::move(field));
    for (Field& field : idle_extensions()) all.push_back(std::move(field));
    return all;
  }();
  return fields;
}

}  // namespace paddock::server
