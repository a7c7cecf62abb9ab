// SPDX-License-Identifier: Apache-2.0
#pragma once
// For tests only: files to open, well-formed and not.

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace paddock::checkpoint {

// A new folder, removed with all that is in it when the test ends.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "paddock-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }

  // Writes a file and returns its path.
  std::filesystem::path file(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// A file of the reference data; empty where that is not installed.
inline std::filesystem::path reference(const std::string& name) {
  const char* folder = std::getenv("PADDOCK_REFERENCE");
  const std::filesystem::path path =
      std::filesystem::path(folder != nullptr ? folder : PADDOCK_SOURCE_DIR "/../shared/reference") / name;
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

// Bytes in the way that GGUF stores them, right or wrong as the test wishes.
class GgufBytes {
 public:
  explicit GgufBytes(uint64_t tensors = 0, uint64_t pairs = 0, uint32_t version = 3) {
    text("GGUF").u32(version).u64(tensors).u64(pairs);
  }

  GgufBytes& text(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  GgufBytes& u8(uint8_t value) { return number(value); }
  GgufBytes& u32(uint32_t value) { return number(value); }
  GgufBytes& u64(uint64_t value) { return number(value); }
  GgufBytes& string(std::string_view value) { return u64(value.size()).text(value); }
  GgufBytes& key(std::string_view name, uint32_t type) { return string(name).u32(type); }
  GgufBytes& tensor(std::string_view name, std::initializer_list<uint64_t> extents, uint32_t type, uint64_t offset) {
    string(name).u32(static_cast<uint32_t>(extents.size()));
    for (const uint64_t extent : extents) u64(extent);
    return u32(type).u64(offset);
  }
  // Up to the data, and so many bytes of it.
  GgufBytes& data(size_t count) {
    while (bytes_.size() % 32 != 0) bytes_ += '\0';
    bytes_.append(count, '\x01');
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  template <typename T>
  GgufBytes& number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }

  std::string bytes_;
};

// A safetensors file of this header and data.
inline std::string safetensors_bytes(std::string_view header, std::string_view data = "") {
  const uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  return bytes.append(header).append(data);
}

}  // namespace paddock::checkpoint
