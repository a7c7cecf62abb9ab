// SPDX-License-Identifier: Apache-2.0
#include "engine/pace.h"

#include <algorithm>

namespace paddock::engine {
namespace {

// Somewhat below twice, because steps are not all alike and the slowest are what people notice.
constexpr double kTimesAnswersAlone = 1.5, kOfLongestStep = 0.75;
constexpr int64_t kStepsUntilForgotten = 50;

}  // namespace

// A step of twice as many answers, or half, takes another time.
bool Pace::knows_answers_alone(int64_t answers) const {
  return of_answers_ > 0 && steps_since_ < kStepsUntilForgotten && answers < 2 * of_answers_ + 2 &&
         2 * answers + 2 > of_answers_;
}

int64_t Pace::prompt_tokens(int64_t answers) const {
  if (answers == 0) return most_;
  if (!knows_answers_alone(answers)) return 0;
  return std::clamp<int64_t>(static_cast<int64_t>(allowed_), 1, most_);
}

void Pace::note(int64_t answers, int64_t prompt_tokens, double seconds) {
  if (answers == 0) return;
  if (prompt_tokens == 0) {
    const bool same = knows_answers_alone(answers);
    answers_alone_ = same ? 0.8 * answers_alone_ + 0.2 * seconds : seconds;
    of_answers_ = answers;
    steps_since_ = 0;
    return;
  }
  ++steps_since_;
  const double wanted = std::max(kOfLongestStep * longest_step_, kTimesAnswersAlone * answers_alone_);
  if (seconds > wanted)
    allowed_ = std::max(1.0, allowed_ * std::max(0.7, wanted / seconds));
  else if (prompt_tokens >= static_cast<int64_t>(allowed_))
    allowed_ = std::min(static_cast<double>(most_), allowed_ * 1.3 + 2);
}

}  // namespace paddock::engine
