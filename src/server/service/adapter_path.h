// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which folder a client means that names an adapter by its path.

#include <filesystem>
#include <string>

#include "base/result.h"

namespace paddock::server {

// `given`, in `folder` or counted from it, with all links followed: it and the adapter's two files have to lie inside
// the folder. An error says no more of what lies outside than that it does.
Result<std::filesystem::path> adapter_path(const std::filesystem::path& folder, const std::string& given);

}  // namespace paddock::server
