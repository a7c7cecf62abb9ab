// SPDX-License-Identifier: Apache-2.0
#pragma once
// How many tokens of prompts a step may take beside answers, so that those who read an answer do not notice the prompts
// of others. Changes when tokens come, never which.

#include <cstdint>

namespace paddock::engine {

class Pace {
 public:
  // A step with answers takes at most about twice what it takes without prompts, or `longest_step` seconds where that
  // is longer: what nobody notices need not cost prompts their speed.
  Pace(double longest_step, int64_t tokens_per_step) : longest_step_(longest_step), most_(tokens_per_step) {}

  // For a step with this many answers. 0 now and then, to learn what a step takes without prompts.
  int64_t prompt_tokens(int64_t answers) const;

  // What a step took.
  void note(int64_t answers, int64_t prompt_tokens, double seconds);

 private:
  bool knows_answers_alone(int64_t answers) const;

  double longest_step_;
  int64_t most_;
  double allowed_ = 16;       // tokens of prompts beside answers
  double answers_alone_ = 0;  // seconds of a step without prompts
  int64_t of_answers_ = 0;    // that it had; 0: none was seen
  int64_t steps_since_ = 0;
};

}  // namespace paddock::engine
