// SPDX-License-Identifier: Apache-2.0
// The same plan from GGUF metadata. Community files have no keys for chunk, QK-norm or temperature: Llama 4's published
// values are inferred then, and the report says so. Keys that Paddock's own files carry are read first.

#include <algorithm>
#include <cmath>
#include <set>

#include "llama4/config.h"
#include "llama4/rope.h"
#include "tensor/decode.h"

namespace paddock::llama4 {
namespace {

std::string shown(const checkpoint::GgufValue& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_arithmetic_v<Held>)
          return fmt::format("{}", held);
        else if constexpr (std::is_same_v<Held, std::string>)
          return "\"" + (held.size() > 80 ? held.substr(0, 77) + "..." : held) + "\"";
        else if constexpr (std::is_same_v<Held, checkpoint::GgufNested>)
          return "nested arrays";
        else
          return fmt::format("an array of {}", held.size());
      },
      value);
}

// Metadata read key by key; what nobody asks for is named in the report.
class GgufKeys {
 public:
  GgufKeys(const checkpoint::Checkpoint& checkpoint, std::string architecture, ConfigReport* report)
      : metadata_(checkpoint.metadata()),
        source_(checkpoint.files().front().path().string()),
        architecture_(std::move(architecture)),
        report_(report) {}

  // `key` without the architecture's prefix.
  Result<std::optional<int64_t>> integer(const std::string& key) {
    const auto* found = find(key);
    if (found == nullptr) return std::nullopt;
    if (const auto* number = std::get_if<uint64_t>(found); number && *number <= INT64_MAX)
      return static_cast<int64_t>(*number);
    if (const auto* number = std::get_if<int64_t>(found)) return *number;
    // Some converters write one value for each layer: fine when they are all the same.
    if (const auto* list = std::get_if<std::vector<uint64_t>>(found)) return all_equal(key, *list);
    if (const auto* list = std::get_if<std::vector<int64_t>>(found)) return all_equal(key, *list);
    return wrong(key, "an integer");
  }
  Result<int64_t> required_integer(const std::string& key) {
    const auto number = TRY(integer(key));
    if (!number) return wrong(key, "an integer");
    return *number;
  }
  Result<std::optional<double>> number(const std::string& key) {
    const auto* found = find(key);
    if (found == nullptr) return std::nullopt;
    if (const auto* value = std::get_if<double>(found); value && std::isfinite(*value)) return *value;
    if (const auto* value = std::get_if<uint64_t>(found)) return static_cast<double>(*value);
    if (const auto* value = std::get_if<int64_t>(found)) return static_cast<double>(*value);
    return wrong(key, "a finite number");
  }
  Result<std::optional<bool>> boolean(const std::string& key) {
    const auto* found = find(key);
    if (found == nullptr) return std::nullopt;
    if (const auto* value = std::get_if<bool>(found)) return *value;
    return wrong(key, "true or false");
  }
  Result<std::optional<std::string>> text(const std::string& key) {
    const auto* found = find(key);
    if (found == nullptr) return std::nullopt;
    if (const auto* value = std::get_if<std::string>(found)) return *value;
    return wrong(key, "a string");
  }
  Result<std::optional<std::vector<bool>>> booleans(const std::string& key) {
    const auto* found = find(key);
    if (found == nullptr) return std::nullopt;
    if (const auto* value = std::get_if<std::vector<bool>>(found)) return *value;
    return wrong(key, "an array of booleans");
  }
  void infer(const std::string& key, std::string value) { report_->inferred.push_back({full(key), std::move(value)}); }
  void ignore_rest() {
    for (const auto& pair : metadata_.pairs()) {
      if (used_.contains(pair.key)) continue;
      const bool general = pair.key.starts_with("general.") || pair.key.starts_with("split.");
      const bool tokens = pair.key.starts_with("tokenizer.");
      report_->ignored.push_back({pair.key, tokens    ? "the tokenizer reads it"
                                            : general ? "about the file"
                                                      : "unknown to Paddock"});
    }
  }
  tl::unexpected<Error> wrong(const std::string& key, std::string_view expected) const {
    const auto* found = metadata_.find(full(key));
    return error(ErrorCode::kBadFile, "{}: metadata key {}: expected {}, found {}; convert the checkpoint again",
                 source_, full(key), expected, found == nullptr ? "nothing" : shown(*found));
  }
  const std::string& source() const { return source_; }

