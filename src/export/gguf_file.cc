// SPDX-License-Identifier: Apache-2.0
#include "export/gguf_file.h"

#include "checkpoint/gguf_writer.h"
#include "export/gguf_model_keys.h"

namespace paddock::exporting {
namespace {

using checkpoint::TakeBytes;

// [rows, stride] of which `columns` from `first` on become [columns, rows].
void turn(std::span<const float> from, int64_t rows, int64_t stride, int64_t first, int64_t columns,
          RowEncoder* encoder, std::vector<float>* to) {
  to->resize(static_cast<size_t>(rows * columns));
  constexpr int64_t kTile = 32;  // rows and columns whose lines stay in the cache
  encoder->spread((columns + kTile - 1) / kTile, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; row += kTile)
      for (int64_t column = begin * kTile; column < std::min(end * kTile, columns); ++column)
        for (int64_t inner = row; inner < std::min(row + kTile, rows); ++inner)
          (*to)[static_cast<size_t>(column * rows + inner)] =
              from[static_cast<size_t>(inner * stride + first + column)];
  });
}

// Rows of heads whose pairs lie in halves, as neighbours.
void join_halves(std::span<const float> from, int64_t heads, int64_t width, std::vector<float>* to) {
  const int64_t rows = static_cast<int64_t>(from.size()) / width, head = rows / heads;
  to->resize(from.size());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t in_head = row % head, old = row - in_head + in_head % 2 * (head / 2) + in_head / 2;
    std::copy_n(from.data() + old * width, width, to->data() + row * width);
  }
}

class Filler {
 public:
  Filler(const ModelSource& source, RowEncoder* encoder) : source_(source), encoder_(encoder) {}

  Result<void> fill(const GgufTensor& tensor, const TakeBytes& take) {
    if (tensor.from == From::kRopeFactors) {
      const std::vector<float> factors = rope_factors(source_.config());
      return encode(tensor, factors, take);
    }
    piece_.resize(static_cast<size_t>(source_.piece_count(tensor.parameter)));
    for (int64_t piece = 0; piece < source_.pieces(tensor.parameter); ++piece) {
      source_.read(tensor.parameter, piece, piece_);
      TRY_VOID(encode(tensor, arranged(tensor), take));
    }
    return {};
  }

 private:
  std::span<const float> arranged(const GgufTensor& tensor) {
    const tensor::Shape& shape = source_.parameters()[tensor.parameter].shape;
    switch (tensor.from) {
      case From::kHalves: join_halves(piece_, tensor.heads, shape.back(), &turned_); return turned_;
      case From::kGate: turn(piece_, shape[1], shape[2], 0, shape[2] / 2, encoder_, &turned_); return turned_;
      case From::kUp: turn(piece_, shape[1], shape[2], shape[2] / 2, shape[2] / 2, encoder_, &turned_); return turned_;
      case From::kDown: turn(piece_, shape[1], shape[2], 0, shape[2], encoder_, &turned_); return turned_;
      case From::kAsItIs:
      case From::kRopeFactors: break;
    }
    return piece_;
  }

  Result<void> encode(const GgufTensor& tensor, std::span<const float> values, const TakeBytes& take) {
    return encoder_->encode(tensor.planned.name, tensor.planned.dtype, tensor.planned.shape.back(), values, take);
  }

  const ModelSource& source_;
  RowEncoder* encoder_;
  std::vector<float> piece_, turned_;
};

}  // namespace

Result<void> write_gguf_file(const std::filesystem::path& path, const ModelSource& source,
                             std::span<const GgufTensor> plan, tensor::DType type,
                             std::vector<checkpoint::GgufPair> about, RowEncoder* encoder, const Written& written) {
  std::vector<checkpoint::GgufPair> metadata = TRY(gguf_model_keys(source.config(), type, path.string()));
  for (checkpoint::GgufPair& pair : about) metadata.push_back(std::move(pair));
  std::vector<checkpoint::PlannedTensor> tensors;
  for (const GgufTensor& tensor : plan) tensors.push_back(tensor.planned);
  Filler filler(source, encoder);
  return checkpoint::write_gguf(path, metadata, tensors, [&](size_t index, const TakeBytes& take) -> Result<void> {
    TRY_VOID(filler.fill(plan[index], take));
    written(plan[index].planned);
    return {};
  });
}

}  // namespace paddock::exporting
