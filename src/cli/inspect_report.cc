// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cli/console.h"

namespace paddock::cli {
namespace {

const char* format_name(const checkpoint::Checkpoint& checkpoint) {
  return checkpoint.format() == checkpoint::Format::kGguf ? "gguf" : "safetensors";
}

Json layer_json(const llama4::Config& config, size_t index) {
  const llama4::LayerPlan& layer = config.layers[index];
  return {{"index", index},
          {"attention", layer.chunked ? "local" : "global"},
          {"rope", layer.rope},
          {"qk_norm", layer.qk_norm},
          {"temperature", layer.temperature},
          {"chunk", layer.chunked ? Json(config.chunk) : Json()},
          {"feed_forward", layer.moe ? "moe" : "dense"}};
}

// The number as it was before it became float32: 1e-05, not 9.999999747378752e-06.
double shortest(float number) { return std::stod(fmt::format("{}", number)); }

Json config_json(const llama4::Config& config) {
  return {{"width", config.width},
          {"vocabulary", config.vocabulary},
          {"layers", config.layers.size()},
          {"query_heads", config.query_heads},
          {"kv_heads", config.kv_heads},
          {"head_width", config.head_width},
          {"dense_width", config.dense_width},
          {"expert_width", config.expert_width},
          {"experts", config.experts},
          {"experts_per_token", config.experts_per_token},
          {"context", config.context},
          {"chunk", config.chunk},
          {"floor_scale", config.floor_scale},
          {"attn_scale", config.attn_scale},
          {"norm_epsilon", shortest(config.norm_epsilon)},
          {"tied_head", config.tied_head},
          {"rope_pairs", config.rope_pairs == kernels::RopePairs::kInterleaved ? "interleaved" : "halves"},
          {"stop_tokens", config.stop_tokens},
          {"bos_token", config.bos_token ? Json(*config.bos_token) : Json()}};
}

Json notes_json(const std::vector<llama4::ConfigNote>& notes, const char* what) {
  Json list = Json::array();
  for (const llama4::ConfigNote& note : notes) list.push_back({{"key", note.key}, {what, note.text}});
  return list;
}

Json tokenizer_json(const OpenModel& open) {
  if (!open.text.tokenizer) return nullptr;
  const text::Tokenizer& tokenizer = *open.text.tokenizer;
  return {{"source", open.text.tokenizer_source},
          {"tokens", open.text.listed_tokens},
          {"bos", tokenizer.bos() ? Json(*tokenizer.bos()) : Json()},
          {"add_bos", tokenizer.add_bos()},
          {"stop", std::vector<int32_t>(tokenizer.stop().begin(), tokenizer.stop().end())}};
}

size_t file_bytes(const checkpoint::Checkpoint& checkpoint) {
  size_t bytes = 0;
  for (const MappedFile& file : checkpoint.files()) bytes += file.bytes().size();
  return bytes;
}

// "local attention in chunks of 8192, RoPE, QK-norm; 16 experts, 1 a token, and a shared one"
std::string layer_text(const llama4::Config& config, const llama4::LayerPlan& layer) {
  std::string text = layer.chunked ? fmt::format("local attention in chunks of {}", config.chunk) : "global attention";
  text += layer.rope ? ", RoPE" : ", no RoPE";
  if (layer.qk_norm) text += ", QK-norm";
  if (layer.temperature) text += ", temperature";
  return text + (layer.moe ? fmt::format("; {} experts, {} a token, and a shared one", config.experts,
                                         config.experts_per_token)
                           : "; dense");
}

struct LayerKind {
  std::string text;
  std::vector<std::pair<size_t, size_t>> ranges;  // first and last layer
};

std::vector<LayerKind> layer_kinds(const llama4::Config& config) {
  std::vector<LayerKind> kinds;
  for (size_t index = 0; index < config.layers.size(); ++index) {
    const std::string text = layer_text(config, config.layers[index]);
    auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const LayerKind& each) { return each.text == text; });
    if (kind == kinds.end()) kind = kinds.insert(kinds.end(), {text, {}});
    if (!kind->ranges.empty() && kind->ranges.back().second + 1 == index)
      kind->ranges.back().second = index;
    else
      kind->ranges.emplace_back(index, index);
  }
  return kinds;
}

std::string ranges_text(const std::vector<std::pair<size_t, size_t>>& ranges) {
  std::string text;
  for (const auto& [first, last] : ranges)
    text += (text.empty() ? "" : ", ") + (first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last));
  return text;
}

