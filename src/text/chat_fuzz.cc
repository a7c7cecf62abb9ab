// SPDX-License-Identifier: Apache-2.0
// The input is a conversation as JSON.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock;
  static const text::ChatTemplate chat = text::ChatTemplate::create({}).value();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto conversation = parse_json(input, "conversation", {.repair_text = true, .exact_integers = true});
  if (!conversation) return 0;
  for (const bool normalised : {true, false}) {
    const auto rendered = normalised ? chat.render(*conversation) : chat.render_as_given(*conversation);
    if (!rendered) {
      CHECK(!rendered.error().message.empty() && is_valid_utf8(rendered.error().message));
      continue;
    }
    // Begin of text is the template's, whatever the conversation holds, unless a variable stands for it.
    CHECK(!rendered->empty() || conversation->contains("bos_token"));
    if (!conversation->contains("bos_token")) CHECK(rendered->front().from_template);
  }
  return 0;
}
