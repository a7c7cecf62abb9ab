// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where an audit log that was written before goes on.

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "server/audit/record.h"

namespace paddock::server::audit {

struct LogEnd {
  Link last;               // zeros: there is no record
  int64_t segment = 1;     // the number of the segment to append to
  int64_t good_bytes = 0;  // of that segment
  int64_t torn_bytes = 0;  // behind them
  Digest torn_hash{};
};

// Reads the last segment. What is behind its last intact record may be cut only when the head file does not name it:
// records that were on the disk once and are gone or damaged are an error that says so.
Result<LogEnd> find_end(const std::filesystem::path& folder);

}  // namespace paddock::server::audit
