// SPDX-License-Identifier: Apache-2.0
#include "llama4/adapter/adapter.h"

#include <span>
#include <utility>

#include "llama4/adapter/adapter_file.h"

namespace paddock::llama4 {

using kernels::LowRank;
using kernels::MlpUpdate;

bool AdapterMemory::take(size_t bytes) {
  size_t used = used_.load();
  do {
    if (bytes > most_ - used) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes));
  return true;
}

Adapter::~Adapter() {
  const size_t bytes = buffer_.bytes();
  buffer_ = {};
  memory_->give_back(bytes);
}

namespace {

// Numbers of a row that are not one after another.
struct Strided {
  const float* from = nullptr;
  int64_t row_stride = 0, step = 1;
};

// Which output of the model an output of Hugging Face's matrix is: GGUF files of the older Llamas keep the two halves
// of a head's pairs side by side.
int64_t side_by_side(int64_t output, int64_t head_width) {
  const int64_t in_head = output % head_width, half = head_width / 2;
  return output - in_head + (in_head % half) * 2 + in_head / half;
}

}  // namespace

class AdapterLoader {
 public:
  AdapterLoader(const Config& config, const ParameterList& parameters, const AdapterFile& file,
                std::span<const float> values, kernels::Machine* machine)
      : config_(config), parameters_(parameters), file_(file), values_(values), machine_(*machine) {}

  Result<void> load_into(Adapter* adapter) {
    next_ = adapter->buffer_.address();
    adapter->layers_.resize(config_.layers.size());
    for (const auto& [index, update] : file_.updates()) TRY_VOID(refuse_what_is_not_served(index));
    for (size_t index = 0; index < config_.layers.size(); ++index) {
      const LayerParameters& places = parameters_.layers[index];
      LayerUpdate& layer = adapter->layers_[index];
      layer.q = matrix(places.q, heads_side_by_side());
      layer.k = matrix(places.k, heads_side_by_side());
      layer.v = matrix(places.v);
      layer.o = matrix(places.o);
      layer.mlp = {matrix(places.mlp.gate), matrix(places.mlp.up), matrix(places.mlp.down)};
      if (has(places.experts_gate_up) || has(places.experts_down)) layer.experts = experts(places);
    }
    if (!config_.tied_head) adapter->head_ = matrix(parameters_.head);
    adapter->digest_ = file_.digest();
    return {};
  }

  // What load_into() fills.
  static size_t bytes_of(const AdapterFile& file) {
    int64_t floats = 0;
    for (const auto& [index, update] : file.updates())
      floats += update.rank * (update.inputs + update.outputs) * std::max<int64_t>(1, update.experts);
    return static_cast<size_t>(floats) * sizeof(float);
  }

 private:
  bool has(size_t parameter) const { return file_.updates().contains(parameter); }

  Result<void> refuse_what_is_not_served(size_t index) const {
    bool served = index != parameters_.embedding;
    for (const LayerParameters& layer : parameters_.layers) served = served && index != layer.router;
    if (served) return {};
    return error(ErrorCode::kUnsupported,
                 "the adapter updates {}: expected updates of attention, networks, experts and head; merge the adapter "
                 "into the model",
                 parameters_[index].name);
  }

  bool heads_side_by_side() const {
    return config_.names == TensorNames::kGguf && config_.architecture != "llama4" &&
           config_.rope_pairs == kernels::RopePairs::kInterleaved;
  }

  // [rank, width] at the next free place of the adapter's memory.
  kernels::Address place(int64_t rank, int64_t width, const Strided& source, bool in_pairs) {
    row_.resize(static_cast<size_t>(rank * width));
    for (int64_t j = 0; j < rank; ++j)
      for (int64_t index = 0; index < width; ++index) {
        const int64_t to = in_pairs ? side_by_side(index, config_.head_width) : index;
        row_[static_cast<size_t>(j * width + to)] = source.from[j * source.row_stride + index * source.step];
      }
    const kernels::Address at = next_;
    machine_.write(std::as_bytes(std::span(row_)), at);
    next_ = next_.plus(row_.size() * sizeof(float));
    return at;
  }