 private:
  std::string full(const std::string& key) const {
    return key.starts_with("general.") || key.starts_with("tokenizer.") ? key : architecture_ + "." + key;
  }
  const checkpoint::GgufValue* find(const std::string& key) {
    const auto* found = metadata_.find(full(key));
    if (found != nullptr && used_.insert(full(key)).second) report_->read.push_back({full(key), shown(*found)});
    return found;
  }
  template <typename Integer>
  Result<std::optional<int64_t>> all_equal(const std::string& key, const std::vector<Integer>& list) const {
    if (list.empty() || std::any_of(list.begin(), list.end(), [&](Integer value) { return value != list.front(); }))
      return wrong(key, "one integer, the same for all layers");
    return static_cast<int64_t>(list.front());
  }

  const checkpoint::GgufMetadata& metadata_;
  std::string source_;
  std::string architecture_;
  ConfigReport* report_;
  std::set<std::string> used_;
};

Result<std::string> architecture_of(const checkpoint::Checkpoint& checkpoint) {
  const std::string source = checkpoint.files().front().path().string();
  const auto* value = checkpoint.metadata().find("general.architecture");
  const auto* name = value == nullptr ? nullptr : std::get_if<std::string>(value);
  if (name == nullptr)
    return error(ErrorCode::kBadFile, "{}: metadata key general.architecture: expected llama4 or llama, found {}",
                 source, value == nullptr ? "nothing" : shown(*value));
  if (*name != "llama4" && *name != "llama")
    return error(ErrorCode::kUnsupported,
                 "{}: expected architecture llama4 or llama, found \"{}\"; Paddock runs these two", source,
                 name->substr(0, 80));
  return *name;
}

// rope_freqs.weight: a divisor for each frequency; how converters bake llama3 scaling in.
Result<void> divide_by_rope_factors(const checkpoint::Checkpoint& checkpoint, const std::string& source,
                                    std::vector<float>* frequencies) {
  const checkpoint::NamedTensor* tensor = checkpoint.find("rope_freqs.weight");
  if (tensor == nullptr) return {};
  const auto expected = static_cast<int64_t>(frequencies->size());
  if (tensor->view.dtype != tensor::DType::kF32 || tensor->view.shape != tensor::Shape{expected})
    return error(ErrorCode::kBadFile, "{}: tensor rope_freqs.weight: expected F32 [{}], found {} {}", source, expected,
                 tensor::name(tensor->view.dtype), tensor::to_string(tensor->view.shape));
  std::vector<float> factors(frequencies->size());
  tensor::decode_row(tensor::DType::kF32, tensor->view.bytes.data(), factors.data(), expected);
  for (size_t pair = 0; pair < factors.size(); ++pair) {
    if (!(factors[pair] > 0) || !std::isfinite(factors[pair]))
      return error(ErrorCode::kBadFile, "{}: tensor rope_freqs.weight: expected positive numbers, found {} at {}",
                   source, factors[pair], pair);
    (*frequencies)[pair] /= factors[pair];
  }
  return {};
}

Result<void> read_rope(const checkpoint::Checkpoint& checkpoint, GgufKeys& keys, Config* config) {
  const auto theta = TRY(keys.number("rope.freq_base"));
  if (!theta) keys.infer("rope.freq_base", "10000, GGUF's default");
  if (theta && !(*theta > 0)) return keys.wrong("rope.freq_base", "a positive number");
  const auto rotated = TRY(keys.integer("rope.dimension_count"));
  if (rotated && *rotated != config->head_width)
    return keys.wrong("rope.dimension_count", fmt::format("the head width of {}", config->head_width));
  config->rope_frequencies = rope_frequencies(theta.value_or(10000), config->head_width);
  config->rope_origin = {.theta = theta.value_or(10000)};

  const auto scaling = TRY(keys.text("rope.scaling.type"));
  const auto factor = TRY(keys.number("rope.scaling.factor"));
  if (scaling == "linear") {
    if (!factor || !(*factor > 0)) return keys.wrong("rope.scaling.factor", "a positive number");
    for (float& frequency : config->rope_frequencies) frequency /= static_cast<float>(*factor);
    config->rope_origin.linear_factor = *factor;
  } else if (scaling && *scaling != "none") {
    return keys.wrong("rope.scaling.type", "none or linear");
  }
  return divide_by_rope_factors(checkpoint, keys.source(), &config->rope_frequencies);
}