// Lines of a table: a heading once, what it says on one or more lines.
class Table {
 public:
  template <typename... Args>
  void row(std::string_view heading, fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format("{:<11}{}\n", heading, fmt::format(format, std::forward<Args>(args)...));
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

std::string grouped_signed(int64_t number) { return grouped(static_cast<uint64_t>(number)); }

void add_model(const OpenModel& open, Table* table) {
  const llama4::Config& config = open.config;
  const llama4::WeightTotals& totals = open.totals;
  const size_t files = open.checkpoint.files().size();
  table->row("model", "{}", open.path);
  table->row("", "{} in {}, {} file{}, {} bytes", config.architecture, format_name(open.checkpoint), files,
             files == 1 ? "" : "s", grouped(file_bytes(open.checkpoint)));
  table->row("parameters", "{} in all: {} text, of which {} work for one token and {} are in experts",
             grouped_signed(totals.parameters), grouped_signed(totals.text_parameters),
             grouped_signed(totals.active_parameters), grouped_signed(totals.expert_parameters));
  std::string by_dtype;
  for (const auto& [dtype, bytes] : totals.bytes_by_dtype)
    by_dtype += fmt::format("{}{} {}", by_dtype.empty() ? "" : ", ", dtype, grouped(bytes));
  table->row("bytes", "{} of text weights: {}", grouped(totals.bytes), by_dtype);
  for (const std::string& unused : totals.unused) table->row("unused", "{}", unused);
}

void add_shape(const llama4::Config& config, Table* table) {
  table->row("shape", "width {}, vocabulary {}, {} layers, context {}", config.width, config.vocabulary,
             config.layers.size(), config.context);
  table->row("", "{} heads of width {}, {} for keys and values; MLP {}, experts {}{}", config.query_heads,
             config.head_width, config.kv_heads, config.dense_width, config.expert_width,
             config.tied_head ? "; the head is the embedding" : "");
  const char* heading = "layers";
  for (const LayerKind& kind : layer_kinds(config)) {
    table->row(heading, "{}: {}", ranges_text(kind.ranges), kind.text);
    heading = "";
  }
}

void add_notes(const llama4::ConfigReport& report, Table* table) {
  const auto add = [&](const char* heading, const std::vector<llama4::ConfigNote>& notes, const char* between) {
    for (const llama4::ConfigNote& note : notes) {
      table->row(heading, "{}{}{}", note.key, between, note.text);
      heading = "";
    }
  };
  add("read", report.read, " = ");
  add("inferred", report.inferred, " = ");
  add("ignored", report.ignored, ": ");
}

}  // namespace

Json inspection_json(const Inspection& inspection) {
  const OpenModel& open = inspection.open;
  const llama4::WeightTotals& totals = open.totals;
  const llama4::MemoryPlan& plan = inspection.plan;
  Json layers = Json::array();
  for (size_t index = 0; index < open.config.layers.size(); ++index) layers.push_back(layer_json(open.config, index));
  return {{"path", open.path},
          {"format", format_name(open.checkpoint)},
          {"files", open.checkpoint.files().size()},
          {"file_bytes", file_bytes(open.checkpoint)},
          {"architecture", open.config.architecture},
          {"layers", std::move(layers)},
          {"parameters",
           {{"total", totals.parameters},
            {"text", totals.text_parameters},
            {"active", totals.active_parameters},
            {"experts", totals.expert_parameters}}},
          {"bytes", {{"total", totals.bytes}, {"by_dtype", totals.bytes_by_dtype}}},
          {"config", config_json(open.config)},
          {"config_read", notes_json(open.report.read, "value")},
          {"config_inferred", notes_json(open.report.inferred, "value")},
          {"config_ignored", notes_json(open.report.ignored, "reason")},
          {"memory_plan",
           {{"context", plan.context},
            {"cache_dtype", plan.cache.format.name()},
            {"weights", plan.weight_bytes},
            {"cache", plan.cache_bytes},
            {"scratch", plan.scratch_bytes},
            {"program", plan.program_bytes},
            {"total", plan.total_bytes()},
            {"available", inspection.available_bytes}}},
          {"tokenizer", tokenizer_json(open)},
          {"stop_tokens", open.stop_tokens},
          {"unused_tensors", totals.unused},
          {"machine",
           {{"name", inspection.machine.name()},
            {"threads", inspection.machine.threads()},
            {"paths", machine_paths(open, inspection.machine)}}}};
}

std::string inspection_text(const Inspection& inspection) {
  const OpenModel& open = inspection.open;
  const llama4::MemoryPlan& plan = inspection.plan;
  Table table;
  add_model(open, &table);
  add_shape(open.config, &table);
  if (open.text.tokenizer)
    table.row("tokenizer", "{} tokens from {}{}", open.text.listed_tokens, open.text.tokenizer_source,
              open.text.tokenizer->add_bos() ? ", which puts begin-of-text first" : "");
  else
    table.row("tokenizer", "none");
  table.row("stop", "{}", fmt::join(open.stop_tokens, ", "));
  table.row(
      "memory",
      "{} bytes for {} positions: weights {}, cache {} ({}), scratch {}; the program holds {} already; {} available",
      grouped(plan.total_bytes()), grouped_signed(plan.context), grouped(plan.weight_bytes), grouped(plan.cache_bytes),
      plan.cache.format.name(), grouped(plan.scratch_bytes), grouped(plan.program_bytes),
      grouped(inspection.available_bytes));
  table.row("machine", "{}, {} threads", inspection.machine.name(), inspection.machine.threads());
  for (const auto& [dtype, path] : machine_paths(open, inspection.machine)) table.row("", "{}: {}", dtype, path);
  add_notes(open.report, &table);
  return std::move(table).text();
}

}  // namespace paddock::cli
