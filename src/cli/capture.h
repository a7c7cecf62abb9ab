// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a scoring run computes on the way, kept for a file.

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/score.h"
#include "llama4/config.h"

namespace paddock::cli {

// Positions [begin, end) of the text.
struct RowRange {
  int64_t begin = 0;
  int64_t end = 0;
  bool is_whole = true;  // nothing was asked for

  int64_t count() const { return end - begin; }
};

// "a:b", "a:", ":b" or empty, of a text of `count` tokens. Refuses empty ranges and ranges beyond the text.
Result<RowRange> parse_rows(std::string_view text, int64_t count);

struct CaptureWishes {
  bool logits = false;
  bool hidden = false;
  RowRange rows;
};

// Bytes that a Capture holds.
size_t capture_bytes(const llama4::Config& config, const CaptureWishes& wishes);

class Capture {
 public:
  Capture(const llama4::Config& config, const CaptureWishes& wishes);

  // Refer to the capture.
  engine::ScoreSinks sinks();

  // Safetensors with `logits` F32 [rows, V]; `tokens` I32 [T] of the whole text; of a range `rows` I64 [2].
  Result<void> write_logits(const std::filesystem::path& path, std::span<const int32_t> tokens) const;
  // The same with `hidden` F32 [L + 1, rows, D] and for each MoE layer N `experts.N` I32 [rows, K].
  Result<void> write_hidden(const std::filesystem::path& path, std::span<const int32_t> tokens) const;

 private:
  bool wants(int64_t row) const { return row >= wishes_.rows.begin && row < wishes_.rows.end; }

  CaptureWishes wishes_;
  int64_t vocabulary_;
  int64_t width_;
  int64_t streams_;  // L + 1
  int64_t chosen_;   // K
  std::vector<float> logits_RV_;
  std::vector<float> hidden_LRD_;
  std::map<int, std::vector<int32_t>> experts_RK_;  // by layer
};

}  // namespace paddock::cli
