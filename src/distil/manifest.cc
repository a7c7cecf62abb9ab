// SPDX-License-Identifier: Apache-2.0
#include "distil/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "base/new_file.h"
#include "distil/shard.h"

namespace paddock::distil {
namespace {

constexpr const char* kFormat = "paddock distillation record";
constexpr size_t kManifestLimit = size_t{64} << 20;  // bytes
constexpr int64_t kMostCount = int64_t{1} << 50;

// One object of the file, read key by key.
class Keys {
 public:
  Keys(const Json& object, const std::string& source) : object_(object), source_(source) {}

  tl::unexpected<Error> wrong(std::string_view key, std::string_view expected) const {
    return error(ErrorCode::kBadFile, "{}: {}: expected {}, found {}", source_, key, expected,
                 object_.is_object() && object_.contains(key) ? object_.at(key).dump().substr(0, 80) : "none");
  }
  const Json* find(std::string_view key) const {
    return object_.is_object() && object_.contains(key) ? &object_.at(key) : nullptr;
  }
  Result<int64_t> count(std::string_view key, int64_t least, int64_t most) const {
    const Json* value = find(key);
    if (value == nullptr || !value->is_number_integer()) return wrong(key, "a whole number");
    const auto number = value->get<int64_t>();
    if (number < least || number > most) return wrong(key, fmt::format("{} to {}", least, most));
    return number;
  }
  Result<double> number(std::string_view key) const {
    const Json* value = find(key);
    if (value == nullptr || !value->is_number()) return wrong(key, "a number");
    return value->get<double>();
  }
  Result<std::string> text(std::string_view key) const {
    const Json* value = find(key);
    if (value == nullptr || !value->is_string()) return wrong(key, "a text");
    return value->get<std::string>();
  }
  Result<Digest> digest(std::string_view key) const {
    const auto digest = digest_from_hex(TRY(text(key)));
    if (!digest) return wrong(key, "a SHA-256");
    return *digest;
  }

 private:
  const Json& object_;
  const std::string& source_;
};

Result<ShardEntry> read_shard(const Json& json, size_t number, const std::string& source) {
  const Keys keys(json, source);
  ShardEntry shard;
  shard.file = TRY(keys.text("file"));
  if (shard.file != shard_name(number)) return keys.wrong("file", shard_name(number));
  shard.documents = TRY(keys.count("documents", 1, kMostCount));
  shard.tokens = TRY(keys.count("tokens", 1, kMostCount));
  shard.places = TRY(keys.count("places", 0, kMostCount));
  shard.bytes = TRY(keys.count("bytes", 1, kMostCount));
  shard.tail_mass = TRY(keys.number("tail_mass"));
  shard.loss = TRY(keys.number("loss"));
  shard.digest = TRY(keys.digest("sha256"));
  return shard;
}

}  // namespace

std::string shard_name(size_t number) { return fmt::format("shard-{:05}.pdr", number); }

Result<Manifest> parse_manifest(std::string_view text, const std::string& source) {
  const Json json = TRY(parse_json(text, source));
  const Keys keys(json, source);
  if (!json.is_object() || TRY(keys.text("format")) != kFormat) return keys.wrong("format", kFormat);
  if (const int64_t version = TRY(keys.count("version", 0, kMostCount)); version != kShardVersion)
    return error(ErrorCode::kUnsupported, "{}: expected a record of version {}, found version {}", source,
                 kShardVersion, version);
  Manifest manifest;
  manifest.facts.teacher_name = TRY(keys.text("teacher_name"));
  manifest.facts.teacher = TRY(keys.digest("teacher"));
  manifest.facts.tokenizer = TRY(keys.digest("tokenizer"));
  manifest.facts.vocabulary = TRY(keys.count("vocabulary", 1, kMostVocabulary));
  manifest.facts.kept = TRY(keys.count("top_k", 1, std::min(kMostKept, manifest.facts.vocabulary)));
  const Json* recipe = keys.find("recipe");
  if (recipe == nullptr || !recipe->is_object()) return keys.wrong("recipe", "an object");
  manifest.recipe = recipe->dump();
  const Json* complete = keys.find("complete");
  if (complete == nullptr || !complete->is_boolean()) return keys.wrong("complete", "true or false");
  manifest.is_complete = complete->get<bool>();
  const Json* shards = keys.find("shards");
  if (shards == nullptr || !shards->is_array()) return keys.wrong("shards", "a list");
  for (const Json& shard : *shards) manifest.shards.push_back(TRY(read_shard(shard, manifest.shards.size(), source)));
  return manifest;
}

Result<Manifest> read_manifest(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kManifestName;
  const std::string text = TRY(read_text_file(path, kManifestLimit));
  return parse_manifest(text, path.string());
}

std::string write_manifest(const Manifest& manifest) {
  Json shards = Json::array();
  for (const ShardEntry& shard : manifest.shards)
    shards.push_back({{"file", shard.file},
                      {"documents", shard.documents},
                      {"tokens", shard.tokens},
                      {"places", shard.places},
                      {"bytes", shard.bytes},
                      {"tail_mass", shard.tail_mass},
                      {"loss", shard.loss},
                      {"sha256", to_hex(shard.digest)}});
  const Json json = {{"format", kFormat},
                     {"version", kShardVersion},
                     {"teacher_name", manifest.facts.teacher_name},
                     {"teacher", to_hex(manifest.facts.teacher)},
                     {"tokenizer", to_hex(manifest.facts.tokenizer)},
                     {"vocabulary", manifest.facts.vocabulary},
                     {"top_k", manifest.facts.kept},
                     {"recipe", Json::parse(manifest.recipe)},
                     {"shards", std::move(shards)},
                     {"complete", manifest.is_complete}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<void> save_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
  NewFile file = TRY(NewFile::create(folder / kManifestName));
  TRY_VOID(file.write(write_manifest(manifest)));
  return file.commit();
}

}  // namespace paddock::distil
