// SPDX-License-Identifier: Apache-2.0
#include "distil/teacher/teacher.h"

#include <algorithm>

#include "base/check.h"
#include "llama4/forward.h"

namespace paddock::distil {
namespace {

constexpr int64_t kSequences = 4;  // of full length at once; of shorter ones more
constexpr int64_t kLogitsBytes = int64_t{512} << 20;

// The places whose logits predict taught tokens.
std::vector<int32_t> places_of(const Telling& telling) {
  CHECK(telling.tokens.size() == telling.taught.size());
  std::vector<int32_t> places;
  for (size_t token = 1; token < telling.tokens.size(); ++token)
    if (telling.taught[token]) places.push_back(static_cast<int32_t>(token - 1));
  return places;
}

// A document with room for what will be said.
Document empty_document(const Text& text, int64_t kept) {
  Document document;
  document.tokens = text.tokens;
  document.places = places_of(text);
  const size_t rows = document.places.size();
  document.ids.resize(rows * static_cast<size_t>(kept));
  document.logprobs.resize(rows * static_cast<size_t>(kept));
  document.tails.resize(rows);
  document.following.resize(rows);
  return document;
}

}  // namespace

std::vector<int32_t> Telling::taught_tokens() const {
  std::vector<int32_t> said;
  for (const int32_t place : places_of(*this)) said.push_back(tokens[static_cast<size_t>(place) + 1]);
  return said;
}

llama4::MemoryWishes teacher_wishes(const llama4::Config& config, int64_t context, int64_t tokens,
                                    const llama4::CacheSettings& cache) {
  const int64_t rows = std::max<int64_t>(1, kLogitsBytes / (config.vocabulary * static_cast<int64_t>(sizeof(float))));
  llama4::MemoryWishes wishes;
  wishes.context = context;
  wishes.sequences = kSequences;
  wishes.limits = {.tokens = tokens, .logits = std::min(tokens, rows)};
  wishes.cache = cache;
  return wishes;
}

Teacher::Teacher(const llama4::Model& model, const llama4::MemoryPlan& plan, int64_t kept)
    : model_(model), plan_(plan), kept_(kept), reducer_(kept, model.config.vocabulary, model.machine->threads()) {}

Result<std::unique_ptr<Teacher>> Teacher::create(const llama4::Model& model, const llama4::MemoryPlan& plan,
                                                 int64_t kept) {
  CHECK(kept >= 1 && kept <= model.config.vocabulary);
  std::unique_ptr<Teacher> teacher(new Teacher(model, plan, kept));
  teacher->cache_ =
      std::make_unique<cache::KvCache>(cache_shape(model.config, plan.cache), plan.cache_pages, plan.limits.tokens);
  teacher->memory_ =
      TRY(llama4::KvMemory::allocate(model.config, teacher->cache_->shape(), plan.cache_pages, model.machine));
  teacher->activations_ = TRY(llama4::allocate_activations(model.config, plan.limits, model.machine));
  return teacher;
}

Result<std::vector<Document>> Teacher::read(std::span<const Text> texts) {
  std::vector<Document> documents;
  for (const Text& text : texts) {
    CHECK(!text.tokens.empty() && static_cast<int64_t>(text.tokens.size()) <= plan_.context);
    documents.push_back(empty_document(text, kept_));
  }
  std::vector<std::unique_ptr<Reading>> running;
  size_t next = 0;
  // A text that nobody learns from need not be computed; neither what follows the last place of one.
  const auto begin_next = [&] {
    while (next < texts.size() && documents[next].places.empty()) ++next;
    if (next == texts.size()) return false;
    running.push_back(std::make_unique<Reading>(Reading{&texts[next], &documents[next], 0, 0, cache_->begin()}));
    ++next;
    return true;
  };
  while (!running.empty() || begin_next()) {
    // As many as might come into the step: those that have no room wait for the next.
    int64_t wanted = 0;
    for (const auto& reading : running) wanted += reading->document->places.back() + 1 - reading->done;
    while (wanted < plan_.limits.tokens && begin_next()) wanted += running.back()->document->places.back() + 1;
    if (!step(choose_pieces(running)))
      return error(
          ErrorCode::kUnsupported,
          "the teacher's logits are not all numbers; its weights are damaged, or its cache format is too narrow "
          "for it (--cache f32)");
    std::erase_if(running, [](const auto& reading) { return reading->done > reading->document->places.back(); });
  }
  for (size_t text = 0; text < texts.size(); ++text)
    if (const std::optional<Telling>& student = texts[text].student) {
      CHECK(student->taught_tokens() == texts[text].taught_tokens());
      documents[text].tokens = student->tokens;
      documents[text].places = places_of(*student);
    }
  return documents;
}

// Texts in their order, as far as tokens, rows of logits and pages of the cache reach.
std::vector<Teacher::Piece> Teacher::choose_pieces(std::vector<std::unique_ptr<Reading>>& running) {
  std::vector<Piece> pieces;
  int64_t tokens = plan_.limits.tokens, logits = plan_.limits.logits;
  for (const auto& reading : running) {
    const std::vector<int32_t>& places = reading->document->places;
    int64_t end = std::min<int64_t>(reading->done + tokens, places.back() + 1);
    // Up to before the first place whose logits have no row.
    if (const auto beyond = reading->next_place + static_cast<size_t>(logits); beyond < places.size())
      end = std::min<int64_t>(end, places[beyond]);
    if (end <= reading->done || !reading->cache.extend(end)) break;
    const auto first_beyond = std::lower_bound(places.begin(), places.end(), end) - places.begin();
    logits -= first_beyond - static_cast<int64_t>(reading->next_place);
    tokens -= end - reading->done;
    pieces.push_back({reading.get(), reading->done, end - reading->done});
    if (tokens == 0) break;
  }
  CHECK(!pieces.empty());
  return pieces;
}

bool Teacher::step(const std::vector<Piece>& pieces) {
  std::vector<llama4::StepSequence> parts;
  std::vector<int32_t> logits_rows;
  std::vector<RowToReduce> rows;
  int64_t row = 0;
  for (const auto& [reading, first, count] : pieces) {
    parts.push_back({std::span(reading->text->tokens).subspan(static_cast<size_t>(first), static_cast<size_t>(count)),
                     first, &reading->cache});
    const std::vector<int32_t>& places = reading->document->places;
    for (; reading->next_place < places.size() && places[reading->next_place] < first + count; ++reading->next_place) {
      const int32_t place = places[reading->next_place];
      rows.push_back({static_cast<int64_t>(logits_rows.size()), reading->text->tokens[static_cast<size_t>(place) + 1],
                      reading->document, reading->next_place});
      logits_rows.push_back(static_cast<int32_t>(row + place - first));
    }
    row += count;
  }
  llama4::forward(model_, {parts, logits_rows}, memory_, &activations_);
  for (const auto& [reading, first, count] : pieces) {
    reading->done = first + count;
    reading->cache.accept(reading->done);
  }
  return reducer_.reduce(model_.machine, activations_.logits_RV, rows);
}

}  // namespace paddock::distil
