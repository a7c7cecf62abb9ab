// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model that is asked what it would say at each place of texts: several texts go through it in one step, so that
// the tokens of an expert come together, and of their logits only the best are kept.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "cache/kv_cache.h"
#include "distil/document.h"
#include "distil/teacher/row_reducer.h"
#include "llama4/activations.h"
#include "llama4/kv_memory.h"
#include "llama4/memory_plan.h"
#include "llama4/model.h"

namespace paddock::distil {

// Tokens, and which of them a student learns to say; the first cannot be learnt, as nothing predicts it.
struct Telling {
  std::vector<int32_t> tokens;
  std::vector<bool> taught;

  std::vector<int32_t> taught_tokens() const;
};

// What the teacher reads, and what the student will read where it has a chat template of its own: the same taught
// tokens, between others.
struct Text : Telling {
  std::optional<Telling> student;
};

class Teacher {
 public:
  // Works in steps of the plan's limits; texts are of at most its context. The model outlives it.
  static Result<std::unique_ptr<Teacher>> create(const llama4::Model& model, const llama4::MemoryPlan& plan,
                                                 int64_t kept);

  // Of each text what it is, whatever the others are, as the student reads it. kUnsupported: logits that are not
  // finite.
  Result<std::vector<Document>> read(std::span<const Text> texts);

 private:
  // A text on its way.
  struct Reading {
    const Text* text = nullptr;
    Document* document = nullptr;
    size_t next_place = 0;
    int64_t done = 0;  // tokens that have been computed
    cache::SequenceCache cache;
  };
  // What one step computes of a text.
  struct Piece {
    Reading* reading;
    int64_t first, count;
  };

  Teacher(const llama4::Model& model, const llama4::MemoryPlan& plan, int64_t kept);
  std::vector<Piece> choose_pieces(std::vector<std::unique_ptr<Reading>>& running);
  bool step(const std::vector<Piece>& pieces);

  const llama4::Model& model_;
  llama4::MemoryPlan plan_;
  int64_t kept_;
  std::unique_ptr<cache::KvCache> cache_;
  llama4::KvMemory memory_;
  llama4::Activations activations_;
  RowReducer reducer_;
};

// Room for steps of up to `tokens` tokens over texts of up to `context`, whose logits take at most 512 MiB.
llama4::MemoryWishes teacher_wishes(const llama4::Config& config, int64_t context, int64_t tokens,
                                    const llama4::CacheSettings& cache);

}  // namespace paddock::distil
