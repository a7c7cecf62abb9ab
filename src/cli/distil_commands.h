// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `paddock distil` is made of.

#include "base/json.h"
#include "cli/commands.h"
#include "distil/record_writer.h"

namespace paddock::cli {

void add_distil_record(CLI::App& distil, Action* chosen);
void add_distil_inspect(CLI::App& distil, Action* chosen);

// Counts and what follows from them: bytes a place, the teacher's mean loss and tail mass.
Json json_of(const distil::RecordCounts& counts);
std::string sentence_of(const distil::RecordCounts& counts);

}  // namespace paddock::cli
