// SPDX-License-Identifier: Apache-2.0
#pragma once
// Files that were dropped onto a terminal: it types their paths into the line.

#include <string>
#include <string_view>
#include <vector>

namespace paddock::cli {

struct DroppedFiles {
  std::vector<std::string> pictures;  // paths
  std::string text;                   // the line without them
};

// Words of the line that are the path of a picture's file: absolute, or from ~/ or ./ or ../, in quotes, with spaces
// after a backslash, or as file:///. Other words stay as they are.
DroppedFiles find_dropped_pictures(std::string_view line);

}  // namespace paddock::cli
