// SPDX-License-Identifier: Apache-2.0
#pragma once
// The bytes of a model's weights on their way into memory, as --load says.

#include <cstddef>
#include <memory>

#include "base/read_ahead.h"
#include "base/result.h"
#include "cli/options.h"
#include "llama4/weights.h"

namespace paddock::cli {

// What the weights take when they are not used where the file is mapped; 0: they are.
size_t loaded_bytes(const llama4::WeightTotals& totals, LoadMode mode);

// Brings weights into memory, with progress on standard error. Returns at once what the page cache holds; otherwise
// when everything is there that every token needs. With kMap the rest, if it `fits`, comes while the result lives.
Result<std::unique_ptr<ReadAhead>> bring_in_weights(const llama4::WeightTotals& totals, LoadMode mode, bool fits);

// Waits for that rest too: measurements must not meet it.
void wait_for_weights(ReadAhead* reading);

}  // namespace paddock::cli
