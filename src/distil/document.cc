// SPDX-License-Identifier: Apache-2.0
#include "distil/document.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "base/check.h"
#include "distil/bits.h"

namespace paddock::distil {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();
constexpr int kOrderBits = 5, kCountOrder = 8, kRunOrder = 4;

float logprob_of(int32_t depth) { return -std::ldexp(static_cast<float>(depth), -kDepthBits); }
// Not a whole one yet.
double depth_of(float logprob) {
  return std::clamp(-std::ldexp(static_cast<double>(logprob), kDepthBits), 0.0, static_cast<double>(kDeepest));
}

// From a depth to the nearest that can be written behind it.
struct Distance {
  uint32_t steps;
  int32_t reached;
};
Distance distance_to(double depth, int32_t from) {
  const int bits = step_bits(from);
  const int32_t most = (kDeepest - from) >> bits;
  const auto steps =
      static_cast<int32_t>(std::clamp(std::nearbyint(std::ldexp(depth - from, -bits)), 0.0, static_cast<double>(most)));
  return {static_cast<uint32_t>(steps), from + (steps << bits)};
}

// The lengths of runs of places that are not taught and taught in turn; what follows the last is not.
std::vector<uint32_t> runs_of(std::span<const int32_t> places) {
  std::vector<uint32_t> runs;
  int32_t end = 0;
  for (size_t index = 0; index < places.size();) {
    size_t last = index;
    while (last + 1 < places.size() && places[last + 1] == places[last] + 1) ++last;
    runs.push_back(static_cast<uint32_t>(places[index] - end));
    runs.push_back(static_cast<uint32_t>(last - index + 1));
    end = places[last] + 1;
    index = last + 1;
  }
  return runs;
}

// Kinds of numbers, each with an order of its own.
enum Kind { kToken, kId, kFirst, kNext, kTail, kKinds };

// All numbers of a document behind its runs, in their order.
template <typename Put>
void each_number(const Document& document, int64_t kept, const Put& put) {
  for (const int32_t token : document.tokens) put(kToken, static_cast<uint32_t>(token));
  for (size_t row = 0; row < document.places.size(); ++row) {
    const auto k = static_cast<size_t>(kept);
    const auto ids = std::span(document.ids).subspan(row * k, k);
    const auto logprobs = std::span(document.logprobs).subspan(row * k, k);
    for (const int32_t id : ids) put(kId, static_cast<uint32_t>(id));
    int32_t depth = 0;
    for (size_t index = 0; index < k; ++index) {
      const Distance distance = distance_to(depth_of(logprobs[index]), depth);
      put(index == 0 ? kFirst : kNext, distance.steps);
      depth = distance.reached;
    }
    const float tail = document.tails[row];
    put(kTail, tail == kNothing ? 0 : 1 + distance_to(depth_of(tail), 0).steps);
    const int32_t next = document.tokens[static_cast<size_t>(document.places[row]) + 1];
    if (std::ranges::find(ids, next) == ids.end())
      put(kNext, distance_to(depth_of(document.following[row]), depth).steps);
  }
}

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, int64_t kept, int64_t vocabulary, std::string_view source)
      : in_(bytes), kept_(static_cast<size_t>(kept)), vocabulary_(vocabulary), source_(source) {}

  Result<Document> parse() {
    const int64_t tokens = in_.coded(kCountOrder);
    if (tokens < 1 || tokens > kMostTokens || static_cast<size_t>(tokens) > in_.bits_left())
      return wrong("a number of tokens");
    TRY_VOID(runs(tokens));
    for (int& order : orders_)
      if ((order = static_cast<int>(in_.bits(kOrderBits))) > kMostOrder) return wrong("the order of a code");
    const size_t rows = document_.places.size();
    // Each number takes a bit at least: nothing is allocated that the bytes cannot hold.
    if (rows * (2 * kept_ + 1) + static_cast<size_t>(tokens) > in_.bits_left()) return wrong("all its places");
    for (int64_t index = 0; index < tokens; ++index) document_.tokens.push_back(TRY(token(kToken)));
    seen_.assign(static_cast<size_t>(vocabulary_), 0);
    document_.ids.reserve(rows * kept_);
    document_.logprobs.reserve(rows * kept_);
    for (size_t index = 0; index < rows; ++index) TRY_VOID(row(index));
    if (!in_.is_at_end()) return wrong("an end");
    return std::move(document_);
  }

 private:
  tl::unexpected<Error> wrong(std::string_view expected) const {
    return error(ErrorCode::kBadFile, "{}: damaged: expected {}, found something else", source_, expected);
  }

  Result<void> runs(int64_t tokens) {
    int64_t end = 0;
    for (uint32_t pairs = in_.coded(0); pairs > 0 && in_.is_good(); --pairs) {
      const int64_t begin = end + in_.coded(kRunOrder), before = end;
      end = begin + in_.coded(kRunOrder);
      if (end > tokens - 1 || end == begin || (begin == before && before > 0)) return wrong("runs of places");
      for (int64_t place = begin; place < end; ++place) document_.places.push_back(static_cast<int32_t>(place));
    }
    if (!in_.is_good()) return wrong("runs of places");
    return {};
  }

  uint32_t number(Kind kind) { return in_.coded(orders_[kind]); }

  Result<int32_t> token(Kind kind) {
    const uint32_t id = number(kind);
    if (!in_.is_good() || id >= vocabulary_) return wrong("tokens below the vocabulary");
    return static_cast<int32_t>(id);
  }

  Result<int32_t> deeper(Kind kind, int32_t from) {
    const int64_t depth = from + (static_cast<int64_t>(number(kind)) << step_bits(from));
    if (!in_.is_good() || depth > kDeepest) return wrong("log-probabilities");
    return static_cast<int32_t>(depth);
  }

  Result<void> row(size_t index) {
    const int32_t next = document_.tokens[static_cast<size_t>(document_.places[index]) + 1];
    std::optional<size_t> kept_place;
    for (size_t place = 0; place < kept_; ++place) {
      const int32_t id = TRY(token(kId));
      uint32_t& mark = seen_[static_cast<size_t>(id)];
      if (mark == index + 1) return wrong("different tokens");
      mark = static_cast<uint32_t>(index + 1);
      if (id == next) kept_place = document_.ids.size();
      document_.ids.push_back(id);
    }
    int32_t depth = 0;
    for (size_t place = 0; place < kept_; ++place) {
      depth = TRY(deeper(place == 0 ? kFirst : kNext, depth));
      document_.logprobs.push_back(logprob_of(depth));
    }
    const uint32_t tail = number(kTail);
    if (!in_.is_good() || tail > static_cast<uint32_t>(kDeepest) + 1) return wrong("a tail");
    document_.tails.push_back(tail == 0 ? kNothing : logprob_of(static_cast<int32_t>(tail - 1)));
    document_.following.push_back(kept_place ? document_.logprobs[*kept_place] : logprob_of(TRY(deeper(kNext, depth))));
    return {};
  }

  BitReader in_;
  size_t kept_;
  int64_t vocabulary_;
  std::string_view source_;
  int orders_[kKinds] = {};
  Document document_;
  std::vector<uint32_t> seen_;  // by token: one more than the last row that kept it
};

}  // namespace

