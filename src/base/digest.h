// SPDX-License-Identifier: Apache-2.0
#pragma once
// SHA-256 (FIPS 180-4) and its text.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace paddock {

using Digest = std::array<uint8_t, 32>;

// Of the parts one after another.
Digest sha256(std::initializer_list<std::string_view> parts);
inline Digest sha256(std::string_view bytes) { return sha256({bytes}); }

// Takes the same time wherever they differ.
bool equal_in_constant_time(const Digest& one, const Digest& other);

// Lower-case hexadecimal.
std::string to_hex(std::string_view bytes);
std::string to_hex(const Digest& digest);

// Exactly 64 lower-case digits.
std::optional<Digest> digest_from_hex(std::string_view text);

bool is_lower_hex(std::string_view text);

}  // namespace paddock
