// SPDX-License-Identifier: Apache-2.0
// rewrite_adapter MODEL ADAPTER OUT: an adapter's folder read and written again, for tests/exported/peft_check.py.

#include <fmt/core.h>

#include "checkpoint/checkpoint.h"
#include "llama4/config.h"
#include "train/adapter_writer.h"

namespace {

paddock::Result<void> rewrite(const char* model, const char* adapter, const char* out) {
  using namespace paddock;
  const auto opened = TRY(checkpoint::Checkpoint::open(model));
  const auto list = train::ParameterList::of(TRY(llama4::read_config(opened)).config);
  std::vector<float> values;
  const auto read = TRY(train::Adapter::read(adapter, list, &values));
  return train::write_adapter(read, list, values, model, out);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const auto done = rewrite(argv[1], argv[2], argv[3]);
  if (!done) fmt::print(stderr, "{}\n", done.error().message);
  return done ? 0 : 1;
}
