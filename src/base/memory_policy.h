// SPDX-License-Identifier: Apache-2.0
#pragma once
// On which nodes of a large machine memory lies.

#include <vector>

namespace paddock {

// Page after page in turns over these nodes: all memory that this thread, and threads it starts later, are the first to
// touch, the pages of files that they are the first to read included. Pages that are in memory already stay where they
// are. False where the system refuses or there is no choice: then memory lies on the node that touches it first.
bool interleave_memory(const std::vector<int>& nodes);

}  // namespace paddock
