// SPDX-License-Identifier: Apache-2.0
#pragma once
// openapi.json (version 3.1), written from the tables by which bodies are checked.

#include <string>
#include <string_view>

#include "base/json.h"

namespace paddock::server {

// The routes of this folder: bodies, answers, errors; and `further_paths`, a paths object of the routes that others
// serve. `version` is the program's; `needs_key`: no route is open that does not say so.
Json write_openapi(std::string_view version, bool needs_key, const Json& further_paths);

}  // namespace paddock::server
