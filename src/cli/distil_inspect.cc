// SPDX-License-Identifier: Apache-2.0
// paddock distil inspect: what a record holds.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/distil_commands.h"
#include "cli/options.h"
#include "distil/record.h"

namespace paddock::cli {
namespace {

constexpr const char* kInspectExamples = R"(Examples:
  paddock distil inspect record/
  paddock distil inspect record/ --verify --json      reads every byte and checks it
)";

struct InspectOptions {
  std::string folder;
  Verbosity verbosity;
  bool verify = false, json = false;
};

Result<void> verify(const std::string& folder) {
  const distil::Record record = TRY(distil::Record::open(folder));
  Progress progress("verifying", "documents");
  for (int64_t document = 0; document < record.documents(); ++document) {
    TRY(record.read(document));
    progress.show(document, record.documents());
  }
  return {};
}

Result<void> inspect_record(const InspectOptions& options) {
  options.verbosity.apply();
  const auto [manifest, counts] = TRY(distil::look_at_record(options.folder));
  if (options.verify) TRY_VOID(verify(options.folder));
  if (options.json) {
    Json json = {{"teacher_name", manifest.facts.teacher_name},
                 {"teacher", to_hex(manifest.facts.teacher)},
                 {"tokenizer", to_hex(manifest.facts.tokenizer)},
                 {"vocabulary", manifest.facts.vocabulary},
                 {"top_k", manifest.facts.kept},
                 {"complete", manifest.is_complete},
                 {"verified", options.verify},
                 {"shards", manifest.shards.size()}};
    json.update(json_of(counts));
    json["recipe"] = Json::parse(manifest.recipe);
    return print(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }
  return print(fmt::format(
      "teacher {} ({:.16})\nkept tokens {} of {}\n{} in {} shards\n{}{}\n", manifest.facts.teacher_name,
      to_hex(manifest.facts.teacher), manifest.facts.kept, grouped(static_cast<uint64_t>(manifest.facts.vocabulary)),
      sentence_of(counts), manifest.shards.size(),
      manifest.is_complete ? "finished" : "interrupted: the same `paddock distil record` goes on with it",
      options.verify ? "; every byte is as it was written" : ""));
}

}  // namespace

void add_distil_inspect(CLI::App& distil, Action* chosen) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App& command = *distil.add_subcommand("inspect", "what a record holds");
  command.add_option("FOLDER", options->folder, "the record's folder")->required();
  command.add_flag("--verify", options->verify, "read every document and check its bytes");
  command.add_flag("--json", options->json, "print one JSON object");
  add_verbosity(command, &options->verbosity);
  command.footer(kInspectExamples);
  command.callback([options, chosen] { *chosen = [options] { return inspect_record(*options); }; });
}

}  // namespace paddock::cli
