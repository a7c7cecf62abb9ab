// SPDX-License-Identifier: Apache-2.0
#pragma once
// The records of an audit log for other programs.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paddock::cli {

enum class ExportFormat {
  kJson,       // one array
  kJsonLines,  // an object a line
  kCsv,        // columns as kAuditColumns; what has structure (parameters, content) is JSON in its field
};

struct ExportWish {
  int64_t from_ns = std::numeric_limits<int64_t>::min();  // both moments included
  int64_t to_ns = std::numeric_limits<int64_t>::max();
  std::string key;  // id; empty: all
  ExportFormat format = ExportFormat::kJson;
};

// Gives the number of lines that are not whole records, which are left out.
Result<int64_t> export_audit(const std::filesystem::path& path, const ExportWish& wish,
                             const std::function<Result<void>(std::string_view)>& write);

}  // namespace paddock::cli
