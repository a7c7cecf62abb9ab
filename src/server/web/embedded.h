// SPDX-License-Identifier: Apache-2.0
#pragma once
// The table that tools/embed_files.cc writes when the project is built. Only for web_files.cc.

#include <cstddef>

extern "C" const char paddock_web_bytes[];

namespace paddock::web {

struct EmbeddedPart {
  size_t begin, size;  // in paddock_web_bytes
};

struct Embedded {
  const char* path;
  const char* content_type;
  const char* etag;  // with its quotes
  EmbeddedPart content;
  EmbeddedPart gzip;  // empty where packing does not pay
};

extern const Embedded kEmbedded[];
extern const size_t kEmbeddedCount;

}  // namespace paddock::web
