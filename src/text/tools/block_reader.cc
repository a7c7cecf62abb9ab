// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/check.h"
#include "text/tools/call_readers.h"

namespace paddock::text::tools {
namespace {

std::variant<CallObject, CallList, CallTag> shape_of(char first, const ToolSet& tools) {
  DCHECK(BlockReader::begins(first));
  if (first == '[') return CallList(tools);
  if (first == '<') return CallTag(tools);
  return CallObject(tools);
}

}  // namespace

BlockReader::BlockReader(char first, const ToolSet& tools) : shape_(shape_of(first, tools)) {}

Step BlockReader::take(char byte) {
  return std::visit([&](auto& shape) { return shape.take(byte); }, shape_);
}

bool BlockReader::is_possible() const {
  return std::visit([](const auto& shape) { return shape.is_possible(); }, shape_);
}

std::vector<ToolCall> BlockReader::calls() {
  if (auto* list = std::get_if<CallList>(&shape_)) return std::move(list->calls());
  if (auto* tag = std::get_if<CallTag>(&shape_)) return {tag->call()};
  return {std::get<CallObject>(shape_).call()};
}

std::vector<ToolCall>* BlockReader::complete_calls() {
  auto* list = std::get_if<CallList>(&shape_);
  return list != nullptr && list->is_possible() ? &list->calls() : nullptr;
}

std::optional<OpenToolCall> BlockReader::open_call() const {
  return std::visit([](const auto& shape) { return shape.open_call(); }, shape_);
}

std::vector<ToolCall> BlockReader::calls_at_end(bool truncated) {
  if (!is_possible()) return {};
  if (auto* list = std::get_if<CallList>(&shape_)) return std::move(list->calls());
  auto* tag = std::get_if<CallTag>(&shape_);
  if (tag != nullptr && tag->may_end_here(truncated)) return {tag->call()};
  return {};
}

}  // namespace paddock::text::tools
