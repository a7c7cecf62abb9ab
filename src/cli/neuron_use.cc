// SPDX-License-Identifier: Apache-2.0
#include "cli/neuron_use.h"

#include <algorithm>
#include <cmath>

#include "base/mapped_file.h"
#include "cli/console.h"
#include "cli/open_model.h"
#include "cli/prompt.h"
#include "engine/perplexity.h"
#include "engine/score.h"

namespace paddock::cli {

Result<std::vector<std::vector<float>>> measure_neuron_use(const std::string& model, const std::string& text_file) {
  ModelOptions options;
  options.model = model;
  const auto machine = TRY(choose_machine(options));
  OpenModel open = TRY(open_model(model));
  const text::Tokenizer& tokenizer = *TRY(require_tokenizer(open.text, open.path));
  std::vector<int32_t> tokens = TRY(encode_prompt(open.text, open.path, TRY(read_text_file(text_file)), {}));
  tokens.resize(std::min(tokens.size(), static_cast<size_t>(kMostTokens)));
  const int64_t piece = std::min({kPiece, open.config.context, static_cast<int64_t>(tokens.size())});
  const auto pieces = piece < 4
                          ? std::vector<std::vector<int32_t>>()
                          : engine::cut_chunks(tokens, piece, tokenizer.add_bos() ? tokenizer.bos() : std::nullopt);
  if (pieces.empty())
    return error(ErrorCode::kInvalidArgument, "{}: expected some text to measure neurons on, found {} tokens",
                 text_file, tokens.size());
  const llama4::MemoryPlan plan = TRY(plan_scoring(open, options, piece, *machine));
  const llama4::Model loaded = TRY(load_planned(&open, options, plan, machine.get()));

  std::vector<std::vector<double>> squares(open.config.layers.size());
  engine::ScoreSinks sinks;
  sinks.gated = [&](int layer, int64_t, std::span<const float> gated) {
    std::vector<double>& sums = squares[static_cast<size_t>(layer)];
    sums.resize(gated.size());
    for (size_t neuron = 0; neuron < gated.size(); ++neuron)
      sums[neuron] += static_cast<double>(gated[neuron]) * gated[neuron];
  };
  Progress progress("measuring neurons");
  double seen = 0;
  for (const std::vector<int32_t>& part : pieces) {
    TRY(engine::score(loaded, plan, part, sinks));
    seen += static_cast<double>(part.size());
    progress.show(fmt::format("{:.0f} tokens", seen));
  }
  std::vector<std::vector<float>> use;
  for (const std::vector<double>& sums : squares) {
    std::vector<float>& of_layer = use.emplace_back();
    for (const double sum : sums) of_layer.push_back(static_cast<float>(std::sqrt(sum / seen)));
  }
  return use;
}

}  // namespace paddock::cli
