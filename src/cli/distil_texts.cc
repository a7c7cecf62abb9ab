// SPDX-License-Identifier: Apache-2.0
#include "cli/distil_texts.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/mapped_file.h"
#include "cli/chat_format.h"
#include "text/assistant_turns.h"

namespace paddock::cli {
namespace {

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

double part_of(size_t done, size_t all) { return all == 0 ? 1 : static_cast<double>(done) / static_cast<double>(all); }

class PlainTexts : public DistilTexts {
 public:
  PlainTexts(std::vector<MappedFile> files, const OpenModel& open, const PromptOptions& encoding, int64_t length)
      : files_(std::move(files)), open_(open), encoding_(encoding), length_(static_cast<size_t>(length)) {
    for (const MappedFile& file : files_) bytes_ += file.bytes().size();
    const text::Tokenizer& tokenizer = *open.text.tokenizer;
    if (tokenizer.add_bos() && !encoding.no_bos) bos_ = tokenizer.bos();
  }

  Result<std::optional<distil::Text>> next() override {
    while (next_token_ >= tokens_.size()) {
      bytes_done_ += file_bytes_;
      file_bytes_ = 0;
      if (next_file_ == files_.size()) return std::nullopt;
      const MappedFile& file = files_[next_file_++];
      PromptOptions without_bos = encoding_;
      without_bos.no_bos = true;
      tokens_ = TRY(encode_prompt(open_.text, open_.path, text_of(file), without_bos));
      file_bytes_ = file.bytes().size();
      next_token_ = 0;
    }
    distil::Text text;
    if (bos_ && tokens_[next_token_] != *bos_) text.tokens.push_back(*bos_);
    const size_t count = std::min(length_ - text.tokens.size(), tokens_.size() - next_token_);
    const auto from = tokens_.begin() + static_cast<std::ptrdiff_t>(next_token_);
    text.tokens.insert(text.tokens.end(), from, from + static_cast<std::ptrdiff_t>(count));
    next_token_ += count;
    text.taught.assign(text.tokens.size(), true);
    return text;
  }

  double share_read() const override {
    const double of_file = tokens_.empty() ? 0 : part_of(next_token_, tokens_.size());
    return bytes_ == 0 ? 1
                       : (static_cast<double>(bytes_done_) + of_file * static_cast<double>(file_bytes_)) /
                             static_cast<double>(bytes_);
  }

 private:
  std::vector<MappedFile> files_;
  const OpenModel& open_;
  PromptOptions encoding_;
  size_t length_;
  std::optional<int32_t> bos_;
  std::vector<int32_t> tokens_;  // of the file that is being read
  size_t next_file_ = 0, next_token_ = 0;
  size_t bytes_ = 0, bytes_done_ = 0, file_bytes_ = 0;
};

// The lines of a file that are not empty, as JSON.
class JsonLines {
 public:
  explicit JsonLines(MappedFile file) : file_(std::move(file)) {}

  Result<std::optional<Json>> next() {
    for (const std::string_view all = text_of(file_); at_ < all.size();) {
      const std::string_view line = all.substr(at_, all.find('\n', at_) - at_);
      at_ = std::min(all.size(), at_ + line.size() + 1);
      ++number_;
      if (line.find_first_not_of(" \t\r") != std::string_view::npos)
        return TRY(parse_json(line, place(), {.exact_integers = true}));
    }
    return std::nullopt;
  }
  std::string place() const { return fmt::format("{}:{}", file_.path().string(), number_); }
  double share_read() const { return part_of(at_, file_.bytes().size()); }

 private:
  MappedFile file_;
  size_t at_ = 0;
  int64_t number_ = 0;
};

// How a model reads conversations.
class ConversationReader {
 public:
  static Result<ConversationReader> open(const OpenModel& model) {
    return ConversationReader(model, TRY(read_chat_template(model.text)));
  }

  Result<distil::Telling> read(const Json& conversation, const std::string& place) const {
    auto [tokens, said_in] =
        TRY(text::teach_conversation(template_, *model_->text.tokenizer, model_->stop_tokens, conversation, place));
    if (tokens.empty()) return error(ErrorCode::kBadFile, "{}: expected a conversation with text, found none", place);
    std::vector<bool> taught;
    for (size_t token = 0; token < tokens.size(); ++token) taught.push_back(said_in[token] >= 0);
    return distil::Telling{std::move(tokens), std::move(taught)};
  }

 private:
  ConversationReader(const OpenModel& model, text::ChatTemplate chat_template)
      : model_(&model), template_(std::move(chat_template)) {}

  const OpenModel* model_;
  text::ChatTemplate template_;
};

// Ends before what is beyond `length` tokens.
bool cut_at(distil::Telling* telling, size_t length) {
  if (telling->tokens.size() <= length) return false;
  telling->tokens.resize(length);
  telling->taught.resize(length);
  return true;
}

// Ends behind `count` taught tokens.
void cut_behind(distil::Telling* telling, size_t count) {
  size_t length = 1;
  for (size_t left = count; length < telling->tokens.size() && left > 0; ++length) left -= telling->taught[length];
  cut_at(telling, length);
}

class Conversations : public DistilTexts {
 public:
  Conversations(MappedFile file, ConversationReader teacher, std::optional<ConversationReader> student, int64_t length)
      : lines_(std::move(file)),
        teacher_(std::move(teacher)),
        student_(std::move(student)),
        length_(static_cast<size_t>(length)) {}

