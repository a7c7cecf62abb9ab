// SPDX-License-Identifier: Apache-2.0
#include "export/side_files.h"

#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "base/new_file.h"

namespace paddock::exporting {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSideFiles[] = {"tokenizer.json",
                                      "tokenizer.model",
                                      "tokenizer_config.json",
                                      "special_tokens_map.json",
                                      "added_tokens.json",
                                      "chat_template.jinja",
                                      "chat_template.json",
                                      "generation_config.json",
                                      "preprocessor_config.json",
                                      "processor_config.json",
                                      "LICENSE",
                                      "LICENSE.txt",
                                      "NOTICE",
                                      "USE_POLICY.md"};
constexpr const char* kMoreTemplates = "additional_chat_templates";  // a folder

Result<void> copy_whole(const fs::path& from, const fs::path& to) {
  const MappedFile original = TRY(MappedFile::open(from));
  NewFile copy = TRY(NewFile::create(to));
  TRY_VOID(copy.write(original.bytes()));
  return copy.commit();
}

}  // namespace

Result<std::vector<std::string>> copy_side_files(const fs::path& from, const fs::path& to) {
  std::vector<std::string> names;
  std::error_code problem;
  for (const char* name : kSideFiles) {
    if (!fs::is_regular_file(from / name, problem)) continue;
    TRY_VOID(copy_whole(from / name, to / name));
    names.emplace_back(name);
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(from / kMoreTemplates, problem)) {
    if (!entry.is_regular_file(problem)) continue;
    const fs::path name = fs::path(kMoreTemplates) / entry.path().filename();
    fs::create_directories(to / kMoreTemplates, problem);
    TRY_VOID(copy_whole(entry.path(), to / name));
    names.push_back(name.string());
  }
  return names;
}

Result<std::vector<std::string>> write_tokenizer_files(const JsonTokenizer& tokenizer, const fs::path& to) {
  std::vector<std::string> names;
  for (const auto& [name, json] : {std::pair<const char*, const Json&>("tokenizer.json", tokenizer.tokenizer),
                                   {"tokenizer_config.json", tokenizer.tokenizer_config},
                                   {"generation_config.json", tokenizer.generation_config}}) {
    NewFile file = TRY(NewFile::create(to / name));
    TRY_VOID(file.write(json.dump(2) + "\n"));
    TRY_VOID(file.commit());
    names.emplace_back(name);
  }
  return names;
}

}  // namespace paddock::exporting
