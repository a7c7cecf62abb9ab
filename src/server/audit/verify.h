// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether an audit log is what its writer wrote.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/audit/chain_checker.h"

namespace paddock::server::audit {

struct Verification {
  int64_t records = 0;            // intact ones
  Link last;                      // of the chain; what to keep elsewhere
  std::vector<Finding> findings;  // by their place in the log
  size_t findings_left_out = 0;
  std::vector<std::string> notes;    // what is worth knowing and no fault
  std::optional<int64_t> wanted_at;  // where the record stands that the caller asked for

  bool is_intact() const { return findings.empty(); }
};

// `path` is the folder of a log, or one segment of it, which may begin anywhere and has no head. With `wanted`, a hash
// that was kept elsewhere, the log must contain that record. A log may be verified while it is written. An error when
// files cannot be read or there are none: that is not the same as a log that is not intact.
Result<Verification> verify_log(const std::filesystem::path& path, const std::optional<Digest>& wanted = {});

// The last record by the head file, without reading the log.
Result<Link> head_of(const std::filesystem::path& folder);

// The segments that `path` names: those of a folder, or itself.
Result<std::vector<std::filesystem::path>> segment_files(const std::filesystem::path& path);

}  // namespace paddock::server::audit