  Result<std::optional<distil::Text>> next() override {
    const std::optional<Json> line = TRY(lines_.next());
    if (!line) return std::nullopt;
    const Json whole = line->is_array() ? Json{{"messages", *line}} : *line;
    distil::Text text{TRY(teacher_.read(whole, lines_.place())), std::nullopt};
    if (student_) text.student = TRY(student_->read(whole, lines_.place()));
    if (student_ && text.taught_tokens() != text.student->taught_tokens())
      return error(ErrorCode::kInvalidArgument,
                   "{}: expected the assistant's tokens to be the same to teacher and student, found others; only the "
                   "chat templates and the names of special tokens may differ",
                   lines_.place());
    bool was_cut = cut_at(&text, length_);
    if (student_) {
      was_cut |= cut_at(&*text.student, length_);
      const size_t taught = std::min(text.taught_tokens().size(), text.student->taught_tokens().size());
      cut_behind(&text, taught);
      cut_behind(&*text.student, taught);
    }
    cut_ += was_cut;
    return text;
  }
  double share_read() const override { return lines_.share_read(); }
  int64_t cut() const override { return cut_; }

 private:
  JsonLines lines_;
  ConversationReader teacher_;
  std::optional<ConversationReader> student_;
  size_t length_;
  int64_t cut_ = 0;
};

class Prompts : public DistilTexts {
 public:
  Prompts(MappedFile file, const OpenModel& open, const PromptOptions& encoding, int64_t length, int64_t times)
      : lines_(std::move(file)), open_(open), encoding_(encoding), length_(length), times_(times) {}

  Result<std::optional<distil::Text>> next() override {
    if (left_ == 0) {
      const std::optional<Json> line = TRY(lines_.next());
      if (!line) return std::nullopt;
      tokens_ = TRY(encode(*line));
      const auto count = static_cast<int64_t>(tokens_.size());
      if (count < 1 || count >= length_)
        return error(ErrorCode::kBadFile,
                     "{}: expected a prompt of 1 to {} tokens, so that an answer has room, found {}; raise --length",
                     lines_.place(), length_ - 1, count);
      left_ = times_;
    }
    --left_;
    return distil::Text{{tokens_, std::vector<bool>(tokens_.size())}, std::nullopt};
  }
  double share_read() const override { return lines_.share_read(); }

 private:
  Result<std::vector<int32_t>> encode(const Json& line) {
    if (line.is_object() && line.contains("prompt") && line.at("prompt").is_string())
      return encode_prompt(open_.text, open_.path, line.at("prompt").get<std::string>(), encoding_);
    if (!template_) template_ = TRY(read_chat_template(open_.text));
    const auto rendered = render_conversation(*template_, line);
    if (!rendered) return error(rendered.error().code, "{}: {}", lines_.place(), rendered.error().message);
    return open_.text.tokenizer->encode(*rendered);
  }

  JsonLines lines_;
  const OpenModel& open_;
  PromptOptions encoding_;
  std::optional<text::ChatTemplate> template_;  // as soon as a line needs it
  int64_t length_, times_;
  std::vector<int32_t> tokens_;
  int64_t left_ = 0;
};

}  // namespace

Result<std::unique_ptr<DistilTexts>> plain_texts(const std::vector<std::string>& files, const OpenModel& open,
                                                 const PromptOptions& encoding, int64_t length) {
  std::vector<MappedFile> mapped;
  for (const std::string& file : files) mapped.push_back(TRY(MappedFile::open(file)));
  return std::make_unique<PlainTexts>(std::move(mapped), open, encoding, length);
}

Result<std::unique_ptr<DistilTexts>> conversations(const std::string& file, const OpenModel& open,
                                                   const OpenModel* student, int64_t length) {
  MappedFile mapped = TRY(MappedFile::open(file));
  std::optional<ConversationReader> reader;
  if (student != nullptr) reader = TRY(ConversationReader::open(*student));
  return std::make_unique<Conversations>(std::move(mapped), TRY(ConversationReader::open(open)), std::move(reader),
                                         length);
}

Result<std::unique_ptr<DistilTexts>> prompts(const std::string& file, const OpenModel& open,
                                             const PromptOptions& encoding, int64_t length, int64_t times) {
  MappedFile mapped = TRY(MappedFile::open(file));
  return std::make_unique<Prompts>(std::move(mapped), open, encoding, length, times);
}

Result<Json> describe_files(const std::vector<std::string>& files) {
  Json list = Json::array();
  for (const std::string& path : files) {
    const MappedFile file = TRY(MappedFile::open(path));
    list.push_back({{"file", std::filesystem::path(path).filename().string()},
                    {"bytes", file.bytes().size()},
                    {"sha256", to_hex(sha256(text_of(file)))}});
  }
  return list;
}

}  // namespace paddock::cli
