// SPDX-License-Identifier: Apache-2.0
#include "cli/trained_output.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/new_folder.h"
#include "cli/console.h"
#include "cli/convert_output.h"
#include "cli/gguf_text.h"
#include "export/config_json.h"
#include "export/hugging_face_folder.h"
#include "export/side_files.h"
#include "export/storage.h"
#include "train/adapter_writer.h"

namespace paddock::cli {
namespace {

namespace fs = std::filesystem;
using tensor::DType;

struct Export {
  enum class Kind { kPeft, kFolder, kGguf } kind = Kind::kPeft;
  DType type = DType::kF32;
};

Result<Export> parse_export(const std::string& text, bool adapter) {
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon), type = colon == std::string::npos ? "" : text.substr(colon + 1);
  const auto wrong = [&] {
    return error(ErrorCode::kInvalidArgument,
                 "exports: expected {}hf, hf:bf16, gguf:q8_0 or the like (paddock convert --help lists the types), "
                 "found {}",
                 adapter ? "peft, " : "", text);
  };
  if (kind == "peft" && type.empty() && adapter) return Export{Export::Kind::kPeft, DType::kF32};
  if (kind != "hf" && kind != "gguf") return wrong();
  const auto stored = type.empty() ? std::optional(DType::kF32) : exporting::storage_type(type);
  if (!stored || (kind == "hf" && tensor::is_block_format(*stored))) return wrong();
  return Export{kind == "hf" ? Export::Kind::kFolder : Export::Kind::kGguf, *stored};
}

// A model that there was no checkpoint of: its configuration and the files of its tokenizer are written beside it.
Result<void> write_new_folder(const TrainedParts& parts, const exporting::ModelSource& source,
                              const OutputWishes& wishes) {
  NewFolder folder = TRY(NewFolder::create(wishes.out, true));
  exporting::FolderWishes contents{.type = wishes.type};
  contents.config = TRY(exporting::config_json(source.config(), wishes.type, wishes.out));
  exporting::RowEncoder encoder(wishes.threads);
  TRY_VOID(exporting::write_hugging_face(folder.path(), source, contents, &encoder, [](const auto&) {}));
  const fs::path tokenizer = parts.tokenizer;
  if (tokenizer.extension() == ".gguf") {
    const auto file = TRY(checkpoint::Checkpoint::open(tokenizer));
    const auto vocabulary = TRY(gguf_vocabulary(file.metadata(), parts.tokenizer));
    const auto json = TRY(exporting::json_tokenizer(*vocabulary, parts.text->chat, parts.tokenizer));
    TRY(exporting::write_tokenizer_files(json, folder.path()));
  } else {
    TRY(exporting::copy_side_files(fs::is_directory(tokenizer) ? tokenizer : tokenizer.parent_path(), folder.path()));
  }
  return folder.commit();
}

// The weights as they are, or the frozen ones with the adapter merged.
struct Source {
  std::vector<float> block;
  std::vector<exporting::AdapterBlock> adapters;
  std::unique_ptr<exporting::ModelSource> base, merged;
  const exporting::ModelSource& model() const { return merged ? *merged : *base; }
};

Source source_of(const TrainedParts& parts) {
  const train::Workbench& bench = *parts.bench;
  Source source;
  source.block = bench.read(bench.trained_weights(), bench.floats());
  if (bench.adapter()) {
    source.base = std::make_unique<exporting::LoadedSource>(*parts.start);
    source.adapters.push_back({*bench.adapter(), source.block});
    source.merged = std::make_unique<exporting::MergedSource>(*source.base, source.adapters);
  } else {
    source.base = std::make_unique<exporting::BlockSource>(*bench.model().config, source.block);
  }
  return source;
}

Result<void> write_folder(const TrainedParts& parts, const exporting::ModelSource& source, const OutputWishes& wishes) {
  if (parts.open == nullptr) return write_new_folder(parts, source, wishes);
  for (const std::string& sentence : TRY(convert_to_folder(*parts.open, source, wishes)).notes) note("{}", sentence);
  return {};
}

// Beside the folder that has been written, whose tokenizer it takes.
Result<void> write_gguf(const std::string& folder, const exporting::ModelSource& source, const OutputWishes& wishes) {
  const OpenModel open = TRY(open_model(folder));
  for (const std::string& sentence : TRY(convert_to_gguf(open, source, wishes)).notes) note("{}", sentence);
  return {};
}

}  // namespace

Result<void> check_exports(const train::Recipe& recipe) {
  for (const std::string& text : recipe.exports) TRY(parse_export(text, recipe.trains_adapter()));
  return {};
}

Result<std::vector<std::string>> write_trained(const train::Recipe& recipe, const TrainedParts& parts) {
  std::vector<Export> wanted;
  for (const std::string& text : recipe.exports) wanted.push_back(TRY(parse_export(text, recipe.trains_adapter())));
  const Source source = source_of(parts);
  const fs::path out = recipe.out;
  std::vector<std::string> made;
  if (const auto& adapter = parts.bench->adapter()) {
    made.push_back(out / "adapter");
    TRY_VOID(train::write_adapter(*adapter, parts.bench->parameters(), source.block, recipe.model.start, made.back()));
  }
  const auto folder = std::ranges::find(wanted, Export::Kind::kFolder, &Export::kind);
  const bool any_gguf = std::ranges::find(wanted, Export::Kind::kGguf, &Export::kind) != wanted.end();
  OutputWishes wishes{.out = out / "model",
                      .type = folder == wanted.end() ? DType::kF32 : folder->type,
                      .name = out.filename(),
                      .shard_bytes = uint64_t{5} << 30,
                      .threads = parts.threads,
                      .replace = true,
                      .quiet = true};
  if (!parts.bench->adapter() || folder != wanted.end() || any_gguf) {
    TRY_VOID(write_folder(parts, source.model(), wishes));
    made.push_back(wishes.out);
  }
  const std::string from = wishes.out;
  for (const Export& each : wanted) {
    if (each.kind != Export::Kind::kGguf) continue;
    std::string type(tensor::name(each.type));
    std::ranges::transform(type, type.begin(), [](unsigned char letter) { return std::tolower(letter); });
    wishes.out = out / fmt::format("model-{}.gguf", type);
    wishes.type = each.type;
    TRY_VOID(write_gguf(from, source.model(), wishes));
    made.push_back(wishes.out);
  }
  return made;
}

}  // namespace paddock::cli
