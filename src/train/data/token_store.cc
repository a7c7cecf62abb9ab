// SPDX-License-Identifier: Apache-2.0
#include "train/data/token_store.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/file_digest.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/new_file.h"
#include "checkpoint/safetensors_writer.h"

namespace paddock::train {
namespace {

namespace fs = std::filesystem;
using tensor::DType;

constexpr int kVersion = 1;
constexpr const char* kManifest = "manifest.json";
constexpr const char* kAdvice = "remove the folder, and it is made again";

std::string shard_name(size_t index) { return fmt::format("tokens-{:05}.safetensors", index); }

template <typename Number>
checkpoint::TensorToWrite tensor_of(std::string_view name, DType dtype, const std::vector<Number>& numbers) {
  return {name, {dtype, {static_cast<int64_t>(numbers.size())}, std::as_bytes(std::span(numbers))}};
}

// The numbers of a one-dimensional tensor where they are mapped, which is aligned for them.
template <typename Number>
Result<std::span<const Number>> numbers_of(const checkpoint::Checkpoint& file, const char* name, DType dtype,
                                           const std::string& source) {
  const checkpoint::NamedTensor* tensor = file.find(name);
  if (tensor == nullptr || tensor->view.dtype != dtype || tensor->view.shape.size() != 1 ||
      reinterpret_cast<uintptr_t>(tensor->view.bytes.data()) % alignof(Number) != 0)
    return error(ErrorCode::kBadFile, "{}: expected a list {} of {}, found none; {}", source, name, tensor::name(dtype),
                 kAdvice);
  return std::span(reinterpret_cast<const Number*>(tensor->view.bytes.data()),
                   tensor->view.bytes.size() / sizeof(Number));
}

}  // namespace

TokenStoreWriter::TokenStoreWriter(fs::path folder, int64_t shard_tokens)
    : folder_(std::move(folder)), shard_tokens_(shard_tokens) {}

Result<TokenStoreWriter> TokenStoreWriter::create(const fs::path& folder, int64_t shard_tokens) {
  std::error_code problem;
  fs::remove_all(folder, problem);
  fs::create_directories(folder, problem);
  if (problem) return error(ErrorCode::kIo, "{}: cannot be made: {}", folder.string(), problem.message());
  return TokenStoreWriter(folder, shard_tokens);
}

Result<void> TokenStoreWriter::add(const Document& document) {
  tokens_.insert(tokens_.end(), document.tokens.begin(), document.tokens.end());
  is_trained_.insert(is_trained_.end(), document.is_trained.begin(), document.is_trained.end());
  begins_.push_back(static_cast<int64_t>(tokens_.size()));
  return begins_.back() >= shard_tokens_ ? write_shard() : Result<void>();
}

Result<void> TokenStoreWriter::write_shard() {
  const fs::path path = folder_ / shard_name(shards_.size());
  const checkpoint::TensorToWrite tensors[] = {tensor_of("begins", DType::kI64, begins_),
                                               tensor_of("tokens", DType::kI32, tokens_),
                                               tensor_of("is_trained", DType::kU8, is_trained_)};
  TRY_VOID(checkpoint::write_safetensors(path, tensors));
  Shard shard;
  shard.digest = to_hex(TRY(file_digest(path)));
  shard.totals.documents = static_cast<int64_t>(begins_.size()) - 1;
  shard.totals.tokens = static_cast<int64_t>(tokens_.size());
  shard.totals.trained = std::ranges::count(is_trained_, 1);
  shards_.push_back(shard);
  tokens_.clear();
  is_trained_.clear();
  begins_ = {0};
  return {};
}

Result<void> TokenStoreWriter::finish(const std::string& made_of, int64_t bad_lines) {
  if (begins_.size() > 1) TRY_VOID(write_shard());
  Json manifest = {{"version", kVersion}, {"made_of", made_of}, {"bad_lines", bad_lines}, {"files", Json::array()}};
  for (size_t index = 0; index < shards_.size(); ++index) {
    const Shard& shard = shards_[index];
    manifest["files"].push_back({{"name", shard_name(index)},
                                 {"sha256", shard.digest},
                                 {"documents", shard.totals.documents},
                                 {"tokens", shard.totals.tokens},
                                 {"trained", shard.totals.trained}});
  }
  NewFile file = TRY(NewFile::create(folder_ / kManifest));
  TRY_VOID(file.write(manifest.dump(2) + "\n"));
  return file.commit();
}

Result<TokenStore::Shard> TokenStore::open_shard(const fs::path& path, const std::string& digest, int64_t vocabulary) {
  const std::string source = path.string();
  const std::string found = to_hex(TRY(file_digest(path)));
  if (found != digest)
    return error(ErrorCode::kBadFile, "{}: expected the SHA-256 {}, found {}; {}", source, digest, found, kAdvice);
  auto file = TRY(checkpoint::Checkpoint::open(path));
  auto tokens = TRY(numbers_of<int32_t>(file, "tokens", DType::kI32, source));
  auto is_trained = TRY(numbers_of<uint8_t>(file, "is_trained", DType::kU8, source));
  auto begins = TRY(numbers_of<int64_t>(file, "begins", DType::kI64, source));
  if (is_trained.size() != tokens.size() || begins.empty() || begins.front() != 0 ||
      begins.back() != static_cast<int64_t>(tokens.size()) || !std::ranges::is_sorted(begins))
    return error(ErrorCode::kBadFile, "{}: expected documents that cover all tokens, found others; {}", source,
                 kAdvice);
  for (const int32_t token : tokens)
    if (token < 0 || token >= vocabulary)
      return error(ErrorCode::kBadFile, "{}: expected tokens from 0 to {}, found {}; take the model's own tokenizer",
                   source, vocabulary - 1, token);
  return Shard{std::move(file), tokens, is_trained, begins, 0};
}

Result<TokenStore> TokenStore::open(const fs::path& folder, const std::string& made_of, int64_t vocabulary) {
  const fs::path path = folder / kManifest;
  if (!fs::exists(path)) return error(ErrorCode::kNotFound, "{}: expected tokenised data, found none", path.string());
  const Json manifest = TRY(parse_json(TRY(read_text_file(path)), path.string()));
  TokenStore store;
  try {
    if (manifest.at("version") != kVersion || manifest.at("made_of") != made_of)
      return error(ErrorCode::kNotFound, "{}: expected the data of these files, found others", path.string());
    store.totals_.bad_lines = manifest.at("bad_lines").get<int64_t>();
    for (const Json& each : manifest.at("files")) {
      const auto name = each.at("name").get<std::string>();
      Shard shard =
          TRY(open_shard(folder / fs::path(name).filename(), each.at("sha256").get<std::string>(), vocabulary));
      shard.first_document = store.totals_.documents;
      store.totals_.documents += static_cast<int64_t>(shard.begins.size()) - 1;
      store.totals_.tokens += static_cast<int64_t>(shard.tokens.size());
      store.totals_.trained += std::ranges::count(shard.is_trained, 1);
      store.shards_.push_back(std::move(shard));
    }
  } catch (const Json::exception&) {
    return error(ErrorCode::kBadFile, "{}: expected a manifest of tokenised data, found another file; {}",
                 path.string(), kAdvice);
  }
  return store;
}

DocumentView TokenStore::document(int64_t index) const {
  const auto after = std::ranges::upper_bound(shards_, index, {}, &Shard::first_document);
  const Shard& shard = *std::prev(after);
  const auto at = static_cast<size_t>(index - shard.first_document);
  const auto begin = static_cast<size_t>(shard.begins[at]), count = static_cast<size_t>(shard.begins[at + 1]) - begin;
  return {shard.tokens.subspan(begin, count), shard.is_trained.subspan(begin, count)};
}

}  // namespace paddock::train
