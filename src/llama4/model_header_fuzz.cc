// SPDX-License-Identifier: Apache-2.0
// Any bytes as a GGUF file, of a model or of a vision tower, as far as a program goes before it reads weights:
// container, plan, names and shapes.
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "llama4/config.h"
#include "llama4/vision/weights.h"
#include "llama4/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string path = "/dev/shm/paddock_fuzz_" + std::to_string(::getpid()) + ".gguf";
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  const auto checkpoint = paddock::checkpoint::Checkpoint::open(path);
  if (checkpoint) {
    const auto config = paddock::llama4::read_config(*checkpoint);
    if (config) (void)paddock::llama4::load_weights(*checkpoint, config->config, nullptr);
    const auto vision = paddock::llama4::read_vision_config(*checkpoint);
    if (vision && *vision) (void)paddock::llama4::load_vision_weights(*checkpoint, **vision, nullptr);
  }
  ::unlink(path.c_str());
  return 0;
}
