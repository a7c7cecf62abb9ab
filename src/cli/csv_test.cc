// SPDX-License-Identifier: Apache-2.0
#include "cli/csv.h"

#include <gtest/gtest.h>

#include <vector>

namespace paddock::cli {
namespace {

TEST(Csv, Fields) {
  const std::vector<std::string> fields = {"a", "", "b,c", "say \"x\"", "two\nlines", "-5", "-0.25"};
  EXPECT_EQ(csv_line(fields), "a,,\"b,c\",\"say \"\"x\"\"\",\"two\nlines\",-5,-0.25\n");
}

TEST(Csv, NoFormulas) {
  const std::vector<std::string> fields = {"=1+2", "+x", "-x", "@x", "=a,b"};
  EXPECT_EQ(csv_line(fields), "'=1+2,'+x,'-x,'@x,\"'=a,b\"\n");
}

}  // namespace
}  // namespace paddock::cli
