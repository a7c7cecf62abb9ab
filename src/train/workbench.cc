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
  return (frozen ? 1 : 2) * bytes_of(parameters.floats());
}

Result<std::unique_ptr<Workbench>> Workbench::create(const llama4::Model& model, kernels::Trainer* trainer,
                                                     const WorkbenchWishes& wishes) {
  std::unique_ptr<Workbench> bench(new Workbench);
  bench->config_ = model.config;
  bench->config_.rope_pairs = hugging_face_pairs(model.config);  // as the weights are read
  bench->parameters_ = ParameterList::of(model.config, wishes.prefix);
  std::vector<float> adapter_values;
  if (!wishes.adapter.empty())
    bench->adapter_ = TRY(Adapter::read(wishes.adapter, bench->parameters_, &adapter_values));
  std::vector<float> block(static_cast<size_t>(bench->parameters_.floats()));
  read_weights(model, bench->parameters_, block);
  TRY_VOID(bench->own(model.machine, trainer, block, wishes.rounded));
  if (!bench->adapter_) return bench;
  bench->adapter_weights_ = TRY(buffer_of(model.machine, adapter_values));
  bench->trained_.gradients = {};
  bench->trained_.adapter = &*bench->adapter_;
  bench->trained_.adapter_weights = bench->adapter_weights_.address();
  bench->trained_.adapter_gradients = bench->gradients_.address();
  return bench;
}

Result<std::unique_ptr<Workbench>> Workbench::create(const llama4::Config& config, kernels::Machine* machine,
                                                     kernels::Trainer* trainer, uint64_t seed, double deviation,
                                                     bool rounded) {
  std::unique_ptr<Workbench> bench(new Workbench);
  bench->config_ = config;
  bench->parameters_ = ParameterList::of(config);
  std::vector<float> block(static_cast<size_t>(bench->parameters_.floats()));
  write_initial_weights(bench->parameters_, seed, deviation, block);
  TRY_VOID(bench->own(machine, trainer, block, rounded));
  return bench;
}

Result<void> Workbench::own(kernels::Machine* machine, kernels::Trainer* trainer, std::span<const float> block,
                            bool rounded) {
  weights_ = TRY(buffer_of(machine, block));
  gradients_ = TRY(machine->allocate(bytes_of(floats())));
  trained_ = {.config = &config_,
              .machine = machine,
              .trainer = trainer,
              .parameters = &parameters_,
              .weights = weights_.address(),
              .gradients = gradients_.address(),
              .rounded = rounded};
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
