// SPDX-License-Identifier: Apache-2.0
// Any bytes as an index of shards.

#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::checkpoint;
  const auto index = parse_safetensors_index({reinterpret_cast<const char*>(data), size}, "fuzz.json");
  if (!index) return 0;
  CHECK(!index->shard_of.empty());
  for (const auto& [name, shard] : index->shard_of) CHECK(shard < index->shards.size());
  for (const std::string& shard : index->shards) CHECK(shard.find('/') == std::string::npos && shard != "..");
  return 0;
}
