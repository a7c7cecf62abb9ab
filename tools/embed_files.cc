// SPDX-License-Identifier: Apache-2.0
// Build step: files into a C++ source that holds them. Runs on the machine that builds.
//   embed_files OUTPUT.cc LIST
// Each line of LIST is PATH|TYPE|FILE: the path under which the file is served and its content type. In place of the
// file may stand module:NAME=FILE, a package in the form of Node's modules, whose files are joined into one script that
// sets window.NAME; ",OTHER=FILE" after it says which file answers to require('OTHER'). Besides OUTPUT.cc it writes
// OUTPUT.bin, the bytes, and OUTPUT.d, on which files they depend.

#ifdef PADDOCK_HAS_ZLIB
#include <zlib.h>
#endif

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::vector<std::string> files_read;

[[noreturn]] void fail(const std::string& sentence) {
  std::fprintf(stderr, "embed_files: %s\n", sentence.c_str());
  std::exit(1);
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(path.string() + ": cannot open; are the packages of scripts/setup.sh installed?");
  files_read.push_back(fs::absolute(path).string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  if (!(file << bytes)) fail(path.string() + ": cannot write");
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') result += '\\';
    result += byte;
  }
  return result + '"';
}

// Joins the files of a package that refer to each other by require('…'), without any other tool. What a comment
// mentions and no file answers to is left alone, and fails only if it is ever called.
class ModuleJoiner {
 public:
  void set_answer(const std::string& name, const fs::path& path) { answers_[name] = fs::canonical(path); }

  std::string join(const std::string& global, const fs::path& entry) {
    add(fs::canonical(entry));
    std::string script = "(function () {\nvar modules = {\n";
    for (const auto& [path, module] : modules_) script += module + ",\n";
    script +=
        "};\nvar loaded = {};\nfunction load(id) {\n  if (loaded[id]) return loaded[id].exports;\n"
        "  var module = loaded[id] = {exports: {}};\n"
        "  modules[id][1](module, module.exports, function (name) { return load(modules[id][0][name]); });\n"
        "  return module.exports;\n}\n";
    return script + "window[" + quoted(global) + "] = load(0);\n})();\n";
  }

 private:
  size_t add(const fs::path& path) {
    if (const auto known = ids_.find(path); known != ids_.end()) return known->second;
    const size_t id = ids_.size();
    ids_[path] = id;
    const std::string source = read(path);
    if (path.extension() == ".json") {
      modules_[id] = std::to_string(id) + ": [{}, function (module) { module.exports = " + source + "; }]";
      return id;
    }
    static const std::regex kRequire(R"(require\(['"]([^'"]+)['"]\))");
    std::string names;
    for (std::sregex_iterator found(source.begin(), source.end(), kRequire), end; found != end; ++found) {
      const fs::path target = resolve(path, (*found)[1]);
      if (!target.empty()) names += quoted((*found)[1]) + ": " + std::to_string(add(target)) + ", ";
    }
    modules_[id] = std::to_string(id) + ": [{" + names + "}, function (module, exports, require) {\n" + source + "\n}]";
    return id;
  }

  static fs::path existing(const fs::path& path) {
    for (const fs::path& candidate :
         {path, fs::path(path.string() + ".js"), fs::path(path.string() + ".json"), path / "index.js"})
      if (fs::is_regular_file(candidate)) return fs::canonical(candidate);
    return {};
  }

  fs::path resolve(const fs::path& from, const std::string& name) const {
    if (const auto answer = answers_.find(name); answer != answers_.end()) return answer->second;
    if (name[0] == '.') return existing(from.parent_path() / name);
    for (fs::path folder = from.parent_path(); folder != folder.root_path(); folder = folder.parent_path())
      for (const char* modules : {"node_modules", "nodejs"})
        if (const fs::path found = existing(folder / modules / name); !found.empty()) return found;
    return {};
  }

  std::map<std::string, fs::path> answers_;
  std::map<fs::path, size_t> ids_;
  std::map<size_t, std::string> modules_;
};

// FNV-1a, 64 bits: tells versions of a file apart.
std::string hash(const std::string& bytes) {
  uint64_t value = 0xcbf29ce484222325;
  for (const char byte : bytes) value = (value ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// Empty where it would not be smaller.
std::string gzip([[maybe_unused]] const std::string& bytes) {
#ifdef PADDOCK_HAS_ZLIB
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) fail("zlib cannot start");
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) fail("zlib cannot pack");
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (packed.size() < bytes.size()) return packed;
#endif
  return {};
}

std::string content_of(const std::string& source) {
  const std::string module = "module:";
  if (source.rfind(module, 0) != 0) return read(source);
  ModuleJoiner joiner;
  std::istringstream parts(source.substr(module.size()));
  std::string global, entry, name, path;
  std::getline(parts, global, '=');
  std::getline(parts, entry, ',');
  while (std::getline(parts, name, '=') && std::getline(parts, path, ',')) joiner.set_answer(name, path);
  return joiner.join(global, entry);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) fail("usage: embed_files OUTPUT.cc LIST");
  const fs::path output = argv[1];
  const fs::path bytes_path = fs::absolute(fs::path(output).replace_extension(".bin"));
  std::istringstream list(read(argv[2]));
  std::string bytes, table;
  const auto place = [&](const std::string& content) {
    const std::string entry = "{" + std::to_string(bytes.size()) + ", " + std::to_string(content.size()) + "}";
    bytes += content;
    return entry;
  };
  for (std::string line; std::getline(list, line);) {
    if (line.empty()) continue;
    const size_t first = line.find('|'), second = line.find('|', first + 1);
    if (second == std::string::npos) fail("expected PATH|TYPE|FILE, found " + line);
    const std::string content = content_of(line.substr(second + 1));
    table += "    {" + quoted(line.substr(0, first)) + ", " + quoted(line.substr(first + 1, second - first - 1)) +
             ", " + quoted("\"" + hash(content) + "\"") + ", " + place(content) + ", " + place(gzip(content)) + "},\n";
  }
  write(bytes_path, bytes);
  write(output,
        "// Written by tools/embed_files.cc.\n#include \"server/web/embedded.h\"\n\n"
        "asm(\".section .rodata\\n.global paddock_web_bytes\\n.balign 16\\npaddock_web_bytes:\\n\"\n"
        "    \".incbin \\\"" +
            bytes_path.string() +
            "\\\"\\n.byte 0\\n.text\\n\");\n\nnamespace paddock::web {\n\n"
            "// " +
            hash(bytes) + "\nextern const Embedded kEmbedded[] = {\n" + table +
            "};\nextern const size_t kEmbeddedCount = sizeof kEmbedded / sizeof *kEmbedded;\n\n}  // namespace "
            "paddock::web\n");
  std::string depends = output.string() + ":";
  for (const std::string& path : files_read) depends += " \\\n  " + path;
  write(fs::path(output).replace_extension(".d"), depends + "\n");
}
