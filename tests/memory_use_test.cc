// SPDX-License-Identifier: Apache-2.0
// What the program takes beside what it planned.

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tests/support/golden.h"
#include "tests/support/program.h"

namespace paddock::test {
namespace {

struct Use {
  const char* model;
  int64_t prompt;
  const char* cache;
  const char* threads;
  const char* machine;
};
void PrintTo(const Use& use, std::ostream* out) {
  *out << use.model << ", " << use.prompt << " tokens, " << use.cache << ", " << use.threads << " threads, "
       << use.machine;
}

class MemoryUse : public testing::TestWithParam<Use> {};

// Peak over plan, all of it and without the program's own pages that only the run touches: code, mostly, a megabyte,
// which is nothing beside a real model and seven percent of a tiny one. Rows of an embedding that no token called for
// were planned for and never read.
struct Part {
  double all, without_code;
};
Part used_part(const Use& use) {
  const ScratchFolder scratch;
  Json ids = Json::array();
  for (int64_t token = 0; token < use.prompt; ++token) ids.push_back(token * 7 % 500);
  const std::string model = (data_folder() / "text" / use.model).string();
  const Json memory =
      run_json({"run", model, "--tokens", scratch.write("ids.json", ids.dump()), "--max-tokens", "2", "--ignore-eos",
                "--json", "--cache", use.cache, "--threads", use.threads, "--machine", use.machine})
          .at("memory");
  const auto bytes = [&](const char* key) { return memory.at(key).get<double>(); };
  EXPECT_EQ(bytes("planned"), bytes("weights") + bytes("cache") + bytes("scratch") + bytes("program"));
  const double used = bytes("peak") + std::max(0.0, bytes("weights") - bytes("weights_read"));
  return {used / bytes("planned"), (used - (1 << 20)) / bytes("planned")};
}

TEST_P(MemoryUse, IsWhatWasPlanned) {
#ifdef PADDOCK_SANITIZED
  GTEST_SKIP() << "a sanitizer keeps memory of its own";
#endif
  const Part part = used_part(GetParam());
  EXPECT_LE(part.without_code, 1.05);
  // A thread that the system did not let run has not touched its scratch.
  EXPECT_GE(part.all, GetParam().threads == std::string("1") ? 0.95 : 0.85);
}

INSTANTIATE_TEST_SUITE_P(
    Models, MemoryUse,
    testing::Values(Use{"tiny-scout", 600, "f32", "1", "auto"}, Use{"tiny-scout", 600, "f16", "1", "auto"},
                    Use{"tiny-scout", 600, "f32", "2", "auto"}, Use{"tiny-scout", 600, "f32", "1", "reference"},
                    Use{"tiny-maverick", 3000, "f32", "1", "auto"}, Use{"tiny-edge", 9000, "f16", "1", "auto"},
                    Use{"tiny-edge", 9000, "f32", "2", "auto"}, Use{"tiny-llama", 500, "f32", "1", "auto"}));

}  // namespace
}  // namespace paddock::test
