// SPDX-License-Identifier: Apache-2.0
#pragma once
// Times as the dialects write them.

#include <cstdint>
#include <string>

namespace paddock::server {

// Seconds of Unix time as 2023-11-14T22:13:20Z.
std::string rfc3339(int64_t seconds);

// A span as 6m0s, 1h2m3s, 20ms: as OpenAI's headers say when a limit is whole again.
std::string duration_text(int64_t milliseconds);

}  // namespace paddock::server
