// SPDX-License-Identifier: Apache-2.0
#include "tests/vision/random_tower.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "checkpoint/gguf_writer.h"
#include "checkpoint/safetensors_writer.h"
#include "tensor/decode.h"
#include "tensor/floats.h"
#include "tests/vision/tower.h"

namespace paddock::test {
namespace {

using tensor::DType;

void append(std::vector<std::byte>* bytes, const void* from, size_t count) {
  const auto* first = static_cast<const std::byte*>(from);
  bytes->insert(bytes->end(), first, first + count);
}

std::vector<std::byte> encoded(DType dtype, std::span<const float> values) {
  std::vector<std::byte> bytes;
  bytes.reserve(tensor::row_bytes(dtype, static_cast<int64_t>(values.size())));
  for (size_t index = 0; index < values.size(); ++index) {
    const float value = values[index];
    if (dtype == DType::kF32) {
      append(&bytes, &value, 4);
    } else if (dtype == DType::kF16) {
      const uint16_t half = tensor::half_from_float(value);
      append(&bytes, &half, 2);
    } else if (dtype == DType::kBF16) {
      uint32_t bits;
      std::memcpy(&bits, &value, 4);
      const auto upper = static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);  // to even
      append(&bytes, &upper, 2);
    } else if (index % 32 == 0) {  // Q8_0
      float largest = 0;
      for (const float each : values.subspan(index, 32)) largest = std::max(largest, std::abs(each));
      const uint16_t scale = tensor::half_from_float(largest / 127);
      append(&bytes, &scale, 2);
      for (const float each : values.subspan(index, 32)) {
        const auto rounded = static_cast<int8_t>(std::lround(each / tensor::float_from_half(scale)));
        append(&bytes, &rounded, 1);
      }
    }
  }
  return bytes;
}

// The bytes of the values, and the values as these bytes hold them.
void store(RandomTensor* tensor) {
  tensor->bytes = encoded(tensor->dtype, tensor->values);
  tensor::decode_row(tensor->dtype, tensor->bytes.data(), tensor->values.data(),
                     static_cast<int64_t>(tensor->values.size()));
}

using Matrix = std::vector<std::vector<double>>;  // rows

void layer_norm(Matrix* x, const RandomTensor& weight, const RandomTensor& bias) {
  for (auto& row : *x) {
    double mean = 0, variance = 0;
    for (const double value : row) mean += value / static_cast<double>(row.size());
    for (const double value : row) variance += (value - mean) * (value - mean) / static_cast<double>(row.size());
    for (size_t index = 0; index < row.size(); ++index)
      row[index] = (row[index] - mean) / std::sqrt(variance + 1e-5) * weight.values[index] + bias.values[index];
  }
}

Matrix product(const Matrix& x, const RandomTensor& weight, const RandomTensor* bias) {
  const auto inputs = static_cast<size_t>(weight.values.size()) / static_cast<size_t>(weight.shape[0]);
  Matrix y;
  for (const auto& row : x) {
    std::vector<double> sums;
    for (size_t output = 0; output < static_cast<size_t>(weight.shape[0]); ++output) {
      double sum = bias == nullptr ? 0 : bias->values[output];
      for (size_t input = 0; input < inputs; ++input) sum += row[input] * weight.values[output * inputs + input];
      sums.push_back(sum);
    }
    y.push_back(std::move(sums));
  }
  return y;
}

void gelu(Matrix* x) {
  for (auto& row : *x)
    for (double& value : row) value = value / 2 * (1 + std::erf(value / std::sqrt(2)));
}

}  // namespace

llama4::VisionConfig small_shape() {
  llama4::VisionConfig config;
  config.image_size = 42;
  config.patch_size = 7;
  config.width = 96;
  config.layers = 2;
  config.heads = 2;
  config.mlp_width = 224;
  config.adapter_inner = 64;
  config.adapter_width = 96;
  config.text_width = 80;
  return config;
}

llama4::VisionConfig wide_shape() {
  llama4::VisionConfig config;
  config.image_size = 84;
  config.patch_size = 14;
  config.width = 1408;
  config.layers = 2;
  config.heads = 16;
  config.mlp_width = 5632;
  config.adapter_inner = 512;
  config.adapter_width = 512;
  config.text_width = 640;
  return config;
}

