// SPDX-License-Identifier: Apache-2.0
// paddock convert: a model to the files that others load, in another type, with adapters merged.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/convert_output.h"
#include "cli/open_model.h"
#include "export/storage.h"
#include "kernels/choose.h"

namespace paddock::cli {
namespace {

constexpr const char* kConvertExamples = R"(Examples:
  paddock convert folder/ model.gguf --type q4_k
  paddock convert folder/ small.gguf --type q4_0 --head-type q4_0
  paddock convert model.gguf folder/ --type bf16
  paddock convert folder/ merged/ --adapter lora/
  paddock convert folder/ merged.gguf --type q8_0 --adapter lora/ --json

Types: f32, f16, bf16; for GGUF also q8_0, q6_k, q5_k, q5_1, q5_0, q4_k, q4_1, q4_0, q3_k, q2_k. Norms and routers
stay f32 in GGUF, and a few tensors that errors cost most take a finer type; docs/convert.md says which.)";

struct ConvertOptions {
  std::string model, out, format, type, head_type, name;
  std::vector<std::string> adapters;
  uint64_t shard_bytes = uint64_t{5} << 30;
  int threads = 0;
  bool force = false, json = false;
  Verbosity verbosity;
};

Result<bool> wants_gguf(const ConvertOptions& options) {
  const bool looks_like_gguf = std::filesystem::path(options.out).extension() == ".gguf";
  if (options.format.empty()) return looks_like_gguf;
  return options.format == "gguf";
}

Result<tensor::DType> parse_type(const char* option, const std::string& text) {
  if (const auto type = exporting::storage_type(text)) return *type;
  return error(ErrorCode::kInvalidArgument, "{}: expected one of those that --help lists, found {}", option, text);
}

// What the user says, else the plain type that most of the source is of.
Result<tensor::DType> type_of(const ConvertOptions& options, const OpenModel& open, bool gguf) {
  using tensor::DType;
  if (options.type.empty()) {
    const auto bytes = [&](const char* name) {
      const auto found = open.totals.bytes_by_dtype.find(name);
      return found == open.totals.bytes_by_dtype.end() ? 0 : found->second;
    };
    if (bytes("F32") * 2 > open.totals.bytes) return DType::kF32;
    return bytes("F16") * 2 > open.totals.bytes ? DType::kF16 : DType::kBF16;
  }
  const tensor::DType type = TRY(parse_type("--type", options.type));
  if (!gguf && tensor::is_block_format(type))
    return error(
        ErrorCode::kInvalidArgument,
        "--type: expected f32, f16 or bf16 for a Hugging Face folder, found {}; write a GGUF file for the others",
        options.type);
  return type;
}

// Missing: as `type` has it.
Result<std::optional<tensor::DType>> head_type_of(const ConvertOptions& options, bool gguf) {
  if (options.head_type.empty()) return std::nullopt;
  if (!gguf)
    return error(ErrorCode::kInvalidArgument,
                 "--head-type: expected a GGUF file to write; all weights of a Hugging Face folder have one type");
  return TRY(parse_type("--head-type", options.head_type));
}

Result<std::vector<exporting::AdapterBlock>> read_adapters(const ConvertOptions& options, const OpenModel& open) {
  const auto parameters = train::ParameterList::of(open.config, llama4::name_prefix(open.checkpoint));
  std::vector<exporting::AdapterBlock> adapters;
  for (const std::string& folder : options.adapters) {
    std::vector<float> values;
    train::Adapter adapter = TRY(train::Adapter::read(folder, parameters, &values));
    adapters.push_back({std::move(adapter), std::move(values)});
  }
  return adapters;
}

Result<void> report(const ConvertOptions& options, const Converted& done, tensor::DType type, bool gguf,
                    double seconds) {
  if (!options.json) {
    for (const std::string& sentence : done.notes) note("{}", sentence);
    return print(
        fmt::format("{}: {} bytes, {} tensors, {:.1f} s\n", options.out, grouped(done.bytes), done.tensors, seconds));
  }
  Json replaced = Json::array();
  for (const auto& [name, wanted, written] : done.replaced)
    replaced.push_back({{"tensor", name}, {"wanted", tensor::name(wanted)}, {"written", tensor::name(written)}});
  const Json json = {{"out", options.out},           {"format", gguf ? "gguf" : "hf"},
                     {"type", tensor::name(type)},   {"bytes", done.bytes},
                     {"tensors", done.tensors},      {"files", done.files},
                     {"replaced_types", replaced},   {"notes", done.notes},
                     {"adapters", options.adapters}, {"seconds", seconds}};
  return print(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Result<void> convert(const ConvertOptions& options) {
  options.verbosity.apply();
  const Stopwatch watch;
  const bool gguf = TRY(wants_gguf(options));
  OpenModel open = TRY(open_model(options.model));
  const tensor::DType type = TRY(type_of(options, open, gguf));
  const auto head_type = TRY(head_type_of(options, gguf));
  const auto adapters = TRY(read_adapters(options, open));
  // Weights are read and never multiplied: the plain machine leaves them where the file is mapped.
  const auto machine = TRY(kernels::make_machine("reference", 1, true));
  const llama4::Model model = TRY(llama4::load_model(open.checkpoint, open.config, machine.get()));
  const exporting::LoadedSource loaded(model);
  const exporting::MergedSource source(loaded, adapters);
  const OutputWishes wishes{.out = options.out,
                            .type = type,
                            .head = head_type,
                            .name = options.name,
                            .shard_bytes = options.shard_bytes,
                            .threads = options.threads,
                            .replace = options.force,
                            .quiet = options.verbosity.quiet};
  const Converted done = TRY(gguf ? convert_to_gguf(open, source, wishes) : convert_to_folder(open, source, wishes));
  return report(options, done, type, gguf, watch.seconds());
}

}  // namespace

void add_convert_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App& command = *program.add_subcommand("convert", "write a model as a GGUF file or a Hugging Face folder");
  add_model_argument(command, &options->model);
  command.add_option("OUT", options->out, "what is written: FILE.gguf, or a folder")->required();
  command.add_option("--format", options->format, "gguf or hf; otherwise what the name of OUT says")
      ->check(CLI::IsMember({"gguf", "hf"}));
  command.add_option("--type", options->type,
                     "what weights are stored as; otherwise f32, f16 or bf16 as the model has it");
  command.add_option("--head-type", options->head_type,
                     "what the head of a GGUF file is stored as, or the embedding where it is the head");
  command.add_option("--adapter", options->adapters, "a PEFT adapter's folder whose updates are merged; repeat")
      ->allow_extra_args(false);
  command.add_option("--name", options->name, "what a GGUF file calls the model; otherwise the name of its folder");
  command.add_option("--shard-size", options->shard_bytes, "bytes of a file of a Hugging Face folder at most")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 50));
  command.add_option("--threads", options->threads, "threads that store numbers; otherwise one for each core")
      ->check(CLI::Range(1, 1024));
  command.add_flag("--force", options->force, "replace OUT where it exists");
  command.add_flag("--json", options->json, "print one JSON object");
  add_verbosity(command, &options->verbosity);
  command.footer(kConvertExamples);
  command.callback([options, chosen] { *chosen = [options] { return convert(*options); }; });
}

}  // namespace paddock::cli
