// SPDX-License-Identifier: Apache-2.0
#include "distil/teacher/answers.h"

namespace paddock::distil {
namespace {

// A mixture of both (the finaliser of SplitMix64), so that neighbouring numbers have streams that share nothing.
uint64_t seed_of(uint64_t seed, int64_t number) {
  uint64_t mixed = seed + 0x9e3779b97f4a7c15u * (static_cast<uint64_t>(number) + 1);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

}  // namespace

Result<std::vector<Text>> write_answers(engine::Engine* engine, std::span<const Prompt> prompts,
                                        const engine::SamplingParameters& sampling, int64_t max_tokens,
                                        std::span<const int32_t> stop_tokens) {
  std::vector<Text> texts(prompts.size());
  bool has_failed = false;
  for (size_t index = 0; index < prompts.size(); ++index) {
    Text& text = texts[index];
    text.tokens = prompts[index].tokens;
    engine::Request request;
    request.prompt = prompts[index].tokens;
    request.sampling = sampling;
    request.sampling.seed = seed_of(sampling.seed, prompts[index].number);
    request.max_tokens = max_tokens;
    request.stop_tokens.assign(stop_tokens.begin(), stop_tokens.end());
    request.listener = [&text, &has_failed](const engine::Event& event) {
      if (event.token) text.tokens.push_back(*event.token);
      has_failed |= event.finished == engine::FinishReason::kError;
    };
    TRY(engine->submit(std::move(request)));
  }
  while (engine->step()) {
  }
  if (has_failed)
    return error(ErrorCode::kUnsupported,
                 "the teacher's logits are not all numbers; its weights are damaged, or its cache format is too narrow "
                 "for it (--cache f32)");
  for (size_t index = 0; index < texts.size(); ++index) {
    texts[index].taught.assign(texts[index].tokens.size(), true);
    std::fill_n(texts[index].taught.begin(), prompts[index].tokens.size(), false);
  }
  return texts;
}

}  // namespace paddock::distil
