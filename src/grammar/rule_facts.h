// SPDX-License-Identifier: Apache-2.0
#pragma once
// What can be known about rules before any text is met.

#include "grammar/rules.h"

namespace paddock::grammar {

// Fills in is_nullable, follow, plain_depth and key.
void find_facts(Rules& rules);

}  // namespace paddock::grammar
