// SPDX-License-Identifier: Apache-2.0
#include "engine/pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace paddock::engine {
namespace {

// A machine on which an answer costs one millisecond, a token of a prompt `of_prompt`, and a step one besides.
struct Machine {
  double of_prompt;
  double seconds(int64_t answers, int64_t prompt) const {
    return 1e-3 * (1 + static_cast<double>(answers) + of_prompt * static_cast<double>(prompt));
  }
};

// The steps with answers while an endless prompt is read: their seconds, and how many tokens of it they took.
std::vector<double> steps_beside_a_prompt(Pace& pace, const Machine& machine, int64_t answers, int64_t* read) {
  std::vector<double> steps;
  for (int step = 0; step < 500; ++step) {
    const int64_t tokens = pace.prompt_tokens(answers);
    steps.push_back(machine.seconds(answers, tokens));
    pace.note(answers, tokens, steps.back());
    *read += tokens;
  }
  return steps;
}

TEST(Pace, AnswersAreAtMostHalfAsFastBesideAPrompt) {
  for (const double of_prompt : {0.01, 0.3, 5.0}) {
    Pace pace(0, 512);
    int64_t read = 0;
    std::vector<double> steps = steps_beside_a_prompt(pace, {of_prompt}, 4, &read);
    std::sort(steps.begin(), steps.end());
    EXPECT_LE(steps[steps.size() * 98 / 100], std::max(2 * 5e-3, 1e-3 * (5 + of_prompt))) << of_prompt;
    EXPECT_GE(static_cast<double>(read), std::min(500.0 * 400, 500 * 0.4 * 3.5 / of_prompt)) << of_prompt;
  }
}

TEST(Pace, KeepsToALatencyThatIsSet) {
  Pace pace(20e-3, 512);
  int64_t read = 0;
  std::vector<double> steps = steps_beside_a_prompt(pace, {0.3}, 4, &read);
  EXPECT_LE(*std::max_element(steps.begin() + 50, steps.end()), 26e-3);
  EXPECT_GE(read, 500 * 30);
  EXPECT_EQ(pace.prompt_tokens(0), 512) << "nobody waits for an answer";
}

}  // namespace
}  // namespace paddock::engine
