// SPDX-License-Identifier: Apache-2.0
// Any bytes as a file of a batch.
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "base/check.h"
#include "train/batch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::train;
  static const std::string path = "/dev/shm/paddock_fuzz_" + std::to_string(::getpid()) + ".safetensors";
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  if (const auto batch = read_batch(path, 100)) {
    const auto all = first_visible(*batch, 0), chunk = first_visible(*batch, 4);
    for (int64_t index = 0; index < batch->count(); ++index) {
      const auto at = static_cast<size_t>(index);
      CHECK(all[at] >= index / batch->length * batch->length && all[at] <= chunk[at] && chunk[at] <= index);
    }
  } else {
    CHECK(!batch.error().message.empty());
  }
  ::unlink(path.c_str());
  return 0;
}
