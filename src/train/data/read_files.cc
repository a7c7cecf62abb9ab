// SPDX-License-Identifier: Apache-2.0
#include "train/data/read_files.h"

#include "base/digest.h"
#include "base/file_digest.h"
#include "base/mapped_file.h"

namespace paddock::train {
namespace {

constexpr size_t kLongestLine = size_t{64} << 20;
constexpr size_t kLongestText = size_t{1} << 20;  // tokenised at once; longer ones are cut at a line's end

class FilesReader {
 public:
  FilesReader(const FilesToRead& files, const ExampleTokeniser& tokeniser, TokenStoreWriter* writer,
              const FilesObserver& observer)
      : files_(files), tokeniser_(tokeniser), writer_(*writer), observer_(observer) {}

  Result<int64_t> read() {
    std::vector<MappedFile> opened;
    for (const std::string& path : files_.files) {
      opened.push_back(TRY(MappedFile::open(path)));
      all_bytes_ += static_cast<int64_t>(opened.back().bytes().size());
    }
    for (size_t index = 0; index < opened.size(); ++index) {
      const auto bytes = opened[index].bytes();
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      const std::string& path = files_.files[index];
      if (path.ends_with(".jsonl"))
        TRY_VOID(lines(path, text));
      else
        TRY_VOID(texts(path, text));
    }
    return bad_lines_;
  }

 private:
  Result<void> lines(const std::string& path, std::string_view text) {
    for (int64_t number = 1; !text.empty(); ++number) {
      const size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      advance(end + 1);
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      const auto added = line.size() > kLongestLine ? too_long(line.size()) : add_line(line);
      if (added) continue;
      if (added.error().code == ErrorCode::kIo) return added;
      const std::string sentence = fmt::format("{}: line {}: {}", path, number, added.error().message);
      if (files_.bad_lines == BadLines::kStop)
        return error(ErrorCode::kBadFile, "{}; correct it, or leave such lines out with data.bad_lines = \"skip\"",
                     sentence);
      ++bad_lines_;
      if (observer_.bad_line) observer_.bad_line(sentence);
    }
    return {};
  }

  static tl::unexpected<Error> too_long(size_t bytes) {
    return error(ErrorCode::kLimit, "expected at most {} bytes, found {}", kLongestLine, bytes);
  }

  Result<void> add_line(std::string_view line) {
    switch (files_.kind) {
      case JobKind::kPretrain: return writer_.add(tokeniser_.text(TRY(read_text_line(line))));
      case JobKind::kChat:
      case JobKind::kDistil: return writer_.add(TRY(tokeniser_.chat(TRY(read_chat_line(line)))));
      case JobKind::kPreference: {
        const PreferenceExample pair = TRY(read_preference_line(line));
        const Document chosen = TRY(tokeniser_.chat(pair.chosen)), rejected = TRY(tokeniser_.chat(pair.rejected));
        TRY_VOID(writer_.add(chosen));
        return writer_.add(rejected);
      }
    }
    return {};
  }

  Result<void> texts(const std::string& path, std::string_view text) {
    if (files_.kind != JobKind::kPretrain)
      return error(ErrorCode::kInvalidArgument, "{}: expected examples in a file whose name ends in .jsonl", path);
    while (!text.empty()) {
      const size_t found = files_.separator.empty() ? std::string_view::npos : text.find(files_.separator);
      const size_t end = std::min(found, text.size());
      TRY_VOID(add_text(text.substr(0, end)));
      text.remove_prefix(std::min(end + files_.separator.size(), text.size()));
    }
    return {};
  }

  Result<void> add_text(std::string_view text) {
    while (!text.empty()) {
      size_t count = text.size();
      if (count > kLongestText) {
        const size_t line = text.rfind('\n', kLongestText);
        count = line == std::string_view::npos || line == 0 ? kLongestText : line + 1;
      }
      const std::string_view piece = text.substr(0, count);
      if (piece.find_first_not_of(" \t\r\n") != std::string_view::npos)
        TRY_VOID(writer_.add(tokeniser_.text({"", std::string(piece)})));
      text.remove_prefix(count);
      advance(count);
    }
    return {};
  }

  void advance(size_t bytes) {
    done_ += static_cast<int64_t>(bytes);
    if (observer_.progress) observer_.progress(std::min(done_, all_bytes_), all_bytes_);
  }

  const FilesToRead& files_;
  const ExampleTokeniser& tokeniser_;
  TokenStoreWriter& writer_;
  const FilesObserver& observer_;
  int64_t bad_lines_ = 0, done_ = 0, all_bytes_ = 0;
};

Result<std::string> made_of(const FilesToRead& files, const ExampleTokeniser& tokeniser) {
  std::string all = fmt::format("{}\n{}\n{}\n{}\n{}\n", tokeniser.fingerprint(), static_cast<int>(files.kind),
                                static_cast<int>(files.bad_lines), files.separator, files.shard_tokens);
  for (const std::string& path : files.files) all += to_hex(TRY(file_digest(path))) + "\n";
  return to_hex(sha256(all));
}

}  // namespace

Result<TokenStore> read_files(const FilesToRead& files, const ExampleTokeniser& tokeniser,
                              const std::filesystem::path& folder, const FilesObserver& observer) {
  const std::string wanted = TRY(made_of(files, tokeniser));
  if (auto store = TokenStore::open(folder, wanted, files.vocabulary); store || store.error().code == ErrorCode::kIo)
    return store;
  TokenStoreWriter writer = TRY(TokenStoreWriter::create(folder, files.shard_tokens));
  const int64_t bad_lines = TRY(FilesReader(files, tokeniser, &writer, observer).read());
  TRY_VOID(writer.finish(wanted, bad_lines));
  return TokenStore::open(folder, wanted, files.vocabulary);
}

}  // namespace paddock::train
