// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/checkpoint.h"

#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "checkpoint/gguf.h"
#include "checkpoint/gguf_splits.h"
#include "checkpoint/locate.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/wording.h"

namespace paddock::checkpoint {

namespace fs = std::filesystem;

struct Checkpoint::Contents {
  Format format = Format::kSafetensors;
  fs::path folder;
  std::vector<MappedFile> files;
  std::vector<NamedTensor> tensors;
  std::unordered_map<std::string_view, size_t> by_name;  // indices into tensors, whose names it views
  GgufMetadata metadata;                                 // views the first file

  // Takes a file and the tensors that were found in it.
  void add(MappedFile file, std::vector<NamedTensor> found) {
    for (NamedTensor& tensor : found) {
      tensor.file = static_cast<uint32_t>(files.size());
      tensors.push_back(std::move(tensor));
    }
    files.push_back(std::move(file));
  }

  // Fills by_name when all tensors are there. Within a file names are known to be unique.
  Result<void> index() {
    for (size_t number = 0; number < tensors.size(); ++number) {
      const auto [first, is_new] = by_name.try_emplace(tensors[number].name, number);
      if (!is_new)
        return error(ErrorCode::kBadFile,
                     "{}: tensor {}: expected it in one file, found it in {} too; remove the file that does not belong "
                     "to the checkpoint",
                     files[tensors[number].file].path().string(), in_quotes(tensors[number].name),
                     files[tensors[first->second].file].path().string());
    }
    return {};
  }

  Result<void> open_gguf(const fs::path& path);
  Result<void> open_safetensors(const std::vector<fs::path>& paths);
  Result<void> open_index(const fs::path& path);
};

Result<void> Checkpoint::Contents::open_gguf(const fs::path& path) {
  format = Format::kGguf;
  MappedFile first = TRY(MappedFile::open(path));
  GgufContents contents = TRY(parse_gguf(first.bytes(), path.string()));
  metadata = std::move(contents.metadata);
  add(std::move(first), std::move(contents.tensors));
  const GgufSplit split = TRY(read_split(metadata, path.string()));
  if (split.count == 1) return {};
  const std::vector<fs::path> others = TRY(other_splits(path, split));
  for (size_t other = 0; other < others.size(); ++other) {
    const std::string name = others[other].string();
    MappedFile file = TRY(MappedFile::open(others[other]));
    GgufContents part = TRY(parse_gguf(file.bytes(), name));
    const GgufSplit place = TRY(read_split(part.metadata, name));
    if (place.number != other + 1 || place.count != split.count)
      return error(ErrorCode::kBadFile,
                   "{}: expected split {} of {}, as its name says, found split {} of {}; give the splits their names "
                   "back or download them again",
                   name, other + 2, split.count, place.number + 1, place.count);
    add(std::move(file), std::move(part.tensors));
  }
  if (split.tensors && *split.tensors != tensors.size())
    return error(
        ErrorCode::kBadFile,
        "{}: expected {} tensors in its {} splits, as split.tensors.count says, found {}; download the splits again",
        path.string(), *split.tensors, split.count, tensors.size());
  return {};
}

Result<void> Checkpoint::Contents::open_safetensors(const std::vector<fs::path>& paths) {
  for (const fs::path& path : paths) {
    MappedFile file = TRY(MappedFile::open(path));
    SafetensorsContents contents = TRY(parse_safetensors(file.bytes(), path.string()));
    add(std::move(file), std::move(contents.tensors));
  }
  return {};
}

Result<void> Checkpoint::Contents::open_index(const fs::path& path) {
  const MappedFile text = TRY(MappedFile::open(path));
  TRY_VOID(check_is_data(path.string(), "an index of safetensors", text.bytes()));
  const SafetensorsIndex index = TRY(parse_safetensors_index(
      {reinterpret_cast<const char*>(text.bytes().data()), text.bytes().size()}, path.string()));

  std::vector<fs::path> paths;
  std::vector<std::string> missing;
  for (const std::string& shard : index.shards) {
    paths.push_back(folder / shard);
    std::error_code problem;
    if (!fs::exists(paths.back(), problem)) missing.push_back(shard);
  }
  if (!missing.empty())
    return error(ErrorCode::kNotFound, "{}: expected {} shards beside it, found {} missing: {}; download them too",
                 path.string(), index.shards.size(), missing.size(), list_of(missing));
  TRY_VOID(open_safetensors(paths));

  std::unordered_map<std::string_view, uint32_t> unseen(index.shard_of.begin(), index.shard_of.end());
  for (const NamedTensor& tensor : tensors) {
    const auto listed = index.shard_of.find(tensor.name);
    if (listed == index.shard_of.end())
      return error(ErrorCode::kBadFile,
                   "{}: tensor {}: expected it in the index {}, found it in the shard alone; use the index that "
                   "belongs to the shards",
                   paths[tensor.file].string(), in_quotes(tensor.name), path.string());
    if (listed->second == tensor.file) unseen.erase(tensor.name);
  }
  if (!unseen.empty()) {
    const auto& [name, shard] = *unseen.begin();
    return error(
        ErrorCode::kBadFile,
        "{}: tensor {}: expected it in {}, found no such tensor there; use the index that belongs to the shards",
        path.string(), in_quotes(name), index.shards[shard]);
  }
  return {};
}

Result<Checkpoint> Checkpoint::open(const fs::path& path) {
  Location location = TRY(locate(path));
  auto contents = std::make_unique<Contents>();
  contents->folder = std::move(location.folder);
  switch (location.kind) {
    case Location::Kind::kGguf: TRY_VOID(contents->open_gguf(location.files.front())); break;
    case Location::Kind::kSafetensors: TRY_VOID(contents->open_safetensors(location.files)); break;
    case Location::Kind::kSafetensorsIndex: TRY_VOID(contents->open_index(location.files.front())); break;
  }
  TRY_VOID(contents->index());
  return Checkpoint(std::move(contents));
}

Format Checkpoint::format() const { return contents_->format; }
const std::vector<NamedTensor>& Checkpoint::tensors() const { return contents_->tensors; }
const std::vector<MappedFile>& Checkpoint::files() const { return contents_->files; }
const fs::path& Checkpoint::folder() const { return contents_->folder; }
const GgufMetadata& Checkpoint::metadata() const { return contents_->metadata; }

const NamedTensor* Checkpoint::find(std::string_view name) const {
  const auto found = contents_->by_name.find(name);
  return found == contents_->by_name.end() ? nullptr : &contents_->tensors[found->second];
}

const fs::path& Checkpoint::file_of(const NamedTensor& tensor) const { return contents_->files[tensor.file].path(); }

FilePart Checkpoint::part_of(const NamedTensor& tensor) const {
  const MappedFile& file = contents_->files[tensor.file];
  return {&file, static_cast<size_t>(tensor.view.bytes.data() - file.bytes().data()), tensor.view.bytes.size()};
}

Checkpoint::Checkpoint(std::unique_ptr<Contents> contents) : contents_(std::move(contents)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

}  // namespace paddock::checkpoint
