// SPDX-License-Identifier: Apache-2.0
// Any line is an example or an error, in each of the three kinds; what a chat example marks are its own messages.

#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "train/data/dataset_line.h"

namespace {

void check_example(const paddock::train::ChatExample& example) {
  CHECK(example.is_trained.size() == example.conversation.at("messages").size());
  for (size_t index = 0; index < example.is_trained.size(); ++index)
    CHECK(!example.is_trained[index] || example.conversation.at("messages").at(index).at("role") == "assistant");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::train;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  if (const auto text = read_text_line(line)) CHECK(!text->text.empty());
  if (const auto chat = read_chat_line(line)) check_example(*chat);
  if (const auto pair = read_preference_line(line)) {
    check_example(pair->chosen);
    check_example(pair->rejected);
  }
  return 0;
}