RandomTower::RandomTower(DType dtype, const llama4::VisionConfig& shape) : config(shape), dtype_(dtype) {
  const auto scale = [](int64_t inputs) { return 1 / std::sqrt(static_cast<double>(inputs)); };
  const int64_t width = config.width, mlp = config.mlp_width;
  const std::string v = "vision_model.";
  add(v + "patch_embedding.linear.weight", "v.patch_embd.weight", {width, config.patch_values()},
      scale(config.patch_values()));
  add(v + "class_embedding", "v.class_embd", {width}, 0.5);
  add(v + "positional_embedding_vlm", "v.position_embd.weight", {config.patches_per_tile() + 1, width}, 0.5);
  add_norm(v + "layernorm_pre", "v.pre_ln");
  add_norm(v + "layernorm_post", "v.post_ln");
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string from = v + "model.layers." + std::to_string(layer) + ".",
                      to = "v.blk." + std::to_string(layer) + ".";
    add_norm(from + "input_layernorm", to + "ln1");
    add_norm(from + "post_attention_layernorm", to + "ln2");
    for (const auto& [name, gguf] : std::map<std::string, std::string>{
             {"q_proj", "attn_q"}, {"k_proj", "attn_k"}, {"v_proj", "attn_v"}, {"o_proj", "attn_out"}})
      add_linear(from + "self_attn." + name, to + gguf, width, width);
    add_linear(from + "mlp.fc1", to + "ffn_up", mlp, width);
    add_linear(from + "mlp.fc2", to + "ffn_down", width, mlp);
  }
  add(v + "vision_adapter.mlp.fc1.weight", "mm.model.mlp.1.weight", {config.adapter_inner, config.shuffled_width()},
      scale(config.shuffled_width()));
  add(v + "vision_adapter.mlp.fc2.weight", "mm.model.mlp.2.weight", {config.adapter_width, config.adapter_inner},
      scale(config.adapter_inner));
  add("multi_modal_projector.linear_1.weight", "mm.model.fc.weight", {config.text_width, config.adapter_width},
      scale(config.adapter_width));
  const auto count = [](int64_t value) { return static_cast<uint64_t>(value); };
  gguf_pairs = {{"general.architecture", std::string("clip")},
                {"clip.projector_type", std::string("llama4")},
                {"clip.has_vision_encoder", true},
                {"clip.use_gelu", true},
                {"clip.vision.image_size", count(config.image_size)},
                {"clip.vision.patch_size", count(config.patch_size)},
                {"clip.vision.embedding_length", count(width)},
                {"clip.vision.feed_forward_length", count(mlp)},
                {"clip.vision.block_count", count(config.layers)},
                {"clip.vision.attention.head_count", count(config.heads)},
                {"clip.vision.attention.layer_norm_epsilon", 1e-5},
                {"clip.vision.projection_dim", count(config.text_width)},
                {"clip.vision.projector.scale_factor", count(config.shuffle)},
                {"clip.vision.image_mean", std::vector<double>{0.5, 0.5, 0.5}},
                {"clip.vision.image_std", std::vector<double>{0.5, 0.5, 0.5}}};
}

double RandomTower::random() {
  state_ = state_ * 6364136223846793005u + 1442695040888963407u;
  return static_cast<double>(state_ >> 11) / 9007199254740992.0 * 2 - 1;
}

void RandomTower::add(const std::string& hugging_face, const std::string& gguf, std::vector<int64_t> shape,
                      double scale, double mean) {
  RandomTensor tensor{hugging_face, gguf, shape, {}, DType::kF32, {}};
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  if (shape.size() == 2) tensor.dtype = shape[1] % tensor::info(dtype_).values == 0 ? dtype_ : DType::kF16;
  tensor.values.reserve(static_cast<size_t>(count));
  for (int64_t index = 0; index < count; ++index)
    tensor.values.push_back(static_cast<float>(mean + 1.7 * scale * random()));
  store(&tensor);
  tensors.push_back(std::move(tensor));
}