  LowRank matrix(size_t parameter, bool in_pairs = false) {
    const auto found = file_.updates().find(parameter);
    if (found == file_.updates().end()) return {};
    const AdapterUpdate& update = found->second;
    LowRank low = shape_of(update);
    low.down = place(update.rank, update.inputs, {values_.data() + update.a, update.inputs, 1}, false);
    low.up = place(update.rank, update.outputs, {values_.data() + update.b, 1, update.rank}, in_pairs);
    return low;
  }

  static LowRank shape_of(const AdapterUpdate& update) {
    LowRank low;
    low.rank = update.rank;
    low.inputs = update.inputs;
    low.outputs = low.up_stride = update.outputs;
    low.scale = update.scale;
    return low;
  }

  // Whichever of A and B touches the input, as adapter_file.h says.
  LowRank expert(size_t parameter, int64_t expert) {
    const auto found = file_.updates().find(parameter);
    if (found == file_.updates().end()) return {};
    const AdapterUpdate& update = found->second;
    const bool first = update.layout == ExpertLayout::kInputsFirst;
    const int64_t a_width = first ? update.outputs : update.inputs;
    const Strided a = {values_.data() + update.a + expert * update.rank * a_width, a_width, 1};
    const Strided b = {values_.data() + update.b + expert, update.experts, update.experts * update.rank};
    LowRank low = shape_of(update);
    low.down = place(update.rank, update.inputs, first ? b : a, false);
    low.up = place(update.rank, update.outputs, first ? a : b, false);
    return low;
  }

  std::vector<MlpUpdate> experts(const LayerParameters& places) {
    std::vector<MlpUpdate> experts;
    for (int64_t index = 0; index < config_.experts; ++index) {
      // The gate's outputs are the left half of the fused tensor's, up's the right one.
      LowRank gate = expert(places.experts_gate_up, index);
      gate.outputs /= 2;
      LowRank up = gate;
      up.up = up.up.plus(static_cast<size_t>(gate.outputs) * sizeof(float));
      experts.push_back({gate, up, expert(places.experts_down, index)});
    }
    return experts;
  }

  const Config& config_;
  const ParameterList& parameters_;
  const AdapterFile& file_;
  std::span<const float> values_;
  kernels::Machine& machine_;
  kernels::Address next_;
  std::vector<float> row_;
};

Result<std::shared_ptr<const Adapter>> Adapter::load(const std::filesystem::path& folder, const Config& config,
                                                     kernels::Machine* machine, std::shared_ptr<AdapterMemory> memory) {
  const ParameterList parameters = ParameterList::of(config);
  std::vector<float> values;
  // Numbers in the file may take a quarter of a float32, and never more bytes than it; its head takes some.
  const AdapterFile file = TRY(AdapterFile::read(folder, parameters, &values,
                                                 {.file_bytes = memory->most() + (size_t{64} << 20),
                                                  .floats = memory->most() / sizeof(float),
                                                  .rank = kMostAdapterRank}));
  const size_t bytes = AdapterLoader::bytes_of(file);
  if (!memory->take(bytes))
    return error(
        ErrorCode::kOutOfMemory,
        "{}: expected at most the {} bytes that are left for adapters, of {}, found {}; unload another one, or "
        "give them more with --adapter-bytes",
        folder.string(), memory->most() - memory->used(), memory->most(), bytes);
  auto buffer = machine->allocate(bytes);
  if (!buffer) {
    memory->give_back(bytes);
    return tl::unexpected(buffer.error());
  }
  std::shared_ptr<Adapter> adapter(new Adapter(std::move(memory)));
  adapter->buffer_ = std::move(*buffer);
  TRY_VOID(AdapterLoader(config, parameters, file, values, machine).load_into(adapter.get()));
  return adapter;
}

}  // namespace paddock::llama4
