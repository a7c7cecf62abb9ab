// SPDX-License-Identifier: Apache-2.0
#pragma once
// Files of training data to tokens on disk, once.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "train/data/token_store.h"
#include "train/data/tokenise_examples.h"
#include "train/recipe/recipe.h"

namespace paddock::train {

struct FilesToRead {
  JobKind kind = JobKind::kPretrain;
  std::vector<std::string> files;  // *.jsonl: a line an example. Others are plain texts, for pretraining alone
  BadLines bad_lines = BadLines::kStop;
  std::string separator;  // of plain texts
  int64_t shard_tokens = int64_t{1} << 24;
  int64_t vocabulary = 0;
};

struct FilesObserver {
  std::function<void(const std::string& sentence)> bad_line;  // "data.jsonl: line 7: …", left out
  std::function<void(int64_t bytes, int64_t of)> progress;
};

// What is in `folder` already is used where it was made of the same files in the same way; then nobody hears of bad
// lines again. A chosen answer and the rejected one are two documents, one after the other.
Result<TokenStore> read_files(const FilesToRead& files, const ExampleTokeniser& tokeniser,
                              const std::filesystem::path& folder, const FilesObserver& observer);

}  // namespace paddock::train
