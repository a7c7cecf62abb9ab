// SPDX-License-Identifier: Apache-2.0
#include "cli/capture.h"

#include <algorithm>
#include <charconv>

#include "checkpoint/safetensors_writer.h"

namespace paddock::cli {
namespace {

using checkpoint::TensorToWrite;

bool parse_row(std::string_view text, int64_t* row) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), *row);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

template <typename Value>
TensorToWrite tensor_of(std::string_view name, tensor::DType dtype, tensor::Shape shape,
                        std::span<const Value> values) {
  return {name, {dtype, std::move(shape), std::as_bytes(values)}};
}

size_t moe_layers(const llama4::Config& config) {
  return static_cast<size_t>(std::count_if(config.layers.begin(), config.layers.end(),
                                           [](const llama4::LayerPlan& layer) { return layer.moe; }));
}

// The tensors that every file has: the text, and which part of it the others are about.
Result<void> write_with_text(const std::filesystem::path& path, const RowRange& rows, std::span<const int32_t> tokens,
                             std::vector<TensorToWrite> tensors) {
  const int64_t range[] = {rows.begin, rows.end};
  tensors.push_back(tensor_of("tokens", tensor::DType::kI32, {static_cast<int64_t>(tokens.size())}, tokens));
  if (!rows.is_whole) tensors.push_back(tensor_of("rows", tensor::DType::kI64, {2}, std::span<const int64_t>(range)));
  return checkpoint::write_safetensors(path, tensors);
}

}  // namespace

Result<RowRange> parse_rows(std::string_view text, int64_t count) {
  RowRange rows{0, count, text.empty()};
  if (rows.is_whole) return rows;
  const size_t colon = text.find(':');
  const std::string_view begin = text.substr(0, colon);
  const std::string_view end = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  const bool is_range = colon != std::string_view::npos && (begin.empty() || parse_row(begin, &rows.begin)) &&
                        (end.empty() || parse_row(end, &rows.end));
  if (!is_range || rows.begin < 0 || rows.begin >= rows.end || rows.end > count)
    return error(ErrorCode::kInvalidArgument,
                 "--rows: expected a:b with 0 <= a < b <= {}, the length of the text, found \"{}\"", count, text);
  return rows;
}

size_t capture_bytes(const llama4::Config& config, const CaptureWishes& wishes) {
  const auto rows = static_cast<size_t>(wishes.rows.count());
  size_t bytes_a_row = 0;
  if (wishes.logits) bytes_a_row += static_cast<size_t>(config.vocabulary) * sizeof(float);
  if (wishes.hidden) {
    bytes_a_row += (config.layers.size() + 1) * static_cast<size_t>(config.width) * sizeof(float);
    bytes_a_row += moe_layers(config) * static_cast<size_t>(config.experts_per_token) * sizeof(int32_t);
  }
  return rows * bytes_a_row;
}

Capture::Capture(const llama4::Config& config, const CaptureWishes& wishes)
    : wishes_(wishes),
      vocabulary_(config.vocabulary),
      width_(config.width),
      streams_(static_cast<int64_t>(config.layers.size()) + 1),
      chosen_(config.experts_per_token) {
  const int64_t rows = wishes.rows.count();
  if (wishes.logits) logits_RV_.resize(static_cast<size_t>(rows * vocabulary_));
  if (!wishes.hidden) return;
  hidden_LRD_.resize(static_cast<size_t>(streams_ * rows * width_));
  for (size_t layer = 0; layer < config.layers.size(); ++layer)
    if (config.layers[layer].moe) experts_RK_[static_cast<int>(layer)].resize(static_cast<size_t>(rows * chosen_));
}

engine::ScoreSinks Capture::sinks() {
  engine::ScoreSinks sinks;
  if (wishes_.logits)
    sinks.logits = [this](int64_t row, std::span<const float> logits) {
      if (wants(row))
        std::copy(logits.begin(), logits.end(),
                  &logits_RV_[static_cast<size_t>((row - wishes_.rows.begin) * vocabulary_)]);
    };
  if (!wishes_.hidden) return sinks;
  sinks.hidden = [this](int layer, int64_t row, std::span<const float> hidden) {
    const int64_t place = (layer + 1) * wishes_.rows.count() + row - wishes_.rows.begin;
    if (wants(row)) std::copy(hidden.begin(), hidden.end(), &hidden_LRD_[static_cast<size_t>(place * width_)]);
  };
  sinks.experts = [this](int layer, int64_t row, std::span<const int32_t> experts) {
    if (wants(row))
      std::copy(experts.begin(), experts.end(),
                &experts_RK_.at(layer)[static_cast<size_t>((row - wishes_.rows.begin) * chosen_)]);
  };
  return sinks;
}

Result<void> Capture::write_logits(const std::filesystem::path& path, std::span<const int32_t> tokens) const {
  return write_with_text(path, wishes_.rows, tokens,
                         {tensor_of("logits", tensor::DType::kF32, {wishes_.rows.count(), vocabulary_},
                                    std::span<const float>(logits_RV_))});
}

Result<void> Capture::write_hidden(const std::filesystem::path& path, std::span<const int32_t> tokens) const {
  std::vector<std::string> names;
  for (const auto& [layer, experts] : experts_RK_) names.push_back(fmt::format("experts.{}", layer));
  std::vector<TensorToWrite> tensors = {tensor_of(
      "hidden", tensor::DType::kF32, {streams_, wishes_.rows.count(), width_}, std::span<const float>(hidden_LRD_))};
  auto name = names.begin();
  for (const auto& [layer, experts] : experts_RK_)
    tensors.push_back(
        tensor_of(*name++, tensor::DType::kI32, {wishes_.rows.count(), chosen_}, std::span<const int32_t>(experts)));
  return write_with_text(path, wishes_.rows, tokens, std::move(tensors));
}

}  // namespace paddock::cli
