// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text with provenance: which part a template wrote and which part came from messages.

#include <string>
#include <vector>

namespace paddock::text {

// Special tokens are recognised only where their whole text came from the template.
struct RenderedSpan {
  std::string text;
  bool from_template;
};
using RenderedText = std::vector<RenderedSpan>;

}  // namespace paddock::text
