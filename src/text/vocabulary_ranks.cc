// SPDX-License-Identifier: Apache-2.0
#include "text/vocabulary_ranks.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "text/llama_specials.h"

namespace paddock::text {
namespace {

constexpr std::array<int8_t, 256> base64_values() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t value = 0; value < kAlphabet.size(); ++value)
    values[static_cast<unsigned char>(kAlphabet[value])] = static_cast<int8_t>(value);
  return values;
}

// Replaces `bytes`; false where `text` is not padded base64.
bool decode_base64(std::string_view text, std::string& bytes) {
  static constexpr std::array<int8_t, 256> kValues = base64_values();
  bytes.clear();
  if (text.empty() || text.size() % 4 != 0) return false;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  text.remove_suffix(padding);
  uint32_t bits = 0;
  int count = 0;
  for (const char character : text) {
    const int8_t value = kValues[static_cast<unsigned char>(character)];
    if (value < 0) return false;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xFF));
  }
  return true;
}

Result<void> add_line(std::string_view line, std::string_view source, size_t number, std::string& bytes,
                      TokenTable& tokens) {
  const size_t space = line.find(' ');
  TokenId rank = kNoToken;
  const char* line_end = line.data() + line.size();
  if (space == std::string_view::npos ||
      std::from_chars(line.data() + space + 1, line_end, rank) != std::from_chars_result{line_end, std::errc{}} ||
      !decode_base64(line.substr(0, space), bytes))
    return error(
        ErrorCode::kBadFile,
        "{}:{}: expected a token in base64, a space and its rank; this is not a tokenizer.model in Meta's form", source,
        number);
  if (auto added = tokens.add(rank, bytes, true); !added)
    return error(added.error().code, "{}:{}: {}", source, number, added.error().message);
  return {};
}

}  // namespace

Result<Vocabulary> vocabulary_from_ranks(std::string_view file, std::string_view source) {
  if (file.starts_with("\n\x0E\n") || file.starts_with("\n\r\n"))
    return error(ErrorCode::kUnsupported,
                 "{}: a SentencePiece model, as Llama 2 has; expected the byte-level tokenizer.model of Llama 3 or 4",
                 source);
  Vocabulary vocabulary;
  TokenTable& tokens = vocabulary.tokens;
  const auto lines = static_cast<size_t>(std::count(file.begin(), file.end(), '\n')) + 1;
  tokens.reserve(lines, file.size());
  std::string bytes;
  TokenId ranks = 0;
  for (size_t number = 1; !file.empty(); ++number) {
    const size_t end = std::min(file.find('\n'), file.size());
    std::string_view line = file.substr(0, end);
    file.remove_prefix(std::min(end + 1, file.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    TRY_VOID(add_line(line, source, number, bytes, tokens));
    ++ranks;
  }
  if (ranks != tokens.size())
    return error(ErrorCode::kBadFile, "{}: {} tokens with ranks up to {}; expected every rank from 0 to be there",
                 source, ranks, tokens.size() - 1);
  for (int byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    if (tokens.find({&text, 1}) == kNoToken)
      return error(ErrorCode::kBadFile, "{}: no token for the byte 0x{:02X}; expected one for each of the 256", source,
                   byte);
  }

  auto merges = merges_of_ranks(tokens);
  if (!merges) return error(merges.error().code, "{}: {}", source, merges.error().message);
  vocabulary.merges = std::move(*merges);
  vocabulary.whole_pieces_first = true;
  vocabulary.cut_long_runs = true;
  const bool is_llama3 = ranks == kLlama3Ranks;
  vocabulary.split = {{.kind = is_llama3 ? SplitKind::kLlama3 : SplitKind::kO200k}};
  for (std::string& name : is_llama3 ? llama3_special_names() : llama4_special_names()) {
    const TokenId id = tokens.size();
    TRY_VOID(tokens.add(id, name, false));
    if (name == "<|begin_of_text|>") vocabulary.bos = id;
    if (name == "<|finetune_right_pad|>" || name == "<|finetune_right_pad_id|>") vocabulary.pad = id;
    vocabulary.added.push_back({.id = id, .text = std::move(name)});
  }
  vocabulary.add_bos = true;
  add_known_stops(vocabulary);
  return vocabulary;
}

}  // namespace paddock::text