void RandomTower::add_linear(const std::string& hugging_face, const std::string& gguf, int64_t outputs,
                             int64_t inputs) {
  add(hugging_face + ".weight", gguf + ".weight", {outputs, inputs}, 1 / std::sqrt(static_cast<double>(inputs)));
  add(hugging_face + ".bias", gguf + ".bias", {outputs}, 0.1);
}

void RandomTower::add_norm(const std::string& hugging_face, const std::string& gguf) {
  add(hugging_face + ".weight", gguf + ".weight", {config.width}, 0.1, 1);
  add(hugging_face + ".bias", gguf + ".bias", {config.width}, 0.1);
}

RandomTensor& RandomTower::named(const std::string& hugging_face) {
  for (RandomTensor& tensor : tensors)
    if (tensor.hugging_face == hugging_face) return tensor;
  ADD_FAILURE() << hugging_face;
  return tensors.front();
}

void RandomTower::write_hugging_face(const std::filesystem::path& folder) const {
  std::vector<checkpoint::TensorToWrite> written;
  for (const RandomTensor& tensor : tensors)
    written.push_back(
        {tensor.hugging_face, {tensor.dtype, tensor::Shape(tensor.shape.begin(), tensor.shape.end()), tensor.bytes}});
  const auto result = checkpoint::write_safetensors(folder / "model.safetensors", written);
  ASSERT_TRUE(result) << result.error().message;
  const nlohmann::json vision = {{"hidden_act", "gelu"},
                                 {"hidden_size", config.width},
                                 {"image_size", config.image_size},
                                 {"intermediate_size", config.mlp_width},
                                 {"num_attention_heads", config.heads},
                                 {"num_hidden_layers", config.layers},
                                 {"patch_size", config.patch_size},
                                 {"pixel_shuffle_ratio", 0.5},
                                 {"projector_input_dim", config.adapter_inner},
                                 {"projector_output_dim", config.adapter_width},
                                 {"vision_output_dim", config.adapter_width}};
  const nlohmann::json whole = {{"image_token_index", 7},
                                {"boi_token_index", 8},
                                {"eoi_token_index", 9},
                                {"text_config", {{"hidden_size", config.text_width}}},
                                {"vision_config", vision}};
  std::ofstream(folder / "config.json") << whole.dump(1);
}

void RandomTower::take(const checkpoint::Checkpoint& folder) {
  for (RandomTensor& tensor : tensors) {
    tensor.values = floats_of(folder, tensor.hugging_face).values;
    store(&tensor);
  }
}

void RandomTower::write_gguf(const std::filesystem::path& path) const {
  std::vector<checkpoint::TensorToWrite> written;
  for (const RandomTensor& tensor : tensors) {
    tensor::Shape shape(tensor.shape.begin(), tensor.shape.end());
    if (tensor.gguf == "v.patch_embd.weight") shape = {config.width, 3, config.patch_size, config.patch_size};
    written.push_back({tensor.gguf, {tensor.dtype, shape, tensor.bytes}});
  }
  const auto result = checkpoint::write_gguf(path, gguf_pairs, written);
  ASSERT_TRUE(result) << result.error().message;
}

