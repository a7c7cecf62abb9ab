// SPDX-License-Identifier: Apache-2.0
#include "train/workbench.h"

#include "train/initial_weights.h"
#include "train/read_weights.h"

namespace paddock::train {
namespace {

size_t bytes_of(int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); }

Result<kernels::Buffer> buffer_of(kernels::Machine* machine, std::span<const float> values) {
  kernels::Buffer buffer = TRY(machine->allocate(values.size_bytes()));
  machine->write(std::as_bytes(values), buffer.address());
  return buffer;
}

}  // namespace

size_t Workbench::bytes(const ParameterList& parameters, bool frozen) {
  return frozen ? FrozenWeights::bytes(parameters) : 2 * bytes_of(parameters.floats());
}

Result<std::unique_ptr<Workbench>> Workbench::create(const llama4::Model& model, kernels::Trainer* trainer,
                                                     const WorkbenchWishes& wishes) {
  std::unique_ptr<Workbench> bench(new Workbench);
  bench->config_ = model.config;
  bench->config_.rope_pairs = hugging_face_pairs(model.config);  // as the weights are read
  bench->parameters_ = ParameterList::of(model.config, wishes.prefix);
  bench->trained_ = {.config = &bench->config_,
                     .machine = model.machine,
                     .trainer = trainer,
                     .parameters = &bench->parameters_,
                     .rounded = wishes.rounded};
  if (!wishes.adapter.empty() || wishes.new_adapter) {
    TRY_VOID(bench->train_adapter(model, wishes));
    return bench;
  }
  std::vector<float> block(static_cast<size_t>(bench->parameters_.floats()));
  ThreadPool pool(wishes.threads);
  read_weights(model, bench->parameters_, block, &pool);
  TRY_VOID(bench->train_weights(block));
  return bench;
}

Result<std::unique_ptr<Workbench>> Workbench::create(const llama4::Config& config, kernels::Machine* machine,
                                                     kernels::Trainer* trainer, uint64_t seed, double deviation,
                                                     bool rounded) {
  std::unique_ptr<Workbench> bench(new Workbench);
  bench->config_ = config;
  bench->parameters_ = ParameterList::of(config);
  bench->trained_ = {.config = &bench->config_,
                     .machine = machine,
                     .trainer = trainer,
                     .parameters = &bench->parameters_,
                     .rounded = rounded};
  std::vector<float> block(static_cast<size_t>(bench->parameters_.floats()));
  write_initial_weights(bench->parameters_, seed, deviation, block);
  TRY_VOID(bench->train_weights(block));
  return bench;
}

Result<void> Workbench::train_weights(std::span<const float> block) {
  weights_ = TRY(buffer_of(trained_.machine, block));
  gradients_ = TRY(trained_.machine->allocate(bytes_of(floats())));
  trained_.weights = weights_.address();
  trained_.gradients = gradients_.address();
  return {};
}

Result<void> Workbench::train_adapter(const llama4::Model& model, const WorkbenchWishes& wishes) {
  std::vector<float> values;
  if (wishes.adapter.empty())
    adapter_ = TRY(new_adapter(parameters_, *wishes.new_adapter, &values));
  else
    adapter_ = TRY(Adapter::read(wishes.adapter, parameters_, &values));
  frozen_ = TRY(FrozenWeights::create(model, parameters_, wishes.threads));
  adapter_weights_ = TRY(buffer_of(trained_.machine, values));
  gradients_ = TRY(trained_.machine->allocate(bytes_of(floats())));
  trained_.frozen = &*frozen_;
  trained_.adapter = &*adapter_;
  trained_.adapter_weights = adapter_weights_.address();
  trained_.adapter_gradients = gradients_.address();
  return {};
}

std::vector<TrainedTensor> Workbench::tensors() const {
  std::vector<TrainedTensor> tensors;
  if (adapter_) {
    for (const AdapterTensor& each : adapter_->tensors())
      tensors.push_back({each.name, each.shape, each.offset, each.count, true});
  } else {
    for (const Parameter& each : parameters_.all())
      tensors.push_back({each.name, each.shape, each.offset, each.count, each.decays});
  }
  return tensors;
}

std::vector<float> Workbench::read(kernels::Address address, int64_t count) const {
  std::vector<float> values(static_cast<size_t>(count));
  trained_.machine->read(address, std::as_writable_bytes(std::span(values)));
  return values;
}

void Workbench::clear_gradients() const { trained_.trainer->clear(gradients_.address(), floats()); }

}  // namespace paddock::train
