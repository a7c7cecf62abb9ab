// SPDX-License-Identifier: Apache-2.0
#pragma once
// A body held against its shape. Time is linear in the body.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "server/api/api_error.h"
#include "server/api/shape.h"

namespace paddock::server {

// An error names the path of the value that is wrong, what was expected and what was found. Members that no field is
// known for are removed, so that nothing is read that has not been checked; their paths are added to `unknown`, up
// to 32.
ApiResult<void> check_shape(Json& value, const Shape& shape, std::vector<std::string>& unknown);

// What a text from outside looks like in a message: in quotation marks, cut after 60 characters.
std::string in_quotes(std::string_view text);

}  // namespace paddock::server
