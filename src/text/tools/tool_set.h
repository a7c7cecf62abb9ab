// SPDX-License-Identifier: Apache-2.0
#pragma once
// The functions that a model may call, as a request names them.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace paddock::text {

struct Tool {
  std::string name;
  std::vector<std::string> parameters;  // in the schema's order, for arguments without a name
};

// Does not change once made: threads may share it.
class ToolSet {
 public:
  ToolSet() = default;
  // Of two tools of one name the first counts; tools without a name cannot be called.
  explicit ToolSet(std::vector<Tool> tools);

  // An array of definitions: {"type": "function", "function": {"name", "parameters": {"properties"}}}, the same without
  // the shell, with "input_schema" in place of "parameters", or only a name. Null is an empty set. `source` is named in
  // errors (kBadFile).
  static Result<ToolSet> from_json(const Json& definitions, std::string_view source);

  bool empty() const { return tools_.empty(); }
  const std::vector<Tool>& sorted() const { return tools_; }  // by name, as bytes

 private:
  std::vector<Tool> tools_;
};

namespace tools {

// A name that is read byte by byte: is it the beginning of a tool's name, or all of it? Each byte costs the logarithm
// of the number of tools.
class NamePrefix {
 public:
  // The tools must outlive it.
  explicit NamePrefix(const ToolSet& tools) : tools_(&tools.sorted()), end_(tools_->size()) {}

  bool advance(char byte);  // false from the first byte on that no tool's name has there
  bool is_possible() const { return begin_ < end_; }
  const Tool* found() const;  // the tool whose name is what was read, or null

 private:
  const std::vector<Tool>* tools_;
  size_t begin_ = 0, end_;  // the tools whose names begin with what was read
  size_t length_ = 0;
};

}  // namespace tools
}  // namespace paddock::text
