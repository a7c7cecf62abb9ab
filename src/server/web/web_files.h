// SPDX-License-Identifier: Apache-2.0
#pragma once
// The web page: a chat at / and the server's state at /status, with everything they load. All of it lies in the
// program.

#include <span>
#include <string_view>

namespace paddock::web {

struct WebFile {
  std::string_view path;          // as in the request, without a query
  std::string_view content_type;  // with its character set
  std::string_view etag;          // strong, with its quotes; of `content`, whose packed form needs another one
  std::string_view gzip_etag;
  std::string_view content;
  std::string_view gzip;  // content as gzip, for clients that accept it; empty where there is none
};

// Null for a path that is none of ours.
const WebFile* find_web_file(std::string_view path);

std::span<const WebFile> web_files();

// A header that has to go out with every file: its name and value.
struct WebHeader {
  std::string_view name, value;
};

// They keep the page to this server: no script, style, image or connection from elsewhere or written into a page.
std::span<const WebHeader> web_headers();

}  // namespace paddock::web
