// SPDX-License-Identifier: Apache-2.0
#include "cli/convert_output.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "base/new_folder.h"
#include "cli/console.h"
#include "cli/gguf_text.h"
#include "export/config_json.h"
#include "export/gguf_file.h"
#include "export/gguf_model_keys.h"
#include "export/gguf_tokenizer.h"
#include "export/hugging_face_folder.h"
#include "export/side_files.h"

namespace paddock::cli {
namespace {

namespace fs = std::filesystem;

bool is_gguf(const OpenModel& open) { return open.checkpoint.format() == checkpoint::Format::kGguf; }

// One piece as float32, once more in the order of the file, and the bytes that are made of some of it.
uint64_t memory_needed(const exporting::ModelSource& source) {
  int64_t largest = 0;
  for (size_t index = 0; index < source.parameters().all().size(); ++index)
    largest = std::max(largest, source.piece_count(index));
  return static_cast<uint64_t>(largest) * 2 * sizeof(float) + (uint64_t{16} << 20);
}

Result<void> announce(const OutputWishes& wishes, const exporting::ModelSource& source, uint64_t bytes,
                      size_t tensors) {
  std::error_code problem;
  const fs::path folder = fs::absolute(wishes.out, problem).parent_path();
  const fs::space_info space = fs::space(folder, problem);
  if (!wishes.quiet)
    note_aside(fmt::format("writes {} bytes in {} tensors; needs {} bytes of memory beside the mapped model",
                           grouped(bytes), tensors, grouped(memory_needed(source))));
  if (!problem && space.available < bytes)
    return error(ErrorCode::kIo, "{}: expected {} free bytes on its disk, found {}; free some or choose a smaller type",
                 wishes.out, grouped(bytes), grouped(space.available));
  return {};
}

// Counts what has been written and shows it.
class Watcher {
 public:
  Watcher(Converted* done, uint64_t total) : done_(*done), total_(total) {}

  exporting::Written callback() {
    return [this](const checkpoint::PlannedTensor& tensor) {
      done_.bytes += tensor::row_bytes(tensor.dtype, tensor::count(tensor.shape));
      ++done_.tensors;
      progress_.show(static_cast<int64_t>(done_.bytes >> 20), static_cast<int64_t>(total_ >> 20));
    };
  }

