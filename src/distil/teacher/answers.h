// SPDX-License-Identifier: Apache-2.0
#pragma once
// Prompts to texts whose answers the teacher wrote.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "distil/teacher/teacher.h"
#include "engine/engine.h"
#include "engine/request.h"

namespace paddock::distil {

// A prompt, and the number of the text that it becomes: its answer is drawn with that number and the seed, whatever
// else is asked beside it.
struct Prompt {
  std::vector<int32_t> tokens;
  int64_t number = 0;
};

// Each answer ends with a stop token or is as long as it may be, or as the context holds; all of it is taught, the stop
// token too. `sampling`: its seed is that of all.
Result<std::vector<Text>> write_answers(engine::Engine* engine, std::span<const Prompt> prompts,
                                        const engine::SamplingParameters& sampling, int64_t max_tokens,
                                        std::span<const int32_t> stop_tokens);

}  // namespace paddock::distil
