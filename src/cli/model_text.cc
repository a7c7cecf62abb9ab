// SPDX-License-Identifier: Apache-2.0
#include "cli/model_text.h"

#include <optional>

#include "base/mapped_file.h"
#include "checkpoint/gguf.h"
#include "cli/gguf_text.h"
#include "text/load_tokenizer.h"

namespace paddock::cli {
namespace {

namespace fs = std::filesystem;

// A converted model pads its embedding by this part at most.
constexpr int64_t kMostUnnamedPart = 16;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// The file in the folder that counts, or missing.
std::optional<fs::path> tokenizer_file(const fs::path& folder) {
  for (const char* name : {"tokenizer.json", "tokenizer.model"})
    if (is_there(folder / name)) return folder / name;
  return std::nullopt;
}

Result<ModelText> read_from_file(const fs::path& file) {
  std::error_code ignored;
  ModelText text;
  text.tokenizer = TRY(text::load_tokenizer(file));
  text.tokenizer_source = file.string();
  text.listed_tokens = text.tokenizer->vocab_size();
  text.folder = fs::absolute(file, ignored).parent_path();
  return text;
}

Result<ModelText> read_from_metadata(const checkpoint::Checkpoint& checkpoint) {
  const std::string source = checkpoint.files().front().path().string();
  ModelText text;
  text.folder = checkpoint.folder();
  const auto vocabulary = TRY(gguf_vocabulary(checkpoint.metadata(), source));
  if (!vocabulary) return text;
  text::Vocabulary built = TRY(text::vocabulary_from_gguf(*vocabulary, source));
  text.tokenizer = TRY(text::Tokenizer::create(std::move(built)));
  text.tokenizer_source = source;
  text.listed_tokens = static_cast<int64_t>(vocabulary->tokens.size());
  text.names_every_row = true;
  text.chat = TRY(gguf_chat_source(checkpoint.metadata(), *vocabulary, source));
  return text;
}

}  // namespace

Result<ModelText> read_model_text(const checkpoint::Checkpoint& checkpoint) {
  if (checkpoint.format() == checkpoint::Format::kGguf) return read_from_metadata(checkpoint);
  if (const auto file = tokenizer_file(checkpoint.folder())) return read_from_file(*file);
  ModelText text;
  text.folder = checkpoint.folder();
  return text;
}

Result<ModelText> read_model_text(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    if (const auto file = tokenizer_file(path)) return read_from_file(*file);
    auto opened = checkpoint::Checkpoint::open(path);
    if (!opened && opened.error().code != ErrorCode::kNotFound) return tl::unexpected(opened.error());
    ModelText text = opened ? TRY(read_from_metadata(*opened)) : ModelText();
    TRY_VOID(require_tokenizer(text, path.string()));
    return text;
  }
  if (checkpoint::has_gguf_magic(TRY(MappedFile::open(path)).bytes())) {
    const auto opened = TRY(checkpoint::Checkpoint::open(path));
    ModelText text = TRY(read_from_metadata(opened));
    TRY_VOID(require_tokenizer(text, path.string()));
    return text;
  }
  const std::string name = path.filename().string();
  const bool is_weights = name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json");
  if (!is_weights) return read_from_file(path);
  return read_model_text(fs::absolute(path, ignored).parent_path());
}

Result<void> check_vocabulary_size(const ModelText& text, int64_t vocabulary) {
  if (!text.tokenizer) return {};
  const int64_t unnamed = vocabulary - text.listed_tokens;
  const int64_t most_unnamed = text.names_every_row ? 0 : vocabulary / kMostUnnamedPart;
  if (unnamed >= 0 && unnamed <= most_unnamed) return {};
  return error(ErrorCode::kBadFile,
               "{}: expected a tokenizer of {} tokens, the rows of the embedding, found {}; tokenizer and weights are "
               "not of one model",
               text.tokenizer_source, vocabulary, text.listed_tokens);
}

Result<const text::Tokenizer*> require_tokenizer(const ModelText& text, const std::string& model) {
  if (text.tokenizer) return &*text.tokenizer;
  return error(
      ErrorCode::kNotFound,
      "{}: expected a tokenizer (tokenizer.json, tokenizer.model, or the metadata of a GGUF file), found none; "
      "copy it from the model's repository, or give token ids instead of text",
      model);
}

}  // namespace paddock::cli
