// SPDX-License-Identifier: Apache-2.0
// paddock distil: what a teacher says, stored for a student.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/distil_commands.h"

namespace paddock::cli {
namespace {

double mean(double sum, int64_t count) { return count == 0 ? 0 : sum / static_cast<double>(count); }

}  // namespace

Json json_of(const distil::RecordCounts& counts) {
  return {{"documents", counts.documents},
          {"tokens", counts.tokens},
          {"taught", counts.places},
          {"bytes", counts.bytes},
          {"bytes_per_token", mean(static_cast<double>(counts.bytes), counts.places)},
          {"teacher_loss", mean(counts.loss, counts.places)},
          {"tail_mass", mean(counts.tail_mass, counts.places)}};
}

std::string sentence_of(const distil::RecordCounts& counts) {
  return fmt::format(
      "{} documents of {} tokens, {} of them taught; {} bytes, {:.1f} for each taught token; the teacher's loss "
      "{:.4f}, "
      "mass outside the kept tokens {:.4f}",
      grouped(static_cast<uint64_t>(counts.documents)), grouped(static_cast<uint64_t>(counts.tokens)),
      grouped(static_cast<uint64_t>(counts.places)), grouped(static_cast<uint64_t>(counts.bytes)),
      mean(static_cast<double>(counts.bytes), counts.places), mean(counts.loss, counts.places),
      mean(counts.tail_mass, counts.places));
}

void add_distil_command(CLI::App& program, Action* chosen) {
  CLI::App& command = *program.add_subcommand("distil", "what a teacher says, stored for a student");
  command.require_subcommand(1);
  add_distil_record(command, chosen);
  add_distil_inspect(command, chosen);
}

}  // namespace paddock::cli