Result<void> read_shapes(const checkpoint::Checkpoint& checkpoint, GgufKeys& keys, Config* config) {
  const int64_t layers = TRY(keys.required_integer("block_count"));
  if (layers < 1 || layers > 10000) return keys.wrong("block_count", "1 to 10000");
  config->layers.resize(static_cast<size_t>(layers));
  config->width = TRY(keys.required_integer("embedding_length"));
  config->context = TRY(keys.required_integer("context_length"));
  config->query_heads = TRY(keys.required_integer("attention.head_count"));
  if (config->query_heads < 1) return keys.wrong("attention.head_count", "a positive number");
  const auto kv_heads = TRY(keys.integer("attention.head_count_kv"));
  if (!kv_heads) keys.infer("attention.head_count_kv", "as many as attention heads");
  config->kv_heads = kv_heads.value_or(config->query_heads);
  const auto key_length = TRY(keys.integer("attention.key_length"));
  if (!key_length) keys.infer("attention.key_length", "embedding length / heads");
  config->head_width = key_length.value_or(config->width / config->query_heads);
  if (config->head_width < 1 || config->head_width > (1 << 20))
    return keys.wrong("attention.key_length", "1 to 1048576");
  const auto value_length = TRY(keys.integer("attention.value_length"));
  if (value_length && *value_length != config->head_width)
    return keys.wrong("attention.value_length", fmt::format("the key length of {}", config->head_width));
  const auto epsilon = TRY(keys.number("attention.layer_norm_rms_epsilon"));
  if (!epsilon) keys.infer("attention.layer_norm_rms_epsilon", "1e-05, the family's default");
  config->norm_epsilon = static_cast<float>(epsilon.value_or(1e-5));
  config->dense_width = TRY(keys.integer("feed_forward_length")).value_or(0);

  const checkpoint::NamedTensor* embedding = checkpoint.find("token_embd.weight");
  if (embedding == nullptr || embedding->view.shape.size() != 2)
    return error(ErrorCode::kBadFile, "{}: expected a tensor token_embd.weight with two extents, found {}",
                 keys.source(), embedding == nullptr ? "none" : tensor::to_string(embedding->view.shape));
  const auto vocabulary = TRY(keys.integer("vocab_size"));
  if (!vocabulary) keys.infer("vocab_size", fmt::format("{}, the rows of token_embd", embedding->view.shape[0]));
  config->vocabulary = vocabulary.value_or(embedding->view.shape[0]);
  config->tied_head = checkpoint.find("output.weight") == nullptr;
  if (config->tied_head) keys.infer("output.weight", "none in the file: the head is the embedding");
  return {};
}