std::vector<double> RandomTower::embeddings(std::span<const float> pixels) {
  const int64_t side = config.side(), size = config.image_size, patch_size = config.patch_size;
  const auto width = static_cast<size_t>(config.width), heads = static_cast<size_t>(config.heads);
  const auto across = static_cast<size_t>(side);
  const std::string v = "vision_model.";
  const auto norm = [&](Matrix* x, const std::string& name) {
    layer_norm(x, named(name + ".weight"), named(name + ".bias"));
  };
  const auto linear = [&](const Matrix& x, const std::string& name) {
    return product(x, named(name + ".weight"), &named(name + ".bias"));
  };
  Matrix patches;
  for (int64_t patch = 0; patch < side * side; ++patch) {
    std::vector<double> row;
    for (int64_t channel = 0; channel < 3; ++channel)
      for (int64_t y = 0; y < patch_size; ++y)
        for (int64_t x = 0; x < patch_size; ++x)
          row.push_back(pixels[static_cast<size_t>((channel * size + patch / side * patch_size + y) * size +
                                                   patch % side * patch_size + x)]);
    patches.push_back(std::move(row));
  }
  Matrix x = product(patches, named(v + "patch_embedding.linear.weight"), nullptr);
  const auto& class_token = named(v + "class_embedding").values;
  x.emplace_back(class_token.begin(), class_token.end());
  for (size_t row = 0; row < x.size(); ++row)
    for (size_t index = 0; index < width; ++index)
      x[row][index] += named(v + "positional_embedding_vlm").values[row * width + index];
  norm(&x, v + "layernorm_pre");
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = v + "model.layers." + std::to_string(layer) + ".";
    Matrix normed = x;
    norm(&normed, prefix + "input_layernorm");
    Matrix q = linear(normed, prefix + "self_attn.q_proj"), k = linear(normed, prefix + "self_attn.k_proj");
    const Matrix values = linear(normed, prefix + "self_attn.v_proj");
    const size_t head_width = width / heads, pairs = head_width / 4;  // that turn by x, and by y
    const auto turn = [&](Matrix* rows) {
      for (size_t row = 0; row + 1 < rows->size(); ++row)
        for (size_t index = 0; index < width; index += 2) {
          const size_t pair = index % head_width / 2;
          const double place = static_cast<double>((pair < pairs ? row % across : row / across) + 1);
          const double angle =
              place / std::pow(10000.0, static_cast<double>(pair % pairs) / static_cast<double>(pairs));
          const double a = (*rows)[row][index], b = (*rows)[row][index + 1];
          (*rows)[row][index] = a * std::cos(angle) - b * std::sin(angle);
          (*rows)[row][index + 1] = a * std::sin(angle) + b * std::cos(angle);
        }
    };
    turn(&q);
    turn(&k);
    Matrix attended(x.size(), std::vector<double>(width, 0));
    for (size_t head = 0; head < heads; ++head)
      for (size_t row = 0; row < x.size(); ++row) {
        std::vector<double> weights;
        double total = 0;
        for (size_t other = 0; other < x.size(); ++other) {
          double score = 0;
          for (size_t index = head * head_width; index < (head + 1) * head_width; ++index)
            score += q[row][index] * k[other][index];
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(head_width))));
          total += weights.back();
        }
        for (size_t other = 0; other < x.size(); ++other)
          for (size_t index = head * head_width; index < (head + 1) * head_width; ++index)
            attended[row][index] += weights[other] / total * values[other][index];
      }
    const Matrix out = linear(attended, prefix + "self_attn.o_proj");
    for (size_t row = 0; row < x.size(); ++row)
      for (size_t index = 0; index < width; ++index) x[row][index] += out[row][index];
    normed = x;
    norm(&normed, prefix + "post_attention_layernorm");
    Matrix inner = linear(normed, prefix + "mlp.fc1");
    gelu(&inner);
    const Matrix down = linear(inner, prefix + "mlp.fc2");
    for (size_t row = 0; row < x.size(); ++row)
      for (size_t index = 0; index < width; ++index) x[row][index] += down[row][index];
  }
  norm(&x, v + "layernorm_post");
  Matrix shuffled;
  for (size_t row = 0; row < across; row += 2)
    for (size_t column = 0; column < across; column += 2) {
      std::vector<double> token;
      const size_t first = row * across + column;
      for (const size_t patch : {first, first + 1, first + across, first + across + 1})
        token.insert(token.end(), x[patch].begin(), x[patch].end());
      shuffled.push_back(std::move(token));
    }
  Matrix adapter = product(shuffled, named(v + "vision_adapter.mlp.fc1.weight"), nullptr);
  gelu(&adapter);
  adapter = product(adapter, named(v + "vision_adapter.mlp.fc2.weight"), nullptr);
  gelu(&adapter);
  std::vector<double> embeddings;
  for (const auto& row : product(adapter, named("multi_modal_projector.linear_1.weight"), nullptr))
    embeddings.insert(embeddings.end(), row.begin(), row.end());
  return embeddings;
}

}  // namespace paddock::test
