// SPDX-License-Identifier: Apache-2.0
// Any bytes as a config.json: a configuration or a sentence, never more.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "llama4/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = paddock::parse_json({reinterpret_cast<const char*>(data), size}, "config.json");
  if (!json) return 0;
  const auto result = paddock::llama4::config_from_json(*json, "config.json");
  if (!result) {
    CHECK(!result.error().message.empty());
    return 0;
  }
  CHECK(paddock::llama4::check_config(result->config, "config.json"));
  return 0;
}
