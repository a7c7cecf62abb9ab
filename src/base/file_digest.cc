// SPDX-License-Identifier: Apache-2.0
#include "base/file_digest.h"

#include "base/mapped_file.h"

namespace paddock {

Result<Digest> file_digest(const std::filesystem::path& path) {
  const MappedFile file = TRY(MappedFile::open(path));
  return sha256(std::string_view(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()));
}

}  // namespace paddock
