// SPDX-License-Identifier: Apache-2.0
#include "tests/training/trained.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "kernels/choose.h"
#include "tensor/decode.h"

namespace paddock::test {

std::optional<std::filesystem::path> training_reference() {
  const char* named = std::getenv("PADDOCK_REFERENCE");
  const std::filesystem::path folder =
      (named != nullptr ? std::filesystem::path(named)
                        : std::filesystem::path(PADDOCK_SOURCE_DIR) / ".." / "shared" / "reference") /
      "training";
  if (!std::filesystem::is_directory(folder)) return std::nullopt;
  return folder;
}

std::unique_ptr<checkpoint::Checkpoint> open_file(const std::filesystem::path& path) {
  auto file = checkpoint::Checkpoint::open(path);
  if (file) return std::make_unique<checkpoint::Checkpoint>(std::move(*file));
  ADD_FAILURE() << file.error().message;
  return nullptr;
}

Floats floats_of(const checkpoint::Checkpoint& file, const std::string& name) {
  const checkpoint::NamedTensor* tensor = file.find(name);
  if (tensor == nullptr) {
    ADD_FAILURE() << "no tensor " << name;
    return {};
  }
  Floats floats{tensor->view.shape, std::vector<float>(static_cast<size_t>(tensor->view.values()))};
  if (!floats.values.empty())
    tensor::decode_row(tensor->view.dtype, tensor->view.bytes.data(), floats.values.data(), tensor->view.values());
  return floats;
}

std::vector<int32_t> integers_of(const checkpoint::Checkpoint& file, const std::string& name) {
  const checkpoint::NamedTensor* tensor = file.find(name);
  if (tensor == nullptr || tensor->view.dtype != tensor::DType::kI32) {
    ADD_FAILURE() << "no integers " << name;
    return {};
  }
  std::vector<int32_t> values(static_cast<size_t>(tensor->view.values()));
  std::memcpy(values.data(), tensor->view.bytes.data(), tensor->view.bytes.size());
  return values;
}

double relative_difference(std::span<const float> got, std::span<const float> want) {
  EXPECT_EQ(got.size(), want.size());
  double difference = 0, largest = 0;
  for (size_t index = 0; index < std::min(got.size(), want.size()); ++index) {
    if (!std::isfinite(got[index])) return INFINITY;
    difference = std::max(difference, std::abs(static_cast<double>(got[index]) - want[index]));
    largest = std::max(largest, std::abs(static_cast<double>(want[index])));
  }
  return largest == 0 ? difference : difference / largest;
}

std::unique_ptr<Trained> Trained::load(const std::filesystem::path& folder, const std::string& machine, int threads,
                                       const std::filesystem::path& adapter, bool rounded) {
  const auto failed = [](const Error& error) {
    ADD_FAILURE() << error.message;
    return nullptr;
  };
  auto all = std::make_unique<Trained>();
  auto made = kernels::make_machine(machine, threads, true);
  if (!made) return failed(made.error());
  all->machine = std::move(*made);
  auto trainer = kernels::make_trainer(machine, threads);
  if (!trainer) return failed(trainer.error());
  all->trainer = std::move(*trainer);
  all->checkpoint = open_file(folder);
  if (!all->checkpoint) return nullptr;
  auto config = llama4::read_config(*all->checkpoint);
  if (!config) return failed(config.error());
  auto model = llama4::load_model(*all->checkpoint, config->config, all->machine.get());
  if (!model) return failed(model.error());
  all->model = std::make_unique<llama4::Model>(std::move(*model));
  auto bench = train::Workbench::create(*all->model, all->trainer.get(), {.adapter = adapter, .rounded = rounded});
  if (!bench) return failed(bench.error());
  all->bench = std::move(*bench);
  return all;
}

train::PassResult Trained::run(const train::Batch& batch, const train::PassWishes& wishes, bool recompute,
                               const train::Pass::LogitsObserver& observer) {
  const auto valid = train::check_batch(batch, bench->model().config->vocabulary, "batch");
  EXPECT_TRUE(valid) << valid.error().message;
  // Pieces of logits that do not divide the batch.
  auto pass = train::Pass::create(bench->model(), {.tokens = batch.count(),
                                                   .logits_rows = 37,
                                                   .rank = bench->adapter() ? bench->adapter()->rank() : 0,
                                                   .recompute = recompute});
  EXPECT_TRUE(pass);
  pass->observe_logits(observer);
  return pass->run(batch, wishes);
}

std::vector<float> Trained::gradient(const train::TrainedTensor& tensor) const {
  return bench->read(bench->gradients().plus(static_cast<size_t>(tensor.offset) * sizeof(float)), tensor.count);
}

train::Batch batch_of(const checkpoint::Checkpoint& file, int64_t index) {
  const tensor::Shape& shape = file.find("tokens")->view.shape;
  train::Batch batch;
  batch.rows = shape[shape.size() - 2];
  batch.length = shape.back();
  const auto part = [&](const char* name) {
    const std::vector<int32_t> all = integers_of(file, name);
    return std::vector<int32_t>(all.begin() + index * batch.count(), all.begin() + (index + 1) * batch.count());
  };
  batch.tokens = part("tokens");
  batch.targets = part("targets");
  batch.positions = part("positions");
  batch.documents = part("document");
  return batch;
}

}  // namespace paddock::test
