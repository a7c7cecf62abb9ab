// SPDX-License-Identifier: Apache-2.0
// The input is an adapter's two files, adapter_config.json up to the first zero byte and adapter_model.safetensors
// after it, read for a model of two small layers.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

#include "base/check.h"
#include "base/utf8.h"
#include "llama4/adapter/adapter_file.h"
#include "llama4/adapter/test_adapter.h"

namespace {

void write(const std::filesystem::path& path, const char* bytes, size_t size) {
  std::ofstream(path, std::ios::binary).write(bytes, static_cast<std::streamsize>(size));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock;
  static const std::filesystem::path folder = "/dev/shm/paddock_fuzz_" + std::to_string(::getpid());
  static const llama4::ParameterList parameters = llama4::ParameterList::of(llama4::small_model());
  std::filesystem::create_directories(folder);
  const auto* bytes = reinterpret_cast<const char*>(data);
  const auto split = static_cast<size_t>(std::find(data, data + size, uint8_t{0}) - data);
  write(folder / "adapter_config.json", bytes, split);
  write(folder / "adapter_model.safetensors", bytes + std::min(size, split + 1), size - std::min(size, split + 1));
  std::vector<float> values;
  const auto adapter = llama4::AdapterFile::read(folder, parameters, &values);
  if (adapter) {
    CHECK(static_cast<int64_t>(values.size()) == adapter->floats() && !adapter->tensors().empty());
    CHECK(!adapter->updates().empty() && adapter->rank() > 0);
    for (const llama4::AdapterTensor& tensor : adapter->tensors())
      CHECK(tensor.offset >= 0 && tensor.count > 0 && tensor.offset + tensor.count <= adapter->floats());
  } else {
    CHECK(!adapter.error().message.empty());
  }
  std::filesystem::remove_all(folder);
  return 0;
}
