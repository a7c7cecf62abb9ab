// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text with provenance: which parts a chat template wrote itself, and which came from what it was given.

#include <string>
#include <vector>

namespace paddock::text {

struct RenderedSpan {
  std::string text;
  bool from_template;
};
using RenderedText = std::vector<RenderedSpan>;

}  // namespace paddock::text
