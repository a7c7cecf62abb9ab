// SPDX-License-Identifier: Apache-2.0
#include "cli/train_progress.h"

#include <cmath>

namespace paddock::cli {
namespace {

constexpr double kSecondsBetweenLines = 5;
constexpr int64_t kFirstLines = 3;

std::string duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(seconds));
  if (whole < 120) return fmt::format("{} s", whole);
  if (whole < 7200) return fmt::format("{} min", (whole + 59) / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

// A sample on one line.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char letter : terminal_safe(text)) line += letter == '\n' ? ' ' : letter;
  return line;
}

}  // namespace

void TrainProgress::note(const std::string& sentence) {
  reading_.reset();
  if (!quiet_) note_line(terminal_safe(sentence));
}

void TrainProgress::read_data(int64_t bytes, int64_t of) {
  if (quiet_) return;
  if (!reading_) reading_.emplace("reads the data", "bytes");
  reading_->show(bytes, of);
  if (bytes >= of) reading_.reset();
}

void TrainProgress::stepped(const train::StepReport& report) {
  const bool is_due =
      told_ < kFirstLines || since_line_.seconds() > kSecondsBetweenLines || report.step == report.steps;
  if (quiet_ || !is_due) return;
  since_line_ = Stopwatch();
  ++told_;
  std::string line = fmt::format("step {}/{}  loss {:.4f}  rate {:.2e}  norm {:.2f}  {:.0f} tokens/s  {:.0f} GFLOP/s",
                                 report.step, report.steps, report.lesson.loss, report.rate, report.gradient_norm,
                                 report.tokens_per_s, report.gflop_s);
  if (limit_ > 0) line += fmt::format(" of {:.0f} ({:.0f} %)", limit_, 100 * report.gflop_s / limit_);
  if (report.lesson.preferred > 0) line += fmt::format("  {:.0f} % preferred", 100 * report.lesson.preferred);
  if (report.imbalance > 0) line += fmt::format("  busiest expert {:.1f} times its turn", report.imbalance);
  note_line(line + fmt::format("  {} left", duration(report.seconds_left)));
}

void TrainProgress::evaluated(const train::EvaluationReport& report) {
  if (quiet_) return;
  if (report.held_out)
    note_line(fmt::format("step {}: held out: loss {:.4f}, perplexity {:.3f} over {} targets", report.step,
                          report.held_out->loss, std::exp(report.held_out->cross_entropy), report.held_out->targets));
  for (const train::Sample& sample : report.samples)
    note_aside(fmt::format("  {} → {}", one_line(sample.prompt), one_line(sample.text)));
  for (const train::StarvingExpert& each : report.starving)
    note_line(
        fmt::format("layer {}, expert {}: starves, {:.1f} % of its turn", each.layer, each.expert, 100 * each.share));
}

void TrainProgress::saved(int64_t step) {
  if (!quiet_) note_aside(fmt::format("step {}: checkpoint written", step));
}

}  // namespace paddock::cli
