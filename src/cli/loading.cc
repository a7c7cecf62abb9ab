// SPDX-License-Identifier: Apache-2.0
#include "cli/loading.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file_pages.h"
#include "base/log.h"
#include "cli/console.h"
#include "cli/lost_pages.h"

namespace paddock::cli {
namespace {

constexpr double kPatience = 2;  // seconds after which somebody without a terminal is told too

std::vector<FilePart> weight_pages(const llama4::WeightTotals& totals) {
  std::vector<FilePart> parts = totals.always_read;
  parts.insert(parts.end(), totals.sometimes_read.begin(), totals.sometimes_read.end());
  // In the order of the file: all of it will be read.
  std::ranges::sort(parts, {}, [](const FilePart& part) { return std::pair(part.file, part.offset); });
  return whole_pages(parts);
}

// A line that counts on a terminal; anywhere else one line, if it takes long.
class LoadingLine {
 public:
  void show(size_t done, size_t total) {
    if (!log_enabled(LogLevel::kWarning)) return;
    constexpr size_t kMegabyte = 1000000;
    line_.show(static_cast<int64_t>(done / kMegabyte), static_cast<int64_t>(total / kMegabyte));
    if (stderr_is_terminal() || is_told_ || watch_.seconds() < kPatience || done == total) return;
    is_told_ = true;
    note("loading: {} of {} MB of weights after {:.1f} s", grouped(done / kMegabyte), grouped(total / kMegabyte),
         watch_.seconds());
  }

 private:
  Progress line_{"loading weights", "MB"};
  Stopwatch watch_;
  bool is_told_ = false;
};

}  // namespace

size_t loaded_bytes(const llama4::WeightTotals& totals, LoadMode mode) {
  return mode == LoadMode::kRead ? total_size(weight_pages(totals)) : 0;
}

Result<std::unique_ptr<ReadAhead>> bring_in_weights(const llama4::WeightTotals& totals, LoadMode mode, bool fits) {
  const Stopwatch watch;
  LoadingLine line;
  const auto show = [&](size_t done, size_t total) { line.show(done, total); };
  std::unique_ptr<ReadAhead> reading;
  const std::vector<FilePart> pages = weight_pages(totals);
  tell_of_lost_pages(pages);
  if (mode == LoadMode::kRead) {
    TRY_VOID(copy_pages(pages, show));
  } else if (mode == LoadMode::kLock) {
    if (const auto locked = lock_pages(pages, show); !locked)
      return error(locked.error().code, "{}{}", locked.error().message,
                   locked.error().code == ErrorCode::kLimit ? ", or choose another way with --load" : "");
  } else {
    std::vector<FilePart> parts = totals.always_read;
    if (fits) parts.insert(parts.end(), totals.sometimes_read.begin(), totals.sometimes_read.end());
    const size_t urgent = total_size(totals.always_read);
    reading = std::make_unique<ReadAhead>(std::move(parts), urgent);
    reading->wait_for(urgent, show);
  }
  log_info("weights in {:.2f} s", watch.seconds());
  return reading;
}

void wait_for_weights(ReadAhead* reading) {
  LoadingLine line;
  if (reading != nullptr) reading->wait_for([&](size_t done, size_t total) { line.show(done, total); });
}

}  // namespace paddock::cli
