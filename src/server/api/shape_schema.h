// SPDX-License-Identifier: Apache-2.0
#pragma once
// A shape as JSON Schema (draft 2020-12), for openapi.json.

#include "base/json.h"
#include "server/api/shape.h"

namespace paddock::server {

// Accepts exactly what check_shape accepts. Fields that are refused admit only null and the values that ask for
// nothing.
Json json_schema(const Shape& shape);

}  // namespace paddock::server
