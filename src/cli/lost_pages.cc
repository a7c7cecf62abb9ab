// SPDX-License-Identifier: Apache-2.0
#include "cli/lost_pages.h"

#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace paddock::cli {
namespace {

struct Watched {
  const std::byte* begin;
  const std::byte* end;
  std::string sentence;
};

// Complete before the handler is there, unchanged after: a handler may neither lock nor allocate.
std::vector<Watched>& watched() {
  static auto* all = new std::vector<Watched>;  // outlives every other object
  return *all;
}

void tell_and_end(int signal, siginfo_t* info, void*) {
  const auto* place = static_cast<const std::byte*>(info->si_addr);
  for (const Watched& pages : watched()) {
    if (place < pages.begin || place >= pages.end) continue;
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, pages.sentence.data(), pages.sentence.size());
    ::_exit(1);
  }
  ::signal(signal, SIG_DFL);  // not ours: happens again, and ends the process
}

}  // namespace

void tell_of_lost_pages(std::span<const FilePart> pages) {
  for (const FilePart& range : pages) {
    const std::byte* begin = range.file->bytes().data() + range.offset;
    watched().push_back(
        {begin, begin + range.size,
         fmt::format(
             "\npaddock: {}: expected to read its weights while computing, found pages that cannot be read; the "
             "file was changed meanwhile, or its disk fails: try --load read\n",
             range.file->path().string())});
  }
  struct sigaction action {};
  action.sa_sigaction = tell_and_end;
  action.sa_flags = SA_SIGINFO;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace paddock::cli
