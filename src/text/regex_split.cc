// SPDX-License-Identifier: Apache-2.0
#include "text/regex_split.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <string>

#include "base/utf8.h"

namespace paddock::text {
namespace {

constexpr size_t kMaxPatternBytes = 1 << 16;
constexpr uint32_t kMatchLimit = 1'000'000;   // backtracking steps for one match: milliseconds
constexpr uint32_t kHeapLimitKiB = 64 << 10;  // memory for backtracking where there is no JIT
// ^ and $ hold at every line, as in Ruby, whose syntax Oniguruma follows.
constexpr uint32_t kRegexOptions = PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
constexpr size_t kJitStackBytes = size_t{1} << 20;

const pcre2_code* code_of(const void* code) { return static_cast<const pcre2_code*>(code); }

// What PCRE2 reads differently from Oniguruma, which tokenizers are written for: it counts U+180E among \s as Perl once
// did, takes letters, numbers of any kind and "_" as \w, and \h as blanks instead of hexadecimal digits. Null for other
// escapes.
const char* members_of_escape(char letter) {
  switch (letter) {
    case 's': return R"(\t-\r\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
    case 'w': return R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc})";
    case 'h': return "0-9A-Fa-f";
    default: return nullptr;
  }
}

// Spells out these escapes, and outside of brackets their opposites (in capitals) too.
std::string with_unicode_escapes(std::string_view pattern) {
  std::string rewritten;
  bool in_brackets = false;
  while (!pattern.empty()) {
    size_t length = 1;
    if (pattern[0] == '\\' && pattern.size() > 1) {
      length = 2;
      const bool is_opposite = !in_brackets && (pattern[1] == 'S' || pattern[1] == 'W' || pattern[1] == 'H');
      if (const char* members = members_of_escape(static_cast<char>(is_opposite ? pattern[1] + 32 : pattern[1]))) {
        rewritten += in_brackets ? "" : is_opposite ? "[^" : "[";
        rewritten += members;
        rewritten += in_brackets ? "" : "]";
        pattern.remove_prefix(length);
        continue;
      }
    } else if (!in_brackets && pattern[0] == '[') {
      in_brackets = true;
      if (pattern.substr(length).starts_with('^')) ++length;
      if (pattern.substr(length).starts_with(']')) ++length;  // in the first place it is a member
    } else if (in_brackets && pattern.starts_with("[:")) {
      length = std::min(pattern.find(":]"), pattern.size() - 2) + 2;
    } else if (in_brackets && pattern[0] == ']') {
      in_brackets = false;
    }
    rewritten += pattern.substr(0, length);
    pattern.remove_prefix(length);
  }
  return rewritten;
}

struct CompileContext {
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  ~CompileContext() { pcre2_compile_context_free(context); }
};

// What one thread needs to match any pattern. Made once a thread: text may come in a great many small parts.
class MatchState {
 public:
  static MatchState& of_this_thread() {
    static thread_local MatchState state;
    return state;
  }

  // Where the first match at `from` or after begins and ends; false where there is none within the limits.
  bool find(const pcre2_code* code, std::string_view text, size_t from, size_t& begin, size_t& end) {
    // The number of groups that matched, or 0 where they are more than the one pair of offsets that is asked for.
    const int matched = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                    PCRE2_NO_UTF_CHECK, data_, context_);
    if (matched < 0) return false;
    begin = pcre2_get_ovector_pointer(data_)[0];
    end = pcre2_get_ovector_pointer(data_)[1];
    return true;
  }

  MatchState(const MatchState&) = delete;
  MatchState& operator=(const MatchState&) = delete;

 private:
  MatchState() {
    pcre2_set_match_limit(context_, kMatchLimit);
    pcre2_set_heap_limit(context_, kHeapLimitKiB);
    pcre2_jit_stack_assign(context_, nullptr, jit_stack_);
  }
  ~MatchState() {
    pcre2_match_data_free(data_);
    pcre2_match_context_free(context_);
    pcre2_jit_stack_free(jit_stack_);
  }

  pcre2_jit_stack* jit_stack_ = pcre2_jit_stack_create(size_t{32} << 10, kJitStackBytes, nullptr);
  pcre2_match_context* context_ = pcre2_match_context_create(nullptr);
  pcre2_match_data* data_ = pcre2_match_data_create(1, nullptr);
};

}  // namespace

Result<std::shared_ptr<const RegexSplit>> RegexSplit::compile(std::string_view pattern, bool is_literal) {
  const CompileContext limits;
  pcre2_set_max_pattern_length(limits.context, kMaxPatternBytes);
  pcre2_set_newline(limits.context, PCRE2_NEWLINE_LF);
  const uint32_t options = PCRE2_UTF | (is_literal ? PCRE2_LITERAL : kRegexOptions);
  int reason = 0;
  PCRE2_SIZE place = 0;
  const std::string source = is_literal ? std::string(pattern) : with_unicode_escapes(pattern);
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(), options, &reason, &place,
                                   limits.context);
  if (code == nullptr) {
    PCRE2_UCHAR message[256] = {};
    pcre2_get_error_message(reason, message, sizeof message);
    return error(
        ErrorCode::kUnsupported,
        "the tokenizer's split pattern \"{}\" cannot be used: {} at its byte {}; expected a Perl-style pattern",
        replace_invalid_utf8(pattern.substr(0, 200)), reinterpret_cast<const char*>(message), place);
  }
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where it fails, pcre2_match interprets
  return std::shared_ptr<const RegexSplit>(new RegexSplit(code));
}

RegexSplit::~RegexSplit() { pcre2_code_free(static_cast<pcre2_code*>(code_)); }

void RegexSplit::split(std::string_view text, const std::function<void(std::string_view, bool)>& sink) const {
  const auto emit = [&](size_t begin, size_t end, bool is_match) {
    if (end > begin) sink(text.substr(begin, end - begin), is_match);
  };
  size_t done = 0;  // everything before has been emitted
  for (size_t from = 0; from < text.size();) {
    size_t begin = 0;
    size_t end = 0;
    if (!MatchState::of_this_thread().find(code_of(code_), text, from, begin, end)) break;
    begin = std::max(begin, done);  // \K in a lookaround may report what lies before or backwards
    end = std::max(end, begin);
    emit(done, begin, false);
    emit(begin, end, true);
    done = end;
    from = end > from ? end : from + decode_utf8(text.substr(from)).length;  // an empty match: one character on
  }
  emit(done, text.size(), false);
}

}  // namespace paddock::text
