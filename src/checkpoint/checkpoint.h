// SPDX-License-Identifier: Apache-2.0
#pragma once
// A checkpoint on disk as named tensors, whatever its container: a safetensors file, a folder of shards, a GGUF file or
// the first of its splits. Knows no model.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "checkpoint/gguf_metadata.h"
#include "checkpoint/named_tensor.h"

namespace paddock::checkpoint {

enum class Format { kSafetensors, kGguf };

// An opened checkpoint. Every header has been checked against its file: each view lies inside its mapping, no two
// overlap, no name occurs twice. Tensor bytes have not been read. Movable; const methods may be called by any thread.
class Checkpoint {
 public:
  // `path`: a .gguf file (split files: the first one, the others are found beside it), a .safetensors file, a
  // *.safetensors.index.json, or a folder that holds one of these.
  static Result<Checkpoint> open(const std::filesystem::path& path);

  Format format() const;
  const std::vector<NamedTensor>& tensors() const;       // in file order
  const NamedTensor* find(std::string_view name) const;  // null when there is none
  const std::vector<MappedFile>& files() const;
  const std::filesystem::path& file_of(const NamedTensor& tensor) const;
  FilePart part_of(const NamedTensor& tensor) const;  // its bytes

  // The folder that config.json and tokenizer.json lie in: the path itself, or the folder of the file.
  const std::filesystem::path& folder() const;

  // Key-value pairs of a GGUF (the first split's); empty for safetensors.
  const GgufMetadata& metadata() const;

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

 private:
  struct Contents;
  explicit Checkpoint(std::unique_ptr<Contents> contents);
  std::unique_ptr<Contents> contents_;
};

}  // namespace paddock::checkpoint
