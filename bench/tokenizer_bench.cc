// SPDX-License-Identifier: Apache-2.0
// Encodes a text once for each line on standard input, and says how long it took; tokenizer_vs_tiktoken.py drives it so
// that both encoders run alternately in one process tree, on one machine, in one minute.

#include <cstdio>
#include <iostream>
#include <string>

#include "base/clock.h"
#include "base/mapped_file.h"
#include "text/load_tokenizer.h"

int main(int argc, char** argv) {
  using paddock::text::Specials;
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s TOKENIZER TEXT_FILE\n", argv[0]);
    return 2;
  }
  const paddock::Stopwatch load_time;
  const auto tokenizer = paddock::text::load_tokenizer(argv[1]);
  const double load_seconds = load_time.seconds();
  const auto text = paddock::read_text_file(argv[2]);
  if (!tokenizer || !text) {
    std::fprintf(stderr, "%s\n", (tokenizer ? text.error() : tokenizer.error()).message.c_str());
    return 1;
  }
  std::printf("{\"load_seconds\": %.6f}\n", load_seconds);
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    const paddock::Stopwatch encode_time;
    const auto ids = tokenizer->encode(*text, Specials::kNone);
    const double seconds = encode_time.seconds();
    std::printf("{\"seconds\": %.9f, \"ids\": [", seconds);
    if (line == "ids")
      for (size_t index = 0; index < ids.size(); ++index) std::printf("%s%d", index > 0 ? "," : "", ids[index]);
    std::printf("], \"count\": %zu}\n", ids.size());
    std::fflush(stdout);
  }
}
