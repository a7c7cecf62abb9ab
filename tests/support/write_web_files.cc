// SPDX-License-Identifier: Apache-2.0
// write_web_files FOLDER: what the program would serve as its web page, for tests in a browser. FILES.json says what they are:
// {"headers": {…}, "files": [{"path", "content_type", "etag", "content": a file's name, "gzip": another or null}]}.

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "server/web/web_files.h"

namespace {

bool write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  return static_cast<bool>(file.flush());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  nlohmann::json list = {{"headers", nlohmann::json::object()}, {"files", nlohmann::json::array()}};
  for (const auto& header : paddock::web::web_headers())
    list["headers"][std::string(header.name)] = std::string(header.value);
  for (const auto& file : paddock::web::web_files()) {
    const std::string name = std::to_string(list["files"].size());
    if (!write_file(folder / name, file.content) || !write_file(folder / (name + ".gz"), file.gzip)) return 1;
    nlohmann::json entry = {{"path", std::string(file.path)},
                            {"content_type", std::string(file.content_type)},
                            {"etag", std::string(file.etag)},
                            {"content", name},
                            {"gzip", nullptr}};
    if (!file.gzip.empty()) entry["gzip"] = name + ".gz";
    list["files"].push_back(entry);
  }
  return write_file(folder / "FILES.json", list.dump()) ? 0 : 1;
}
