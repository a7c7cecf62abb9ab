// SPDX-License-Identifier: Apache-2.0
// Any bytes as a config.json, and as a processor's two files under the names of these: a configuration or a sentence,
// never more.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "llama4/config.h"
#include "llama4/vision/config.h"

namespace {

using paddock::Json;

const Json* under(const Json& json, const char* name) {
  const auto found = json.is_object() ? json.find(name) : json.end();
  return found == json.end() ? nullptr : &*found;
}

void read_text(const Json& json) {
  const auto result = paddock::llama4::config_from_json(json, "config.json");
  if (result)
    CHECK(paddock::llama4::check_config(result->config, "config.json"));
  else
    CHECK(!result.error().message.empty());
}

void read_vision(const Json& json) {
  const auto result = paddock::llama4::vision_config_from_json(json, under(json, "processor_config"),
                                                               under(json, "preprocessor_config"), "folder");
  if (!result)
    CHECK(!result.error().message.empty());
  else if (*result)
    CHECK(paddock::llama4::check_vision_config(**result, "config.json"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = paddock::parse_json({reinterpret_cast<const char*>(data), size}, "config.json");
  if (!json) return 0;
  read_text(*json);
  read_vision(*json);
  return 0;
}
