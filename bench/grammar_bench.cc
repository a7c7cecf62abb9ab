// SPDX-License-Identifier: Apache-2.0
// Compiles schemas and finds the mask before each token of documents; grammar_vs_peers.py drives it.
//
// CASES is a JSON array of {"name", "schema", "documents": [text]}. Prints a JSON line for each: nanoseconds of every
// mask and every accepted token, on the first pass (nothing cached) and on later ones, and the ids for the peer.

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "grammar/matcher.h"
#include "text/load_tokenizer.h"

namespace {

using namespace paddock;
using grammar::Grammar;
using grammar::MaskVocabulary;
using grammar::Matcher;

std::shared_ptr<const MaskVocabulary> vocabulary_of(const text::Tokenizer& tokenizer) {
  std::vector<std::string_view> bytes;
  for (text::TokenId id = 0; id < tokenizer.vocab_size(); ++id)
    bytes.push_back(tokenizer.is_special(id) ? std::string_view() : tokenizer.token_bytes(id));
  return std::make_shared<const MaskVocabulary>(bytes, tokenizer.stop());
}

// Of this thread's processor time: on a shared machine the wall clock measures the neighbours.
int64_t nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

int fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kCompilations = 5;
  constexpr int kPasses = 3;
  if (argc != 3) return fail("usage: grammar_bench TOKENIZER CASES");
  const auto tokenizer = text::load_tokenizer(argv[1]);
  if (!tokenizer) return fail(tokenizer.error().message);
  const auto file = read_text_file(argv[2]);
  if (!file) return fail(file.error().message);
  const auto cases = parse_json(*file, argv[2]);
  if (!cases) return fail(cases.error().message);
  for (const Json& one : *cases) {
    const int64_t build_start = nanoseconds();
    const auto vocabulary = vocabulary_of(*tokenizer);
    Json line = {{"name", one["name"]}, {"vocabulary", nanoseconds() - build_start}};
    Grammar::Pointer compiled;
    for (int i = 0; i < kCompilations; ++i) {
      const int64_t start = nanoseconds();
      auto result = Grammar::from_json_schema(one["schema"]);
      line["compile"].push_back(nanoseconds() - start);
      if (!result) return fail(result.error().message);
      compiled = std::move(*result);
    }
    std::vector<uint32_t> mask(vocabulary->mask_words());
    std::vector<int64_t> first_masks, masks, accepts;
    for (int pass = 0; pass < kPasses; ++pass) {
      std::vector<int64_t>& times = pass == 0 ? first_masks : masks;
      for (const Json& document : one["documents"]) {
        auto ids = tokenizer->encode(document.get_ref<const std::string&>(), text::Specials::kNone);
        if (pass == 0) line["ids"].push_back(ids);
        Matcher matcher(compiled, vocabulary);
        ids.push_back(tokenizer->stop().front());
        for (const text::TokenId id : ids) {
          const int64_t start = nanoseconds();
          matcher.fill_mask(mask);
          const int64_t filled = nanoseconds();
          const bool is_allowed = matcher.accept(id);
          accepts.push_back(nanoseconds() - filled);
          times.push_back(filled - start);
          if (!is_allowed || (mask[static_cast<size_t>(id) / 32] >> (id % 32) & 1) == 0)
            return fail("a token of a valid document is not allowed: " + one["name"].get<std::string>() + " " +
                        document.dump());
        }
      }
    }
    line["first_masks"] = first_masks;
    line["masks"] = masks;
    line["accepts"] = accepts;
    std::printf("%s\n", line.dump().c_str());
  }
}
