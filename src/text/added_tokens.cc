// SPDX-License-Identifier: Apache-2.0
#include "text/added_tokens.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/unicode_classes.h"

namespace paddock::text {
namespace {

constexpr ClassMask kSpace = kBlank | kNewline;

// Where the whitespace that ends at `end` begins, not before `begin`.
size_t space_begin(std::string_view text, size_t begin, size_t end) {
  const ClassifiedText classified(text);
  while (end > begin) {
    size_t start = end - 1;
    while (start > begin && (text[start] & 0xC0) == 0x80) --start;
    if (!classified.at(start).is(kSpace)) break;
    end = start;
  }
  return end;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  // Text is searched once it is valid UTF-8; a part of a character must not be found inside of one.
  std::erase_if(tokens_, [](const AddedToken& token) { return token.text.empty() || !is_valid_utf8(token.text); });
  std::sort(tokens_.begin(), tokens_.end(),
            [](const AddedToken& one, const AddedToken& other) { return one.text < other.text; });
  for (const AddedToken& token : tokens_) {
    first_bytes_.set(static_cast<unsigned char>(token.text[0]));
    (token.special ? has_special_ : has_words_) = true;
    has_after_others_ |= token.after_others;
  }
}

const AddedToken* AddedTokens::find(std::string_view text) const {
  const auto place =
      std::lower_bound(tokens_.begin(), tokens_.end(), text,
                       [](const AddedToken& token, std::string_view wanted) { return token.text < wanted; });
  return place != tokens_.end() && place->text == text ? &*place : nullptr;
}

std::vector<AddedTokens::Match> AddedTokens::matches(std::string_view text,
                                                     const std::vector<TextRange>& trusted) const {
  std::vector<Match> found;
  if (!has_words_ && (trusted.empty() || !has_special_)) return found;
  find_in(text, {0, text.size()}, false, trusted, found);
  if (!has_after_others_) return found;
  std::vector<Match> all;
  size_t done = 0;
  for (const Match& match : found) {
    find_in(text, {done, match.range.begin}, true, trusted, all);
    all.push_back(match);
    done = match.range.end;
  }
  find_in(text, {done, text.size()}, true, trusted, all);
  return all;
}

void AddedTokens::find_in(std::string_view text, TextRange range, bool after_others,
                          const std::vector<TextRange>& trusted, std::vector<Match>& found) const {
  auto zone = std::partition_point(trusted.begin(), trusted.end(),
                                   [&](const TextRange& other) { return other.end <= range.begin; });
  const std::string_view visible = text.substr(0, range.end);
  size_t done = range.begin;  // the end of the match before
  for (size_t position = range.begin; position < range.end; ++position) {
    if (!first_bytes_[static_cast<unsigned char>(visible[position])]) continue;
    while (zone != trusted.end() && zone->end <= position) ++zone;
    const size_t trusted_end = zone != trusted.end() && zone->begin <= position ? zone->end : 0;
    const AddedToken* token = longest_at(visible, position, after_others, trusted_end);
    if (token == nullptr) continue;
    TextRange match{position, position + token->text.size()};
    if (token->takes_space_left) match.begin = space_begin(visible, done, match.begin);
    if (token->takes_space_right) match.end = ClassifiedText(visible).skip(match.end, kSpace);
    found.push_back({match, token});
    done = match.end;
    position = match.end - 1;
  }
}

// Narrows the sorted tokens, byte by byte, to those that `text` continues with at `position`.
const AddedToken* AddedTokens::longest_at(std::string_view text, size_t position, bool after_others,
                                          size_t trusted_end) const {
  const AddedToken* longest = nullptr;
  auto begin = tokens_.begin();
  auto end = tokens_.end();
  for (size_t length = 1; position + length <= text.size(); ++length) {
    const size_t last = length - 1;
    const auto byte_at_last = [last](const AddedToken& token) { return static_cast<unsigned char>(token.text[last]); };
    const auto wanted = static_cast<unsigned char>(text[position + last]);
    begin = std::partition_point(begin, end, [&](const AddedToken& token) { return byte_at_last(token) < wanted; });
    end = std::partition_point(begin, end, [&](const AddedToken& token) { return byte_at_last(token) <= wanted; });
    if (begin == end) break;
    if (begin->text.size() > length) continue;
    const bool allowed = !begin->special || position + length <= trusted_end;
    if (allowed && begin->after_others == after_others) longest = &*begin;
    if (++begin == end) break;  // the rest are longer
  }
  return longest;
}

}  // namespace paddock::text
