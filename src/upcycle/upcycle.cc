// SPDX-License-Identifier: Apache-2.0
#include "upcycle/upcycle.h"

#include <algorithm>

#include "base/check.h"
#include "base/mapped_file.h"
#include "base/new_file.h"
#include "checkpoint/safetensors_writer.h"
#include "kernels/choose.h"
#include "llama4/model.h"
#include "tensor/floats.h"
#include "train/read_weights.h"
#include "upcycle/upcycled_config.h"
#include "upcycle/upcycled_weights.h"

namespace paddock::upcycle {
namespace {

namespace fs = std::filesystem;

// What a folder of Hugging Face has beside weights and configuration.
constexpr const char* kBystanders[] = {"tokenizer.json",          "tokenizer.model",     "tokenizer_config.json",
                                       "special_tokens_map.json", "chat_template.jinja", "generation_config.json"};

struct StoredTensor {
  std::string name;
  tensor::Shape shape;
  std::vector<std::byte> bytes;
};

std::vector<std::byte> encode(std::span<const float> numbers, tensor::DType dtype) {
  if (dtype == tensor::DType::kF32) {
    const auto bytes = std::as_bytes(numbers);
    return {bytes.begin(), bytes.end()};
  }
  std::vector<uint16_t> rounded(numbers.size());
  std::ranges::transform(numbers, rounded.begin(), tensor::bf16_from_float);
  const auto bytes = std::as_bytes(std::span(rounded));
  return {bytes.begin(), bytes.end()};
}

Result<std::vector<std::string>> copy_bystanders(const checkpoint::Checkpoint& dense, const fs::path& folder) {
  std::vector<std::string> copied;
  if (dense.format() == checkpoint::Format::kGguf) return copied;  // it may lie among strangers
  for (const char* name : kBystanders) {
    std::error_code problem;
    if (!fs::exists(dense.folder() / name, problem)) continue;
    NewFile file = TRY(NewFile::create(folder / name));
    TRY_VOID(file.write(TRY(read_text_file(dense.folder() / name))));
    TRY_VOID(file.commit());
    copied.emplace_back(name);
  }
  return copied;
}

// The dense model's numbers, through the machine that reads every format.
Result<std::vector<float>> read_dense(const checkpoint::Checkpoint& dense, const llama4::Config& config,
                                      const train::ParameterList& parameters) {
  const auto machine = TRY(kernels::make_machine("reference", 1, true));
  const llama4::Model model = TRY(llama4::load_model(dense, config, machine.get()));
  std::vector<float> block(static_cast<size_t>(parameters.floats()));
  train::read_weights(model, parameters, block);
  return block;
}

}  // namespace

Result<size_t> upcycle_bytes(const checkpoint::Checkpoint& dense, const llama4::Config& config,
                             const UpcycleWishes& wishes) {
  const UpcycledConfig target = TRY(upcycled_config(dense, config, wishes));
  const auto of = [](const llama4::Config& model) { return train::ParameterList::of(model); };
  const train::ParameterList list = of(target.config);
  int64_t largest = 0;
  for (const train::Parameter& parameter : list.all()) largest = std::max(largest, parameter.count);
  const size_t each = wishes.dtype == tensor::DType::kF32 ? 4 : 2;
  return static_cast<size_t>(of(config).floats()) * sizeof(float) + static_cast<size_t>(list.floats()) * each +
         3 * static_cast<size_t>(largest) * sizeof(float);
}

Result<UpcycleReport> upcycle(const checkpoint::Checkpoint& dense, const llama4::Config& config,
                              const UpcycleWishes& wishes, const fs::path& folder) {
  CHECK(wishes.dtype == tensor::DType::kF32 || wishes.dtype == tensor::DType::kBF16);
  const UpcycledConfig target = TRY(upcycled_config(dense, config, wishes));
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (fs::equivalent(folder, dense.folder(), problem))
    return error(ErrorCode::kInvalidArgument, "{}: expected another folder than that of the dense model",
                 folder.string());
  // Found before the work, not after it.
  NewFile config_file = TRY(NewFile::create(folder / "config.json"));
  TRY_VOID(config_file.write(target.json));

  const train::ParameterList from = train::ParameterList::of(config), to = train::ParameterList::of(target.config);
  const std::vector<float> block = TRY(read_dense(dense, config, from));
  const DenseWeights weights{&config, &from, block};
  std::vector<StoredTensor> stored;
  UpcycledWeights(weights, target.config, to, wishes)
      .each([&](const train::Parameter& parameter, std::span<const float> numbers) {
        stored.push_back({parameter.name, parameter.shape, encode(numbers, wishes.dtype)});
      });
  std::vector<checkpoint::TensorToWrite> tensors;
  UpcycleReport report;
  for (const StoredTensor& tensor : stored) {
    tensors.push_back({tensor.name, {wishes.dtype, tensor.shape, tensor.bytes}});
    report.parameters += tensor::count(tensor.shape);
  }
  const std::pair<std::string, std::string> format[] = {{"format", "pt"}};
  TRY_VOID(checkpoint::write_safetensors(folder / "model.safetensors", tensors, format));
  report.copied = TRY(copy_bystanders(dense, folder));
  TRY_VOID(config_file.commit());

  const auto moe_layers = std::ranges::count_if(target.config.layers, [](const auto& layer) { return layer.moe; });
  report.active_parameters = report.parameters - moe_layers *
                                                     (target.config.experts - target.config.experts_per_token) * 3 *
                                                     target.config.width * target.config.expert_width;
  report.is_exact = target.config.expert_width >= config.dense_width && target.config.dense_width >= config.dense_width;
  return report;
}

}  // namespace paddock::upcycle
