// SPDX-License-Identifier: Apache-2.0
#include "server/web/web_files.h"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "server/web/embedded.h"

namespace paddock::web {
namespace {

constexpr WebHeader kHeaders[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-cache"},  // kept, and asked for by its ETag
};

std::string_view view(const EmbeddedPart& part) { return {paddock_web_bytes + part.begin, part.size}; }

class Files {
 public:
  Files() {
    for (size_t index = 0; index < kEmbeddedCount; ++index) {
      const Embedded& file = kEmbedded[index];
      std::string& gzip_etag = gzip_etags_.emplace_back(file.etag);
      gzip_etag.insert(gzip_etag.size() - 1, "-gzip");
      files_.push_back({file.path, file.content_type, file.etag, gzip_etag, view(file.content), view(file.gzip)});
    }
    std::ranges::sort(files_, {}, &WebFile::path);
  }
  const std::vector<WebFile>& sorted() const { return files_; }

 private:
  std::vector<WebFile> files_;
  std::deque<std::string> gzip_etags_;
};

const Files& files() {
  static const Files all;
  return all;
}

}  // namespace

std::span<const WebFile> web_files() { return files().sorted(); }

const WebFile* find_web_file(std::string_view path) {
  const auto& sorted = files().sorted();
  const auto found = std::ranges::lower_bound(sorted, path, {}, &WebFile::path);
  return found != sorted.end() && found->path == path ? &*found : nullptr;
}

std::span<const WebHeader> web_headers() { return kHeaders; }

}  // namespace paddock::web
