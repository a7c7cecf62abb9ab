// SPDX-License-Identifier: Apache-2.0
#pragma once
// RFC 4648, section 4.

#include <optional>
#include <string>
#include <string_view>

namespace paddock {

// Nothing where the text is not of that form. Padding may be missing.
std::optional<std::string> decode_base64(std::string_view text);

// With padding.
std::string encode_base64(std::string_view bytes);

}  // namespace paddock
