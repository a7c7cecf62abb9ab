// SPDX-License-Identifier: Apache-2.0
// Holds the sources to src/LAYERS: a folder includes only what its row allows, and only lower floors.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace paddock {
namespace {

namespace fs = std::filesystem;

struct Layer {
  int floor = 0;
  std::set<std::string> may_include;
};
using Layers = std::map<std::string, Layer>;

Layers read_layers(std::istream& file) {
  Layers layers;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    Layer layer;
    std::string folder;
    words >> layer.floor >> folder;
    for (std::string other; words >> other;) layer.may_include.insert(other);
    layers[folder] = layer;
  }
  return layers;
}

// The row that `path` (relative to src/) falls under: the longest folder name that is a prefix of it.
std::optional<std::string> row_of(const Layers& layers, const std::string& path) {
  std::optional<std::string> best;
  for (const auto& [folder, layer] : layers)
    if (path.starts_with(folder + "/") && (!best || folder.size() > best->size())) best = folder;
  return best;
}

std::string top_folder(const std::string& path) { return path.substr(0, path.find('/')); }

bool allows(const Layers& layers, const std::string& from, const std::string& to) {
  const Layer& layer = layers.at(from);
  if (from == to || layer.may_include.contains("*") || layer.may_include.contains(to)) return true;
  // "kernels" in a row stands for its subfolders too, unless they have rows of their own.
  return layer.may_include.contains(top_folder(to + "/")) && !layers.contains(to);
}

// "path:line: why" for each #include "…" of `text` that breaks the table.
std::vector<std::string> violations(const Layers& layers, const std::string& path, std::istream& text) {
  std::vector<std::string> found;
  const auto row = row_of(layers, path);
  if (!row) return {path + ":1: its folder has no row in src/LAYERS"};
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    if (!line.starts_with("#include \"")) continue;
    const std::string included = line.substr(10, line.find('"', 10) - 10);
    const auto target = row_of(layers, included);
    const std::string place = path + ":" + std::to_string(number) + ": ";
    if (!target)
      found.push_back(place + "\"" + included + "\" is not a path below src/ in a folder of src/LAYERS");
    else if (!allows(layers, *row, *target))
      found.push_back(place + *row + " may not include " + *target);
  }
  return found;
}

Layers project_layers() {
  std::ifstream file(PADDOCK_SOURCE_DIR "/src/LAYERS");
  return read_layers(file);
}

TEST(Layers, EveryIncludeIsAllowed) {
  const Layers layers = project_layers();
  ASSERT_FALSE(layers.empty());
  const fs::path root = PADDOCK_SOURCE_DIR "/src";
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string extension = entry.path().extension();
    if (extension != ".h" && extension != ".cc") continue;
    ++files;
    std::ifstream text(entry.path());
    for (const std::string& violation : violations(layers, fs::relative(entry.path(), root), text))
      ADD_FAILURE() << "src/" << violation;
  }
  EXPECT_GT(files, 10);
}

TEST(Layers, RowsNameOnlyLowerFloors) {
  const Layers layers = project_layers();
  for (const auto& [folder, layer] : layers)
    for (const std::string& other : layer.may_include) {
      if (other == "*") continue;
      ASSERT_TRUE(layers.contains(other)) << folder << " names " << other << ", which has no row";
      if (top_folder(folder + "/") == top_folder(other + "/")) continue;
      EXPECT_LT(layers.at(other).floor, layer.floor) << folder << " includes " << other;
    }
}

TEST(Layers, AViolationIsFound) {
  const Layers layers = project_layers();
  std::istringstream text("// x\n#include \"engine/engine.h\"\n#include \"base/check.h\"\n#include \"local.h\"\n");
  const auto found = violations(layers, "llama4/forward.cc", text);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0], "llama4/forward.cc:2: llama4 may not include engine");
  EXPECT_EQ(found[1].substr(0, 20), "llama4/forward.cc:4:");
}

}  // namespace
}  // namespace paddock