 private:
  Converted& done_;
  uint64_t total_;
  Progress progress_{"writing", "MiB"};
};

std::string model_name(const OpenModel& open, const OutputWishes& wishes) {
  if (!wishes.name.empty()) return wishes.name;
  std::error_code ignored;
  return fs::absolute(open.path, ignored).lexically_normal().stem().string();
}

// Pairs of a GGUF source that tell of the model rather than of the file.
std::vector<checkpoint::GgufPair> carried_pairs(const checkpoint::GgufMetadata& metadata, const std::string& name) {
  std::vector<checkpoint::GgufPair> pairs;
  if (!name.empty()) pairs.push_back({"general.name", name});
  constexpr const char* kOfTheFile[] = {"general.architecture", "general.file_type", "general.quantization_version",
                                        "general.alignment"};
  for (const checkpoint::GgufPair& pair : metadata.pairs()) {
    const bool told = pair.key.starts_with("general.") || pair.key.starts_with("tokenizer.");
    const bool renamed = pair.key == "general.name" && !name.empty();
    const bool nested = std::holds_alternative<checkpoint::GgufNested>(pair.value);
    if (told && !renamed && !nested && std::ranges::find(kOfTheFile, pair.key) == std::end(kOfTheFile))
      pairs.push_back(pair);
  }
  return pairs;
}

// The tokenizer's pairs view the result, which outlives the writing.
Result<exporting::GgufTokenizer> tokenizer_pairs(const OpenModel& open, Converted* done) {
  const fs::path folder = open.checkpoint.folder();
  std::error_code ignored;
  if (!fs::exists(folder / "tokenizer.json", ignored)) {
    done->notes.push_back(fs::exists(folder / "tokenizer.model", ignored)
                              ? "the file has no tokenizer: only a tokenizer.json can be written into GGUF, and the "
                                "model has a tokenizer.model"
                              : "the file has no tokenizer, because the model has none");
    return exporting::no_tokenizer();
  }
  const text::ChatSource chat = TRY(text::load_chat_source(folder));
  return exporting::gguf_tokenizer(folder / "tokenizer.json", open.config, chat);
}

// A sentence for each pair of types, with a tensor as the example.
void note_replaced_types(Converted* done) {
  std::map<std::pair<tensor::DType, tensor::DType>, std::vector<std::string>> by_types;
  for (const auto& [name, wanted, written] : done->replaced) by_types[{wanted, written}].push_back(name);
  for (const auto& [types, names] : by_types)
    done->notes.push_back(
        fmt::format("{} tensors are {} instead of {}, whose blocks of {} do not divide their rows: {}{}", names.size(),
                    tensor::name(types.second), tensor::name(types.first), tensor::info(types.first).values,
                    names.front(), names.size() > 1 ? " and others" : ""));
}

// The vision part, which llama.cpp keeps in a file of its own.
void note_dropped_vision(const OpenModel& open, Converted* done) {
  if (!llama4::name_prefix(open.checkpoint).empty())
    done->notes.push_back(
        "the part of the model that sees pictures is left out: a GGUF file of text has no place for it");
}

Result<std::vector<std::string>> write_side_files(const OpenModel& open, const fs::path& folder, Converted* done) {
  if (!is_gguf(open)) return exporting::copy_side_files(open.checkpoint.folder(), folder);
  const std::string source = open.checkpoint.files().front().path().string();
  const auto vocabulary = TRY(gguf_vocabulary(open.checkpoint.metadata(), source));
  if (!vocabulary) {
    done->notes.push_back("the folder has no tokenizer, because the model has none");
    return std::vector<std::string>();
  }
  const text::ChatSource chat = TRY(gguf_chat_source(open.checkpoint.metadata(), *vocabulary, source));
  return exporting::write_tokenizer_files(TRY(exporting::json_tokenizer(*vocabulary, chat, source)), folder);
}

Result<exporting::FolderWishes> folder_wishes(const OpenModel& open, const exporting::ModelSource& source,
                                              const OutputWishes& wishes) {
  exporting::FolderWishes folder{.type = wishes.type, .shard_bytes = wishes.shard_bytes};
  folder.config = TRY(exporting::config_json(source.config(), wishes.type, open.path));
  if (is_gguf(open)) return folder;
  folder.prefix = llama4::name_prefix(open.checkpoint);
  if (folder.prefix.empty()) return folder;
  for (const checkpoint::NamedTensor& tensor : open.checkpoint.tensors())
    if (!tensor.name.starts_with(folder.prefix)) folder.carried.push_back(tensor);
  const fs::path path = open.checkpoint.folder() / "config.json";
  Json original = TRY(parse_json(TRY(read_text_file(path)), path.string()));
  folder.config = exporting::with_text_config(std::move(original), std::move(folder.config), wishes.type);
  return folder;
}

}  // namespace

Result<Converted> convert_to_gguf(const OpenModel& open, const exporting::ModelSource& source,
                                  const OutputWishes& wishes) {
  std::error_code ignored;
  if (!wishes.replace && fs::exists(wishes.out, ignored))
    return error(ErrorCode::kInvalidArgument,
                 "{}: expected a new file, found one; name another, or replace it with --force", wishes.out);
  Converted done;
  const auto plan = exporting::plan_gguf(source, wishes.type, wishes.head);
  uint64_t bytes = 0;
  for (const exporting::GgufTensor& tensor : plan) {
    bytes += tensor::row_bytes(tensor.planned.dtype, tensor::count(tensor.planned.shape));
    if (tensor.planned.dtype != tensor.wanted)
      done.replaced.emplace_back(tensor.planned.name, tensor.wanted, tensor.planned.dtype);
  }
  note_replaced_types(&done);
  std::vector<checkpoint::GgufPair> about;
  exporting::GgufTokenizer tokenizer;
  if (is_gguf(open)) {
    about = carried_pairs(open.checkpoint.metadata(), wishes.name);
  } else {
    about.push_back({"general.name", model_name(open, wishes)});
    tokenizer = TRY(tokenizer_pairs(open, &done));
    about.insert(about.end(), tokenizer.pairs.begin(), tokenizer.pairs.end());
  }
  note_dropped_vision(open, &done);
  for (const std::string& assumed : exporting::what_llama_cpp_assumes(source.config()))
    done.notes.push_back("llama.cpp takes for granted " + assumed);
  TRY_VOID(announce(wishes, source, bytes, plan.size()));
  exporting::RowEncoder encoder(wishes.threads);
  Watcher watcher(&done, bytes);
  TRY_VOID(exporting::write_gguf_file(wishes.out, source, plan, wishes.type, std::move(about), &encoder,
                                      watcher.callback()));
  done.files.push_back(wishes.out);
  return done;
}

Result<Converted> convert_to_folder(const OpenModel& open, const exporting::ModelSource& source,
                                    const OutputWishes& wishes) {
  Converted done;
  NewFolder folder = TRY(NewFolder::create(wishes.out, wishes.replace));
  const exporting::FolderWishes contents = TRY(folder_wishes(open, source, wishes));
  const uint64_t bytes = exporting::folder_bytes(source, contents);
  TRY_VOID(announce(wishes, source, bytes, source.parameters().all().size() + contents.carried.size()));
  exporting::RowEncoder encoder(wishes.threads);
  Watcher watcher(&done, bytes);
  TRY_VOID(exporting::write_hugging_face(folder.path(), source, contents, &encoder, watcher.callback()));
  TRY(write_side_files(open, folder.path(), &done));
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder.path(), ignored))
    done.files.push_back(entry.path().filename().string());
  std::ranges::sort(done.files);
  TRY_VOID(folder.commit());
  return done;
}

}  // namespace paddock::cli
