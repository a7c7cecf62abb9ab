// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where a user's files lie, by the XDG Base Directory Specification.

#include <filesystem>
#include <string_view>

namespace paddock::cli {

// The model that `paddock chat` talks to when none is named.
std::filesystem::path default_model();

// The file for lines typed in a chat, its folder made; empty when there is no place for it.
std::filesystem::path history_file();

// The keys, prices and usage of a server that this user runs, its folder made; empty when there is no place for it.
std::filesystem::path key_database();

// A leading "~/" is the home folder.
std::filesystem::path user_path(std::string_view typed);

}  // namespace paddock::cli
