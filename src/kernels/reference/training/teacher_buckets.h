// SPDX-License-Identifier: Apache-2.0
#pragma once
// The K + 1 buckets of a distilled loss (kernels/contracts/training/token_loss.h), of one row.

#include <cmath>
#include <limits>
#include <span>
#include <vector>

namespace paddock::kernels {

// log of the sum of exp over a set of numbers.
class LogSum {
 public:
  static constexpr double kNothing = -std::numeric_limits<double>::infinity();

  void add(double value) {
    if (value <= largest_) {
      sum_ += std::exp(value - largest_);
    } else {
      sum_ = sum_ * std::exp(largest_ - value) + 1;
      largest_ = value;
    }
  }
  double value() const { return sum_ > 0 ? largest_ + std::log(sum_) : kNothing; }

 private:
  double largest_ = kNothing, sum_ = 0;
};

class TeacherBuckets {
 public:
  // `student`: K + 1 logs at temperature 1, the tail last; the teacher's likewise.
  TeacherBuckets(std::vector<double> student, std::span<const float> logprobs, float tail, double temperature)
      : student_(std::move(student)), temperature_(temperature) {
    for (const float logprob : logprobs) teacher_.push_back(logprob / temperature);
    teacher_.push_back(tail / temperature);
    heated_ = student_;
    for (double& each : heated_) each /= temperature;
    normalise(&teacher_);
    normalise(&heated_);
  }

  double student(size_t bucket) const { return student_[bucket]; }

  // T^2 sum_j p_j (ln p_j - ln q_j)
  double divergence() const {
    double sum = 0;
    for (size_t bucket = 0; bucket < teacher_.size(); ++bucket)
      if (teacher_[bucket] > LogSum::kNothing) sum += std::exp(teacher_[bucket]) * (teacher_[bucket] - heated_[bucket]);
    return temperature_ * temperature_ * sum;
  }

  // d divergence / d student(bucket), which goes to the logits of the bucket's tokens by their shares of it.
  double gradient(size_t bucket) const {
    return temperature_ * (std::exp(heated_[bucket]) - std::exp(teacher_[bucket]));
  }

 private:
  static void normalise(std::vector<double>* logs) {
    LogSum sum;
    for (const double each : *logs) sum.add(each);
    for (double& each : *logs) each -= sum.value();
  }

  std::vector<double> student_, teacher_, heated_;  // the latter two at temperature T
  double temperature_;
};

}  // namespace paddock::kernels
