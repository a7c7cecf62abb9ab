// SPDX-License-Identifier: Apache-2.0
// paddock audit: whether an audit trail is as it was written, and what it says.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/digest.h"
#include "cli/audit_export.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/time_options.h"
#include "server/audit/log_folder.h"
#include "server/audit/verify.h"

namespace paddock::cli {
namespace {

namespace audit = server::audit;

constexpr const char* kAuditExamples = R"(Examples:
  paddock audit verify folder/                     status 1 and a line for each place that is not as it was written
  paddock audit head folder/                       a hash to keep where nobody who can write the log can change it
  paddock audit verify folder/ --head HASH         the log still holds that record: it was only continued since
  paddock audit export folder/ --from 2027-01-01 --key 0123456789ab --format csv

PATH is the folder of a log, or one file of it.)";

struct AuditCommandOptions {
  std::string path;
  std::string head;
  bool json = false;
  std::string from, to, key;
  std::string format = "json";
};

std::string json_text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json verification_json(const audit::Verification& done) {
  Json findings = Json::array();
  for (const audit::Finding& finding : done.findings)
    findings.push_back(
        {{"kind", audit::name_of(finding.kind)}, {"record", finding.sequence}, {"sentence", finding.sentence}});
  return {{"intact", done.is_intact()},
          {"records", done.records},
          {"last", done.last.sequence},
          {"hash", to_hex(done.last.hash)},
          {"findings", std::move(findings)},
          {"findings_left_out", done.findings_left_out},
          {"notes", done.notes}};
}

std::string verification_text(const audit::Verification& done, const std::string& path) {
  std::string text;
  for (const audit::Finding& finding : done.findings) text += finding.sentence + "\n";
  if (done.findings_left_out > 0) text += fmt::format("and {} more\n", done.findings_left_out);
  for (const std::string& said : done.notes) text += said + "\n";
  return text + fmt::format("{}: {}, {} records, the last is {} with hash {}\n", path,
                            done.is_intact() ? "as it was written" : "NOT as it was written", done.records,
                            done.last.sequence, to_hex(done.last.hash));
}

Result<void> verify(const AuditCommandOptions& options) {
  std::optional<Digest> wanted;
  if (!options.head.empty()) {
    wanted = digest_from_hex(options.head);
    if (!wanted)
      return error(ErrorCode::kInvalidArgument,
                   "--head: expected 64 hexadecimal digits, as paddock audit head prints them, "
                   "found \"{}\"",
                   options.head);
  }
  const audit::Verification done = TRY(audit::verify_log(options.path, wanted));
  TRY_VOID(print(options.json ? json_text(verification_json(done)) : verification_text(done, options.path)));
  return done.is_intact() ? Result<void>{} : already_told();
}

Result<void> tell_head(const AuditCommandOptions& options) {
  const audit::Link head = TRY(audit::head_of(options.path));
  const std::string hash = to_hex(head.hash);
  return print(options.json ? json_text({{"record", head.sequence}, {"hash", hash}}) : hash + "\n");
}

Result<void> export_records(const AuditCommandOptions& options) {
  ExportWish wish{.key = options.key};
  if (!options.from.empty()) wish.from_ns = TRY(parse_moment(options.from, "--from"));
  if (!options.to.empty()) wish.to_ns = TRY(parse_moment(options.to, "--to", true));
  wish.format = options.format == "csv"     ? ExportFormat::kCsv
                : options.format == "jsonl" ? ExportFormat::kJsonLines
                                            : ExportFormat::kJson;
  const int64_t damaged = TRY(export_audit(options.path, wish, print));
  if (damaged == 0) return {};
  return error(ErrorCode::kBadFile,
               "{}: {} lines are not as they were written and are left out; see paddock audit verify", options.path,
               damaged);
}

}  // namespace

void add_audit_command(CLI::App& program, Action* chosen) {
  CLI::App& audit =
      *program.add_subcommand("audit", "whether a server's audit trail is as it was written, and what it says");
  audit.require_subcommand(1);
  audit.footer(kAuditExamples);
  const auto options = std::make_shared<AuditCommandOptions>();
  const auto add = [&](const char* name, const char* description,
                       Result<void> (*run)(const AuditCommandOptions&)) -> CLI::App& {
    CLI::App& command = *audit.add_subcommand(name, description);
    command.add_option("PATH", options->path, "the folder of an audit log, or one file of it")->required();
    command.callback([options, chosen, run] { *chosen = [options, run] { return run(*options); }; });
    return command;
  };
  CLI::App& verifying = add("verify", "follows the chain of records and names every place where it is broken", verify);
  verifying.add_option("--head", options->head, "a hash that was kept elsewhere: the log must hold its record");
  verifying.add_flag("--json", options->json, "print one JSON object");
  add("head", "prints the hash of the last record, to keep elsewhere", tell_head)
      .add_flag("--json", options->json, "print one JSON object");
  CLI::App& exporting = add("export", "prints records", export_records);
  exporting.add_option("--from", options->from, "those from this moment on, as 2027-01-31 or 2027-01-31T12:00:00Z");
  exporting.add_option("--to", options->to, "those up to this moment; a day counts whole");
  exporting.add_option("--key", options->key, "those of this key id");
  exporting.add_option("--format", options->format, "json (one array), jsonl (an object a line) or csv")
      ->check(CLI::IsMember({"json", "jsonl", "csv"}))
      ->capture_default_str();
}

}  // namespace paddock::cli
