// SPDX-License-Identifier: Apache-2.0
#include "llama4/identity.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>

#include "tensor/dtype.h"

namespace paddock::llama4 {
namespace {

constexpr size_t kSampleBytes = 256;

// From the middle: ends may be padding, or tokens that no text has.
std::string_view sample(std::span<const std::byte> bytes) {
  const size_t count = std::min(kSampleBytes, bytes.size());
  return {reinterpret_cast<const char*>(bytes.data() + (bytes.size() - count) / 2), count};
}

std::string text_of(const Config& config) {
  std::string text = fmt::format(
      "{} {} {}; {} {} {} {} {} {} {} {} {}; {} {} {} {} {} {}; {}", config.architecture,
      static_cast<int>(config.names), static_cast<int>(config.quantization), config.width, config.vocabulary,
      config.query_heads, config.kv_heads, config.head_width, config.dense_width, config.expert_width, config.experts,
      config.experts_per_token, config.chunk, config.floor_scale, config.attn_scale, config.norm_epsilon,
      config.tied_head, static_cast<int>(config.rope_pairs), fmt::join(config.rope_frequencies, " "));
  for (const LayerPlan& layer : config.layers)
    text +=
        fmt::format("; {:d}{:d}{:d}{:d}{:d}", layer.rope, layer.qk_norm, layer.temperature, layer.chunked, layer.moe);
  return text;
}

}  // namespace

Digest identity_of(const checkpoint::Checkpoint& checkpoint, const Config& config, const kernels::Machine& machine) {
  std::string text = fmt::format("{}; {}", machine.name(), text_of(config));
  std::set<tensor::DType> dtypes;
  for (const checkpoint::NamedTensor& tensor : checkpoint.tensors()) {
    text += fmt::format("; {} {} {} ", tensor.name, tensor::name(tensor.view.dtype), fmt::join(tensor.view.shape, "x"));
    text += sample(tensor.view.bytes);
    dtypes.insert(tensor.view.dtype);
  }
  for (const tensor::DType dtype : dtypes) text += fmt::format("; {}", machine.path_of(dtype));
  return sha256(text);
}

}  // namespace paddock::llama4
