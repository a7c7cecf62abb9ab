// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/locate.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/mapped_file.h"
#include "checkpoint/gguf.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/wording.h"

namespace paddock::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndexSuffix = ".safetensors.index.json";
constexpr size_t kPartDigits = 5;

// File names in a folder that may be (part of) a checkpoint, sorted.
struct Candidates {
  std::vector<std::string> indices;
  std::vector<std::string> safetensors;
  std::vector<std::string> gguf;
};

Result<Candidates> candidates_in(const fs::path& folder) {
  Candidates found;
  std::error_code problem;
  for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem)) {
    std::error_code unreadable;  // a dangling link is no candidate
    if (!entry->is_regular_file(unreadable)) continue;
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.')) continue;  // hidden: left by downloads and file managers
    if (name.ends_with(kIndexSuffix)) found.indices.push_back(name);
    if (name.ends_with(".safetensors")) found.safetensors.push_back(name);
    if (name.ends_with(".gguf")) found.gguf.push_back(name);
  }
  if (problem) return error(ErrorCode::kIo, "{}: cannot list the folder: {}", folder.string(), problem.message());
  for (auto* names : {&found.indices, &found.safetensors, &found.gguf}) std::sort(names->begin(), names->end());
  return found;
}

// The files of each complete or incomplete set in `names`, a file that is no part alone.
struct Set {
  std::vector<std::string> files;
  int count = 1;  // of files that the names promise
};

std::vector<Set> sets_of(const std::vector<std::string>& names) {
  std::map<std::tuple<std::string, int>, Set> sets;
  for (const std::string& name : names) {
    const auto part = parse_part_name(name);
    Set& set = part ? sets[{part->stem, part->count}] : sets[{name, 0}];
    set.count = part ? part->count : 1;
    set.files.push_back(name);
  }
  std::vector<Set> all;
  for (auto& [key, set] : sets) all.push_back(std::move(set));
  return all;
}

Location location(Location::Kind kind, const fs::path& folder, const std::vector<std::string>& names) {
  Location found{kind, {}, folder};
  for (const std::string& name : names) found.files.push_back(folder / name);
  return found;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Result<Location> safetensors_in(const fs::path& folder, const Candidates& found) {
  using Kind = Location::Kind;
  if (contains(found.indices, "model.safetensors.index.json"))
    return location(Kind::kSafetensorsIndex, folder, {"model.safetensors.index.json"});
  if (contains(found.safetensors, "model.safetensors"))
    return location(Kind::kSafetensors, folder, {"model.safetensors"});
  if (found.indices.size() == 1) return location(Kind::kSafetensorsIndex, folder, found.indices);
  const std::vector<Set> sets = sets_of(found.safetensors);
  if (sets.size() != 1)
    return error(ErrorCode::kInvalidArgument,
                 "{}: expected one safetensors checkpoint, found {}; name the file or index to open, or add the "
                 "model.safetensors.index.json that belongs to them",
                 folder.string(), list_of(found.indices.empty() ? found.safetensors : found.indices));
  const Set& set = sets.front();
  if (static_cast<int>(set.files.size()) != set.count)
    return error(ErrorCode::kNotFound, "{}: expected {} shards of the checkpoint, found {} ({}); download the others",
                 folder.string(), set.count, set.files.size(), list_of(set.files));
  return location(Kind::kSafetensors, folder, set.files);
}

Result<Location> gguf_in(const fs::path& folder, const Candidates& found) {
  const std::vector<Set> sets = sets_of(found.gguf);
  if (sets.size() != 1)
    return error(ErrorCode::kInvalidArgument,
                 "{}: expected one GGUF file or one set of splits, found {}; name the file to open", folder.string(),
                 list_of(found.gguf));
  // Sorted: the first file is the first split, or opening it says which one is missing.
  return location(Location::Kind::kGguf, folder, {sets.front().files.front()});
}

Result<Location> locate_in_folder(const fs::path& folder) {
  const Candidates found = TRY(candidates_in(folder));
  const bool has_safetensors = !found.safetensors.empty() || !found.indices.empty();
  if (has_safetensors && !found.gguf.empty())
    return error(ErrorCode::kInvalidArgument,
                 "{}: expected one checkpoint, found both safetensors ({}) and GGUF ({}); name the file to open",
                 folder.string(), list_of(found.safetensors.empty() ? found.indices : found.safetensors),
                 list_of(found.gguf));
  if (has_safetensors) return safetensors_in(folder, found);
  if (!found.gguf.empty()) return gguf_in(folder, found);
  return error(ErrorCode::kNotFound,
               "{}: expected a folder with *.safetensors or *.gguf, found no weights in it; name the folder or file "
               "that holds them",
               folder.string());
}

Result<Location> locate_file(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const std::string name = path.filename().string();
  if (name.ends_with(kIndexSuffix)) return Location{Location::Kind::kSafetensorsIndex, {path}, folder};
  const MappedFile file = TRY(MappedFile::open(path));
  if (has_gguf_magic(file.bytes()) || name.ends_with(".gguf")) return Location{Location::Kind::kGguf, {path}, folder};
  if (name.ends_with(".safetensors") || looks_like_safetensors(file.bytes()))
    return Location{Location::Kind::kSafetensors, {path}, folder};
  return error(
      ErrorCode::kBadFile,
      "{}: expected a .gguf or .safetensors file, a *.safetensors.index.json or a folder, found another kind of file; "
      "name the file or folder that holds the weights",
      path.string());
}

}  // namespace

std::string PartName::file_name(int part) const {
  return fmt::format("{}-{:05}-of-{:05}{}", stem, part, count, extension);
}

std::optional<PartName> parse_part_name(const std::string& file_name) {
  const size_t point = file_name.rfind('.');
  constexpr std::string_view kPattern = "-00001-of-00002";
  if (point == std::string::npos || point <= kPattern.size()) return std::nullopt;
  const std::string_view tail = std::string_view(file_name).substr(point - kPattern.size(), kPattern.size());
  const auto number_at = [&](size_t begin) {
    int number = 0;
    for (const char digit : tail.substr(begin, kPartDigits)) {
      if (digit < '0' || digit > '9') return -1;
      number = number * 10 + (digit - '0');
    }
    return number;
  };
  const int number = number_at(1);
  const int count = number_at(10);
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || number < 1 || number > count) return std::nullopt;
  return PartName{file_name.substr(0, point - kPattern.size()), file_name.substr(point), number, count};
}

std::string list_of(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  std::string text;
  for (size_t index = 0; index < std::min(names.size(), kShown); ++index)
    text += fmt::format("{}{}", index == 0 ? "" : index + 1 == names.size() ? " and " : ", ", names[index]);
  return names.size() > kShown ? fmt::format("{} and {} more", text, names.size() - kShown) : text;
}

Result<Location> locate(const fs::path& path) {
  std::error_code problem;
  const bool is_folder = fs::is_directory(path, problem);
  return is_folder ? locate_in_folder(path) : locate_file(path);
}

}  // namespace paddock::checkpoint
