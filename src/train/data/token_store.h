// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tokenised data on disk: checked files that are mapped, so that data may be larger than memory.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "train/data/document.h"

namespace paddock::train {

struct DocumentView {
  std::span<const int32_t> tokens;
  std::span<const uint8_t> is_trained;
};

struct TokenTotals {
  int64_t documents = 0, tokens = 0, trained = 0;
  int64_t bad_lines = 0;  // that were left out
};

// Files tokens-00000.safetensors of `tokens` [N] I32, `is_trained` [N] U8 and `begins` [D + 1] I64, and manifest.json,
// written last: what the data were made of, and the SHA-256 of each file.
class TokenStoreWriter {
 public:
  // Begins anew in `folder`. A file is begun after `shard_tokens` tokens.
  static Result<TokenStoreWriter> create(const std::filesystem::path& folder, int64_t shard_tokens);

  Result<void> add(const Document& document);
  // `made_of` is what open() asks for.
  Result<void> finish(const std::string& made_of, int64_t bad_lines);

 private:
  struct Shard {
    std::string digest;
    TokenTotals totals;
  };

  TokenStoreWriter(std::filesystem::path folder, int64_t shard_tokens);
  Result<void> write_shard();

  std::filesystem::path folder_;
  int64_t shard_tokens_;
  std::vector<int32_t> tokens_;
  std::vector<uint8_t> is_trained_;
  std::vector<int64_t> begins_ = {0};
  std::vector<Shard> shards_;
};

class TokenStore {
 public:
  // Every file is read once for its checksum and every token compared with the vocabulary. `made_of` as it was given to
  // finish(); another is kNotFound: the data have to be made again.
  static Result<TokenStore> open(const std::filesystem::path& folder, const std::string& made_of, int64_t vocabulary);

  const TokenTotals& totals() const { return totals_; }
  DocumentView document(int64_t index) const;

 private:
  struct Shard {
    checkpoint::Checkpoint file;
    std::span<const int32_t> tokens;
    std::span<const uint8_t> is_trained;
    std::span<const int64_t> begins;
    int64_t first_document = 0;
  };

  static Result<Shard> open_shard(const std::filesystem::path& path, const std::string& digest, int64_t vocabulary);

  std::vector<Shard> shards_;
  TokenTotals totals_;
};

}  // namespace paddock::train
