// SPDX-License-Identifier: Apache-2.0
#pragma once
// For tests only: a malformed file and the sentence that refuses it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace paddock::checkpoint {

struct Refusal {
  std::string name;                   // of the case
  std::string bytes;                  // of the file
  std::vector<std::string> mentions;  // thing, expected, found, remedy: in this order in the sentence
  ErrorCode code = ErrorCode::kBadFile;
};

// The sentence begins with the file, mentions all in order, and is one line of bounded length.
template <typename T>
void expect_refused(const Result<T>& result, const std::string& file, const Refusal& refusal) {
  ASSERT_FALSE(result) << refusal.name;
  const std::string& sentence = result.error().message;
  EXPECT_EQ(sentence.rfind(file + ": ", 0), 0u) << refusal.name << ": " << sentence;
  EXPECT_EQ(result.error().code, refusal.code) << refusal.name << ": " << sentence;
  size_t position = file.size();
  for (const std::string& mention : refusal.mentions) {
    const size_t found = sentence.find(mention, position);
    ASSERT_NE(found, std::string::npos) << refusal.name << ": no \"" << mention
                                        << "\" (in this order) in: " << sentence;
    position = found + mention.size();
  }
  EXPECT_EQ(sentence.find('\n'), std::string::npos) << refusal.name;
  EXPECT_LT(sentence.size(), 700 + file.size()) << refusal.name;
}

}  // namespace paddock::checkpoint
