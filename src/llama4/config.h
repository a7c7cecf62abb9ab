// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a checkpoint's configuration says, decided once: shapes, and a plan for each layer. Nothing later asks for a
// model's name.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "kernels/contracts/position.h"
#include "llama4/rope.h"

namespace paddock::llama4 {

// What one layer does. The choices are independent of each other: checkpoints exist for most combinations.
struct LayerPlan {
  bool rope = true;          // queries and keys are rotated
  bool qk_norm = false;      // and then normalised over each head
  bool temperature = false;  // queries are scaled by position instead
  bool chunked = false;      // attention stays inside a chunk
  bool moe = false;          // router, shared expert and routed experts instead of one MLP
};

// How safetensors of compressed-tensors checkpoints store their quantised weights.
enum class Quantization : uint8_t { kNone, kFp8RowScales };

// Which names the tensors carry.
enum class TensorNames : uint8_t { kHuggingFaceLlama4, kHuggingFaceLlama, kGguf };

// What rotary frequencies were made from, for those who write a configuration again. GGUF files keep the divisors that
// llama3 scaling amounts to and not its numbers, so that `llama3` is missing there.
struct RopeOrigin {
  double theta = 10000;
  double linear_factor = 1;  // divides all frequencies
  std::optional<Llama3Scaling> llama3;
};

struct Config {
  std::string architecture;  // "llama4" or "llama", for people
  TensorNames names = TensorNames::kHuggingFaceLlama4;
  Quantization quantization = Quantization::kNone;

  int64_t width = 0;              // D
  int64_t vocabulary = 0;         // V
  int64_t query_heads = 0;        // N
  int64_t kv_heads = 0;           // G
  int64_t head_width = 0;         // H
  int64_t dense_width = 0;        // F of layers without experts
  int64_t expert_width = 0;       // F of routed and shared experts
  int64_t experts = 0;            // E; 0 when no layer has any
  int64_t experts_per_token = 0;  // K
  int64_t context = 0;            // positions the checkpoint was made for
  int64_t chunk = 0;              // positions of an attention chunk; 0 when no layer is chunked
  double floor_scale = 8192;      // positions between two steps of the temperature
  double attn_scale = 0.1;        // height of a step
  float norm_epsilon = 1e-5f;     // of all norms
  bool tied_head = false;         // the head is the embedding

  kernels::RopePairs rope_pairs = kernels::RopePairs::kInterleaved;
  std::vector<float> rope_frequencies;  // [H/2], radians a position, scaling applied
  RopeOrigin rope_origin;

  std::vector<LayerPlan> layers;     // [L]
  std::vector<int32_t> stop_tokens;  // ids that end a text, as the configuration names them
  std::optional<int32_t> bos_token;
};

// Where the values came from.
struct ConfigNote {
  std::string key;
  std::string text;  // the value, or the reason
};
struct ConfigReport {
  std::vector<ConfigNote> read;      // keys of the file with their values
  std::vector<ConfigNote> inferred;  // what the file does not say, with the value taken and why
  std::vector<ConfigNote> ignored;   // keys of the file that do not matter here, and why
};

struct ConfigAndReport {
  Config config;
  ConfigReport report;
};

// From a config.json of either vintage: nested text_config or flat. `source` names the file in errors.
Result<ConfigAndReport> config_from_json(const Json& json, const std::string& source);

// From the metadata of a GGUF. Tensors are consulted where metadata has no key: rope_freqs, vocabulary, tied head.
Result<ConfigAndReport> config_from_gguf(const checkpoint::Checkpoint& checkpoint);

// Of an opened checkpoint: GGUF metadata, or the config.json beside the safetensors.
Result<ConfigAndReport> read_config(const checkpoint::Checkpoint& checkpoint);

// Shapes that no arithmetic later can overflow, heads that divide, a plan for each layer. `source` names the file.
Result<void> check_config(const Config& config, const std::string& source);

}  // namespace paddock::llama4
