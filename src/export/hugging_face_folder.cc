// SPDX-License-Identifier: Apache-2.0
#include "export/hugging_face_folder.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/new_file.h"
#include "checkpoint/safetensors_writer.h"

namespace paddock::exporting {
namespace {

using checkpoint::PlannedTensor;
using checkpoint::TakeBytes;

// A tensor of the text model, or one that is carried along.
struct FolderTensor {
  PlannedTensor planned;
  size_t parameter = train::kNoParameter;
  const checkpoint::NamedTensor* carried = nullptr;

  uint64_t bytes() const { return tensor::row_bytes(planned.dtype, tensor::count(planned.shape)); }
};

std::vector<FolderTensor> tensors_of(const ModelSource& source, const FolderWishes& wishes) {
  std::vector<FolderTensor> tensors;
  const auto& parameters = source.parameters().all();
  for (size_t index = 0; index < parameters.size(); ++index)
    tensors.push_back({{wishes.prefix + parameters[index].name, wishes.type, parameters[index].shape}, index});
  for (const checkpoint::NamedTensor& each : wishes.carried)
    tensors.push_back({{each.name, each.view.dtype, each.view.shape}, train::kNoParameter, &each});
  return tensors;
}

// In their order, as many to a shard as it holds.
std::vector<std::vector<FolderTensor>> shards_of(std::vector<FolderTensor> tensors, uint64_t limit) {
  std::vector<std::vector<FolderTensor>> shards(1);
  uint64_t bytes = 0;
  for (FolderTensor& tensor : tensors) {
    if (!shards.back().empty() && bytes + tensor.bytes() > limit) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += tensor.bytes();
    shards.back().push_back(std::move(tensor));
  }
  return shards;
}

class FolderWriter {
 public:
  FolderWriter(const ModelSource& source, RowEncoder* encoder, const Written& written)
      : source_(source), encoder_(encoder), written_(written) {}

  Result<void> write_shard(const std::filesystem::path& path, const std::vector<FolderTensor>& tensors) {
    std::vector<PlannedTensor> plan;
    for (const FolderTensor& tensor : tensors) plan.push_back(tensor.planned);
    const std::vector<std::pair<std::string, std::string>> metadata = {{"format", "pt"}};
    const auto make = [&](size_t index, const TakeBytes& take) -> Result<void> {
      TRY_VOID(write_tensor(tensors[index], take));
      written_(tensors[index].planned);
      return {};
    };
    return checkpoint::write_safetensors(path, plan, make, metadata);
  }

 private:
  Result<void> write_tensor(const FolderTensor& tensor, const TakeBytes& take) {
    if (tensor.carried != nullptr) return take(tensor.carried->view.bytes);
    piece_.resize(static_cast<size_t>(source_.piece_count(tensor.parameter)));
    for (int64_t piece = 0; piece < source_.pieces(tensor.parameter); ++piece) {
      source_.read(tensor.parameter, piece, piece_);
      TRY_VOID(encoder_->encode(tensor.planned.name, tensor.planned.dtype, tensor.planned.shape.back(), piece_, take));
    }
    return {};
  }

  const ModelSource& source_;
  RowEncoder* encoder_;
  const Written& written_;
  std::vector<float> piece_;
};

Result<void> write_json(const std::filesystem::path& path, const Json& json) {
  NewFile file = TRY(NewFile::create(path));
  TRY_VOID(file.write(json.dump(2) + "\n"));
  return file.commit();
}

}  // namespace

uint64_t folder_bytes(const ModelSource& source, const FolderWishes& wishes) {
  uint64_t bytes = 0;
  for (const FolderTensor& tensor : tensors_of(source, wishes)) bytes += tensor.bytes();
  return bytes;
}

Result<void> write_hugging_face(const std::filesystem::path& folder, const ModelSource& source,
                                const FolderWishes& wishes, RowEncoder* encoder, const Written& written) {
  FolderWriter writer(source, encoder, written);
  const auto shards = shards_of(tensors_of(source, wishes), wishes.shard_bytes);
  if (shards.size() == 1) {
    TRY_VOID(writer.write_shard(folder / "model.safetensors", shards[0]));
  } else {
    Json index;
    index["metadata"]["total_size"] = folder_bytes(source, wishes);
    index["weight_map"] = Json::object();
    for (size_t shard = 0; shard < shards.size(); ++shard) {
      const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, shards.size());
      TRY_VOID(writer.write_shard(folder / name, shards[shard]));
      for (const FolderTensor& tensor : shards[shard]) append_new_key(index["weight_map"], tensor.planned.name, name);
    }
    TRY_VOID(write_json(folder / "model.safetensors.index.json", index));
  }
  return write_json(folder / "config.json", wishes.config);
}

}  // namespace paddock::exporting
