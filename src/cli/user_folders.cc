// SPDX-License-Identifier: Apache-2.0
#include "cli/user_folders.h"

#include <cstdlib>
#include <string>
#include <system_error>

namespace paddock::cli {
namespace {

namespace fs = std::filesystem;

// An absolute path from the environment; the specification has relative ones ignored.
fs::path from_environment(const char* variable) {
  const char* value = std::getenv(variable);
  const fs::path path = value == nullptr ? "" : value;
  return path.is_absolute() ? path : fs::path();
}

fs::path folder_of(const char* variable, const char* below_home) {
  if (const fs::path folder = from_environment(variable); !folder.empty()) return folder;
  const fs::path home = from_environment("HOME");
  return home.empty() ? fs::path() : home / below_home;
}

// The folder for what Paddock remembers of its user, made for the owner alone; empty when there is no place for it.
fs::path state_folder() {
  const fs::path state = folder_of("XDG_STATE_HOME", ".local/state");
  if (state.empty()) return {};
  std::error_code problem;
  fs::path folder = state / "paddock";
  fs::create_directories(folder, problem);
  fs::permissions(folder, fs::perms::owner_all, problem);  // what people type is theirs alone
  return problem ? fs::path() : folder;
}

}  // namespace

fs::path default_model() {
  return folder_of("XDG_CACHE_HOME", ".cache") / "paddock" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
}

fs::path history_file() {
  const fs::path folder = state_folder();
  return folder.empty() ? fs::path() : folder / "history";
}

fs::path key_database() {
  const fs::path folder = state_folder();
  return folder.empty() ? fs::path() : folder / "keys.db";
}

fs::path user_path(std::string_view typed) {
  const fs::path home = from_environment("HOME");
  if (typed.starts_with("~/") && !home.empty()) return home / typed.substr(2);
  return typed;
}

}  // namespace paddock::cli
