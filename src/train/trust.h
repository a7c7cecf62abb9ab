// SPDX-License-Identifier: Apache-2.0
#pragma once
// How much of each token's loss is the teacher's, and how much the text's own.

#include <span>
#include <vector>

namespace paddock::train {

// A student that is taught by a teacher alone ends with the teacher's mistakes; one that reads the text alone learns
// its noise too. So each token is weighed as if asked: does the teacher know this place?
//
// Before the token is seen, he does not with probability w, and the token then comes as often as tokens do when
// nothing is known of a place: with probability b. If he knows it, it comes with his probability p. Once the token is
// seen, he did not know the place with probability                                                    (Bayes' rule)
//
//   h = w b / (w b + (1 - w) p)
//
// and what is known of the token that comes next is (1 - h) teacher + h token. The cross entropy with this mixture is
// the loss, alpha = 1 - h. Where the teacher expected the token (p >> b), h is about w b / p: the soft distribution
// says more than one draw from it. Where he was contradicted (p << b), h goes to 1: his distribution would teach the
// student what the text refutes.
//
// w grows with the square of the progress u, from 0 at the start to `last` at the end. Early, the student is much
// further from the teacher than the teacher is from the text: soft targets have less noise and his bias does not
// matter yet. Late, the rest that divides the student from the teacher is of the size of the teacher's own faults.
struct TrustRule {
  float first = 0;           // w before the first step
  float last = 0.5f;         // w after the last
  float background = 1e-3f;  // b: exp of minus the entropy of single tokens, 7 nats for natural language
};

// w at `progress`, which is cut to 0 ... 1.
double doubt(const TrustRule& rule, double progress);

// alpha of each token of a batch, for train::TeacherSays: `following` are log-probabilities that the teacher gave to
// the tokens that come next. Between 0 and 1, never NaN.
std::vector<float> teacher_shares(const TrustRule& rule, double progress, std::span<const float> following);

}  // namespace paddock::train
