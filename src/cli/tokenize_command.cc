// SPDX-License-Identifier: Apache-2.0
// paddock tokenize: text to token ids and back.

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_text.h"
#include "cli/options.h"
#include "cli/prompt.h"
#include "cli/token_file.h"

namespace paddock::cli {
namespace {

constexpr const char* kTokenizeExamples = R"(Examples:
  paddock tokenize folder/ --text "Hello, world" --json          {"ids":[…]}
  paddock tokenize model.gguf --batch texts.json                  ["one", "two"] to [[…],[…]]
  paddock tokenize tokenizer.json --decode --text "15 8 12"       text
  paddock tokenize folder/ --text "<|eot|>" --special all         a special token's id
)";

struct TokenizeOptions {
  std::string model;
  Verbosity verbosity;
  std::optional<std::string> text;
  std::string file;
  std::string batch;
  bool special = false;
  bool bos = false;
  bool decode = false;
  bool json = false;
};

using Ids = std::vector<int32_t>;

std::string ids_json(const Ids& ids) { return fmt::format("[{}]", fmt::join(ids, ",")); }
std::string text_json(std::string_view text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

// What --batch gives, as JSON texts of its items.
Result<void> print_list(const std::vector<std::string>& items) {
  return print(fmt::format("[{}]\n", fmt::join(items, ",")));
}

class Encoder {
 public:
  Encoder(const text::Tokenizer& tokenizer, const TokenizeOptions& options)
      : tokenizer_(tokenizer), options_(options) {}

  Ids encode(std::string_view text) const {
    Ids ids = tokenizer_.encode(text, options_.special ? text::Specials::kAll : text::Specials::kNone);
    if (options_.bos) ids.insert(ids.begin(), *tokenizer_.bos());
    return ids;
  }
  Result<void> encode_one(std::string_view text) const {
    const Ids ids = encode(text);
    return print(options_.json ? fmt::format("{{\"ids\":{}}}\n", ids_json(ids))
                               : fmt::format("{}\n", fmt::join(ids, " ")));
  }
  Result<void> encode_batch(std::string_view file) const {
    const Json texts = TRY(parse_json(file, options_.batch, {.repair_text = true}));
    if (!texts.is_array())
      return error(ErrorCode::kBadFile, "{}: expected an array of strings, found {}", options_.batch,
                   texts.type_name());
    std::vector<std::string> items;
    for (const Json& text : texts) {
      if (!text.is_string())
        return error(ErrorCode::kBadFile, "{}: item {}: expected a string, found {}", options_.batch, items.size(),
                     text.type_name());
      items.push_back(ids_json(encode(text.get_ref<const std::string&>())));
    }
    return print_list(items);
  }

  std::string decode(const Ids& ids) const { return tokenizer_.decode(ids, text::SpecialText::kShow); }
  Result<void> decode_one(const Ids& ids) const {
    const std::string text = decode(ids);
    return print(options_.json ? fmt::format("{{\"text\":{}}}\n", text_json(text)) : text + "\n");
  }
  Result<void> decode_batch(std::string_view file) const {
    std::vector<std::string> items;
    const std::vector<Ids> batch = TRY(parse_token_id_batch(file, options_.batch));
    for (const Ids& ids : batch) items.push_back(text_json(decode(ids)));
    return print_list(items);
  }

 private:
  const text::Tokenizer& tokenizer_;
  const TokenizeOptions& options_;
};

// Ids as people type them, or as JSON: it begins with a bracket.
Result<Ids> parse_ids(std::string_view text, const std::string& source) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool is_json = first != std::string_view::npos && (text[first] == '[' || text[first] == '{');
  return is_json ? parse_token_ids(text, source) : parse_listed_ids(text, source);
}

Result<void> tokenize(const TokenizeOptions& options) {
  options.verbosity.apply();
  const ModelText model = TRY(read_model_text(options.model));
  const text::Tokenizer& tokenizer = *TRY(require_tokenizer(model, options.model));
  if (options.bos && !tokenizer.bos())
    return error(ErrorCode::kNotFound, "{}: --bos: expected a begin-of-text token, found none in the tokenizer",
                 model.tokenizer_source);
  const Encoder encoder(tokenizer, options);
  if (!options.batch.empty()) {
    const std::string file = TRY(read_input(options.batch));
    return options.decode ? encoder.decode_batch(file) : encoder.encode_batch(file);
  }
  const std::string source = options.text ? "--text" : options.file.empty() ? "standard input" : options.file;
  const std::string text = options.text ? *options.text : TRY(read_input(options.file.empty() ? "-" : options.file));
  if (!options.decode) return encoder.encode_one(text);
  const Ids ids = TRY(parse_ids(text, source));
  return encoder.decode_one(ids);
}

}  // namespace

void add_tokenize_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App& command = *program.add_subcommand("tokenize", "text to token ids and back");
  command
      .add_option("MODEL", options->model,
                  "a model, or a folder or file with only a tokenizer: tokenizer.json, tokenizer.model, GGUF")
      ->required();
  auto* text =
      command.add_option("--text", options->text, "the text, or with --decode the ids; otherwise standard input");
  auto* file = command.add_option("--file", options->file, "a file of it; - is standard input")->excludes(text);
  command.add_option("--batch", options->batch, "a JSON array of strings, or with --decode of arrays of ids")
      ->excludes(text)
      ->excludes(file);
  add_special_option(command, &options->special);
  auto* bos = command.add_flag("--bos", options->bos, "put the begin-of-text token first");
  command.add_flag("--decode", options->decode, "ids to text, special tokens shown")->excludes(bos);
  command.add_flag("--json", options->json, "print {\"ids\":[…]} or {\"text\":…}; a batch is an array in any case");
  add_verbosity(command, &options->verbosity);
  command.footer(kTokenizeExamples);
  command.callback([options, chosen] { *chosen = [options] { return tokenize(*options); }; });
}

}  // namespace paddock::cli
