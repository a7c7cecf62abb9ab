// SPDX-License-Identifier: Apache-2.0
// However bytes are cut into portions, the stream gives out whole characters only, and in the end what repairing them
// at once gives. The first byte sets the size of the portions.

#include <string>

#include "base/check.h"
#include "base/utf8.h"
#include "text/stream_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t portion = data[0] % 7 + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  paddock::text::Utf8Stream stream;
  std::string text;
  for (size_t begin = 0; begin < bytes.size(); begin += portion) {
    const std::string complete = stream.push(bytes.substr(begin, portion));
    CHECK(paddock::is_valid_utf8(complete));
    text += complete;
  }
  text += stream.flush();
  CHECK(text == paddock::replace_invalid_utf8(bytes));
  return 0;
}
