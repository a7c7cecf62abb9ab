// SPDX-License-Identifier: Apache-2.0
#pragma once
// record.json: what a record is of, and its complete shards. Written whole after each of them.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/json.h"
#include "base/result.h"

namespace paddock::distil {

// Who taught, and how much of what he said is kept.
struct RecordFacts {
  std::string teacher_name;  // for people
  Digest teacher{};          // of its weights, configuration and arithmetic
  Digest tokenizer{};        // text::identity_of: students must have the same
  int64_t vocabulary = 0;
  int64_t kept = 0;  // K
};

struct ShardEntry {
  std::string file;  // beside record.json
  int64_t documents = 0, tokens = 0, places = 0, bytes = 0;
  double tail_mass = 0, loss = 0;  // sums over places
  Digest digest{};                 // that the file ends with
};

struct Manifest {
  RecordFacts facts;
  std::string recipe;  // JSON text of what was asked: files with digests, lengths, sampling. Compared, not interpreted
  std::vector<ShardEntry> shards;
  bool is_complete = false;
};

inline constexpr const char* kManifestName = "record.json";

std::string shard_name(size_t number);  // "shard-00000.pdr"

Result<Manifest> read_manifest(const std::filesystem::path& folder);
// `source` names the text in errors.
Result<Manifest> parse_manifest(std::string_view text, const std::string& source);
std::string write_manifest(const Manifest& manifest);
Result<void> save_manifest(const std::filesystem::path& folder, const Manifest& manifest);

}  // namespace paddock::distil
