// SPDX-License-Identifier: Apache-2.0
#pragma once
// openapi.json (version 3.1), written from the tables by which bodies are checked.

#include <string>
#include <string_view>

#include "base/json.h"

namespace paddock::server {

// The routes of this folder: bodies, answers, errors; and `further_paths`, a paths object of the routes that others
// serve. `version` is the program's.
Json write_openapi(std::string_view version, const Json& further_paths);

}  // namespace paddock::server
