// SPDX-License-Identifier: Apache-2.0
// s = q k^T scale;  out = softmax(s) v;  ds = p (dout v^T - rowsum(dout out))
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/training/trainer.h"

namespace paddock::kernels {
namespace {

double dot(const float* a, const float* b, int64_t width) {
  double sum = 0;
  for (int64_t index = 0; index < width; ++index) sum += static_cast<double>(a[index]) * b[index];
  return sum;
}

// Sums in double that become one row of numbers.
class Sums {
 public:
  explicit Sums(int64_t width) : sums_(static_cast<size_t>(width)) {}
  void add(double factor, const float* row) {
    for (size_t index = 0; index < sums_.size(); ++index) sums_[index] += factor * row[index];
  }
  void write(float* row) const {
    std::transform(sums_.begin(), sums_.end(), row, [](double sum) { return static_cast<float>(sum); });
  }

 private:
  std::vector<double> sums_;
};

// The heads of one token.
class Heads {
 public:
  explicit Heads(const AttendDocuments& op)
      : op_(op), kv_heads_(op.k.width / op.head_width), shared_(op.heads / kv_heads_) {
    CHECK(op.q.width == op.heads * op.head_width && kv_heads_ * op.head_width == op.k.width);
    CHECK(shared_ * kv_heads_ == op.heads);
    CHECK(static_cast<int64_t>(op.first.size()) == op.q.rows);
  }
  int64_t kv_heads() const { return kv_heads_; }
  int64_t shared() const { return shared_; }
  float* of_query(const Rows& rows, int64_t token, int64_t head) const {
    return HostMemory::row(rows, token) + head * op_.head_width;
  }
  float* of_key(const Rows& rows, int64_t token, int64_t head) const {
    return HostMemory::row(rows, token) + head / shared_ * op_.head_width;
  }
  float& lse(int64_t token, int64_t head) const { return HostMemory::floats(op_.lse)[token * op_.heads + head]; }
  int64_t first(int64_t token) const { return op_.first[static_cast<size_t>(token)]; }
  double score(int64_t token, int64_t head, int64_t other) const {
    return dot(of_query(op_.q, token, head), of_key(op_.k, other, head), op_.head_width) * op_.scale;
  }
  double probability(int64_t token, int64_t head, int64_t other) const {
    return std::exp(score(token, head, other) - lse(token, head));
  }

 private:
  const AttendDocuments& op_;
  int64_t kv_heads_, shared_;
};

}  // namespace

void ReferenceTrainer::attend(const AttendDocuments& op) {
  const Heads heads(op);
  pool_.parallel_for(op.q.rows * op.heads, 1, [&](int64_t begin, int64_t end, int) {
    std::vector<double> scores;
    for (int64_t item = begin; item < end; ++item) {
      const int64_t token = item / op.heads, head = item % op.heads;
      scores.clear();
      for (int64_t other = heads.first(token); other <= token; ++other)
        scores.push_back(heads.score(token, head, other));
      const double largest = *std::ranges::max_element(scores);
      double sum = 0;
      for (const double score : scores) sum += std::exp(score - largest);
      Sums out(op.head_width);
      for (size_t index = 0; index < scores.size(); ++index)
        out.add(std::exp(scores[index] - largest) / sum,
                heads.of_key(op.v, heads.first(token) + static_cast<int64_t>(index), head));
      out.write(heads.of_query(op.out, token, head));
      heads.lse(token, head) = static_cast<float>(largest + std::log(sum));
    }
  });
}

void ReferenceTrainer::attend_backward(const AttendDocumentsBackward& op) {
  const AttendDocuments& forward = op.forward;
  const Heads heads(forward);
  const int64_t tokens = forward.q.rows, width = forward.head_width;
  const auto dscore = [&](int64_t token, int64_t head, int64_t other) {
    const float* dout = heads.of_query(op.dout, token, head);
    return heads.probability(token, head, other) *
           (dot(dout, heads.of_key(forward.v, other, head), width) -
            dot(dout, heads.of_query(forward.out, token, head), width)) *
           forward.scale;
  };
  pool_.parallel_for(tokens * forward.heads, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t token = item / forward.heads, head = item % forward.heads;
      Sums dq(width);
      for (int64_t other = heads.first(token); other <= token; ++other)
        dq.add(dscore(token, head, other), heads.of_key(forward.k, other, head));
      dq.write(heads.of_query(op.dq, token, head));
    }
  });
  pool_.parallel_for(tokens * heads.kv_heads(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t other = item / heads.kv_heads(), kv_head = item % heads.kv_heads();
      Sums dk(width), dv(width);
      for (int64_t token = other; token < tokens; ++token) {
        if (heads.first(token) > other) continue;
        for (int64_t head = kv_head * heads.shared(); head < (kv_head + 1) * heads.shared(); ++head) {
          dk.add(dscore(token, head, other), heads.of_query(forward.q, token, head));
          dv.add(heads.probability(token, head, other), heads.of_query(op.dout, token, head));
        }
      }
      dk.write(HostMemory::row(op.dk, other) + kv_head * width);
      dv.write(HostMemory::row(op.dv, other) + kv_head * width);
    }
  });
}

}  // namespace paddock::kernels