double Document::tail_mass() const {
  double sum = 0;
  for (const float tail : tails) sum += std::exp(static_cast<double>(tail));
  return sum;
}

double Document::loss() const { return -std::accumulate(following.begin(), following.end(), 0.0); }

std::vector<std::byte> write_document(const Document& document, int64_t kept) {
  const size_t rows = document.places.size(), all = rows * static_cast<size_t>(kept);
  CHECK(kept >= 1 && kept <= kMostKept && !document.tokens.empty());
  CHECK(static_cast<int64_t>(document.tokens.size()) <= kMostTokens);
  CHECK(document.ids.size() == all && document.logprobs.size() == all);
  CHECK(document.tails.size() == rows && document.following.size() == rows);
  BitWriter out;
  out.coded(static_cast<uint32_t>(document.tokens.size()), kCountOrder);
  const std::vector<uint32_t> runs = runs_of(document.places);
  out.coded(static_cast<uint32_t>(runs.size() / 2), 0);
  for (const uint32_t run : runs) out.coded(run, kRunOrder);
  OrderChoice choices[kKinds];
  each_number(document, kept, [&](Kind kind, uint32_t number) { choices[kind].add(number); });
  int orders[kKinds];
  for (int kind = 0; kind < kKinds; ++kind)
    out.bits(static_cast<uint32_t>(orders[kind] = choices[kind].best()), kOrderBits);
  each_number(document, kept, [&](Kind kind, uint32_t number) { out.coded(number, orders[kind]); });
  return out.take();
}

Result<Document> parse_document(std::span<const std::byte> bytes, int64_t kept, int64_t vocabulary,
                                std::string_view source) {
  return Parser(bytes, kept, vocabulary, source).parse();
}

}  // namespace paddock::distil
