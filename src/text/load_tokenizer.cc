// SPDX-License-Identifier: Apache-2.0
#include "text/load_tokenizer.h"

#include "base/mapped_file.h"
#include "text/tokenizer_config.h"
#include "text/vocabulary_json.h"
#include "text/vocabulary_ranks.h"

namespace paddock::text {
namespace {

namespace fs = std::filesystem;

// Llama 4's tokenizer.json has 28 MB; what is read takes a few times as much memory.
constexpr size_t kMaxFileBytes = size_t{256} << 20;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Result<fs::path> tokenizer_file(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  for (const char* name : {"tokenizer.json", "tokenizer.model"})
    if (is_there(path / name)) return path / name;
  return error(ErrorCode::kNotFound, "{}: no tokenizer in this folder; expected a tokenizer.json or a tokenizer.model",
               path.string());
}

}  // namespace

Result<Vocabulary> load_vocabulary(const fs::path& path) {
  const fs::path file = TRY(tokenizer_file(path));
  const MappedFile mapped = TRY(MappedFile::open(file));
  if (mapped.bytes().size() > kMaxFileBytes)
    return error(ErrorCode::kLimit, "{}: {} bytes; expected a tokenizer.json or tokenizer.model of at most {}",
                 file.string(), mapped.bytes().size(), kMaxFileBytes);
  const std::string_view content(reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size());
  const size_t first = content.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos)
    return error(ErrorCode::kBadFile, "{}: empty; expected a tokenizer.json or a tokenizer.model", file.string());
  if (content[first] != '{') return vocabulary_from_ranks(content, file.string());

  Vocabulary vocabulary = TRY(vocabulary_from_json(content, file.string()));
  const fs::path config_file = file.parent_path() / "tokenizer_config.json";
  if (is_there(config_file)) {
    const std::string config = TRY(read_text_file(config_file, size_t{64} << 20));
    apply_tokenizer_config(TRY(parse_tokenizer_config(config, config_file.string())), vocabulary);
  }
  return vocabulary;
}

Result<Tokenizer> load_tokenizer(const fs::path& path) { return Tokenizer::create(TRY(load_vocabulary(path))); }

}  // namespace paddock::text
