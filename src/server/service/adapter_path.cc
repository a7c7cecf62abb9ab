// SPDX-License-Identifier: Apache-2.0
#include "server/service/adapter_path.h"

#include <algorithm>
#include <system_error>

namespace paddock::server {
namespace {

namespace fs = std::filesystem;

bool lies_inside(const fs::path& folder, const fs::path& path) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

}  // namespace

Result<fs::path> adapter_path(const fs::path& folder, const std::string& given) {
  const auto outside = [&] {
    return error(ErrorCode::kNotAllowed,
                 "lora_path: expected the folder of an adapter inside the one that the server was given by "
                 "--adapter-folder, found {}, which is not there or leads out of it",
                 given);
  };
  if (given.find('\0') != std::string::npos) return outside();
  std::error_code problem;
  fs::path root = fs::canonical(folder, problem);
  if (problem)
    return error(ErrorCode::kIo, "--adapter-folder: {}: expected a folder, found {}", folder.string(),
                 problem.message());
  fs::path path = fs::canonical(root / given, problem);
  if (problem || !lies_inside(root, path)) return outside();
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors"}) {
    const fs::path file = fs::canonical(path / name, problem);
    if (problem || !lies_inside(root, file) || !fs::is_regular_file(file, problem))
      return error(ErrorCode::kNotFound, "lora_path: {}: expected a folder with {}, found none that may be read", given,
                   name);
  }
  return path;
}

}  // namespace paddock::server
