// SPDX-License-Identifier: Apache-2.0
#pragma once
// Pictures that a request names by address.

#include <string>
#include <vector>

#include "base/result.h"
#include "prompt/picture_reader.h"

namespace paddock::cli {

// From these hosts (net/allowed_host.h) as far as they are of the public internet. None of them: fetches nothing.
Result<prompt::PictureReader::Fetch> make_picture_fetch(const std::vector<std::string>& hosts);

}  // namespace paddock::cli
