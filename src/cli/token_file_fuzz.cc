// SPDX-License-Identifier: Apache-2.0
// Any bytes as a token file: ids or a sentence, and every id is one.

#include <cstdint>

#include "base/check.h"
#include "cli/token_file.h"

namespace {

void check_ids(const std::vector<int32_t>& ids) {
  for (const int32_t id : ids) CHECK(id >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto ids = paddock::cli::parse_token_ids(text, "input")) check_ids(*ids);
  if (const auto ids = paddock::cli::parse_listed_ids(text, "input")) check_ids(*ids);
  if (const auto batch = paddock::cli::parse_token_id_batch(text, "input"))
    for (const auto& ids : *batch) check_ids(ids);
  return 0;
}