Result<void> plan_llama4(GgufKeys& keys, Config* config) {
  config->experts = TRY(keys.integer("expert_count")).value_or(0);
  config->experts_per_token = TRY(keys.integer("expert_used_count")).value_or(1);
  config->expert_width = TRY(keys.integer("expert_feed_forward_length")).value_or(0);
  const auto moe_step = TRY(keys.integer("interleave_moe_layer_step"));
  if (moe_step && *moe_step < 0) return keys.wrong("interleave_moe_layer_step", "0 or a positive number");
  const int64_t every = config->experts == 0 ? 0 : moe_step.value_or(1);
  if (!moe_step) keys.infer("interleave_moe_layer_step", fmt::format("{}", every));

  // Files of the family without chunks say so with a window of 0, and all their layers rotate.
  const auto window = TRY(keys.integer("attention.sliding_window"));
  const auto own_chunk = TRY(keys.integer("attention.chunk_size"));
  const bool unchunked = own_chunk ? *own_chunk == 0 : window == 0;
  config->chunk = unchunked ? 0 : own_chunk.value_or(8192);
  if (config->chunk < 0) return keys.wrong("attention.chunk_size", "0 or a positive number");
  if (!own_chunk)
    keys.infer("attention.chunk_size", unchunked ? "none: sliding_window is 0" : "8192, Llama 4's published value");

  const auto rope_layers = TRY(keys.booleans("attention.rope_layers"));
  if (rope_layers && rope_layers->size() != config->layers.size())
    return keys.wrong("attention.rope_layers", fmt::format("one entry for each of {} layers", config->layers.size()));
  if (!rope_layers)
    keys.infer("attention.rope_layers", window == 0 ? "all layers rotate" : "every 4th layer is without rotation");

  const auto qk_norm = TRY(keys.boolean("attention.qk_norm"));
  if (!qk_norm)
    keys.infer("attention.qk_norm", config->experts == 128 ? "false: Maverick has 128 experts and no QK-norm"
                                                           : "true: not Maverick's 128 experts");
  const auto floor_scale = TRY(keys.number("attention.temperature_floor_scale"));
  if (!floor_scale) keys.infer("attention.temperature_floor_scale", "8192, Llama 4's published value");
  config->floor_scale = floor_scale.value_or(8192);
  const auto attn_scale = TRY(keys.number("attention.temperature_scale"));
  if (!attn_scale) keys.infer("attention.temperature_scale", "0.1, Llama 4's published value");
  config->attn_scale = attn_scale.value_or(0.1);

  for (size_t layer = 0; layer < config->layers.size(); ++layer) {
    LayerPlan& plan = config->layers[layer];
    plan.rope = rope_layers ? (*rope_layers)[layer] : window == 0 || (layer + 1) % 4 != 0;
    plan.chunked = plan.rope && config->chunk > 0;
    plan.qk_norm = plan.rope && qk_norm.value_or(config->experts != 128);
    plan.temperature = !plan.rope;
    plan.moe = every > 0 && (static_cast<int64_t>(layer) + 1) % every == 0;
  }
  return {};
}

Result<void> read_tokens(GgufKeys& keys, Config* config) {
  for (const char* key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    const auto token = TRY(keys.integer(key));
    if (!token) continue;
    if (*token < 0 || *token >= config->vocabulary)
      return keys.wrong(key, fmt::format("an id below {}", config->vocabulary));
    const auto id = static_cast<int32_t>(*token);
    if (std::find(config->stop_tokens.begin(), config->stop_tokens.end(), id) == config->stop_tokens.end())
      config->stop_tokens.push_back(id);
  }
  const auto bos = TRY(keys.integer("tokenizer.ggml.bos_token_id"));
  if (bos && *bos >= 0 && *bos < config->vocabulary) config->bos_token = static_cast<int32_t>(*bos);
  return {};
}

}  // namespace

Result<ConfigAndReport> config_from_gguf(const checkpoint::Checkpoint& checkpoint) {
  ConfigAndReport result;
  Config& config = result.config;
  config.names = TensorNames::kGguf;
  config.architecture = TRY(architecture_of(checkpoint));
  GgufKeys keys(checkpoint, config.architecture, &result.report);
  TRY(keys.text("general.architecture"));  // names it in the report
  // Both families keep neighbours paired in GGUF: converters reorder Llama 2 and 3, and leave Llama 4 as it is.
  config.rope_pairs = kernels::RopePairs::kInterleaved;
  TRY_VOID(read_shapes(checkpoint, keys, &config));
  TRY_VOID(read_rope(checkpoint, keys, &config));
  if (config.architecture == "llama4") {
    TRY_VOID(plan_llama4(keys, &config));
  } else if (const auto experts = TRY(keys.integer("expert_count")); experts && *experts > 0) {
    return keys.wrong("expert_count", "none in a llama file (mixtures of other families are not supported)");
  }
  TRY_VOID(read_tokens(keys, &config));
  keys.ignore_rest();
  TRY_VOID(check_config(config, keys.source()));
  return result;
}

}  // namespace paddock::llama4
