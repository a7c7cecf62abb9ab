// SPDX-License-Identifier: Apache-2.0
#include "base/json_walk.h"

#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/utf8.h"

namespace paddock {
namespace {

using Kind = JsonItem::Kind;

// The library's events as items. Each function returns whether to go on.
class Walker final : public nlohmann::json_sax<Json> {
 public:
  Walker(std::string_view source, int depth, const std::function<Result<void>(const JsonItem&)>& visit)
      : source_(source), depth_limit_(depth), visit_(visit) {}

  Result<void> result() && { return std::move(result_); }

  bool null() override { return meet(Kind::kOther, "null"); }
  bool boolean(bool value) override { return meet(Kind::kOther, value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return meet(Kind::kOther, std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return meet(Kind::kUnsigned, {}, value); }
  bool number_float(number_float_t, const string_t& text) override { return meet(Kind::kOther, text); }
  bool string(string_t& value) override { return meet(Kind::kString, value); }
  bool binary(binary_t&) override { return meet(Kind::kOther, "binary"); }  // no JSON text has it

  bool start_object(size_t) override {
    if (!meet(Kind::kObjectStart, "an object") || !enter()) return false;
    seen_.emplace_back();
    keys_.emplace_back();
    return true;
  }
  bool key(string_t& value) override {
    if (!seen_.back().insert(value).second)
      return fail(error(ErrorCode::kBadFile, "{}: JSON has the key \"{}\" twice in one object; remove one of them",
                        source_, value.substr(0, 200)));
    keys_.back() = std::move(value);
    return true;
  }
  bool end_object() override {
    --depth_;
    seen_.pop_back();
    keys_.pop_back();
    return meet(Kind::kObjectEnd, "the end of an object");
  }
  bool start_array(size_t) override { return meet(Kind::kArrayStart, "an array") && enter(); }
  bool end_array() override {
    --depth_;
    return meet(Kind::kArrayEnd, "the end of an array");
  }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& problem) override {
    // The library's sentence ends with an excerpt of the input, which may be megabytes long.
    std::string reason = std::string(problem.what()).substr(0, 300);
    if (const size_t after_tag = reason.find("] "); after_tag != std::string::npos)
      reason = reason.substr(after_tag + 2);
    return fail(error(ErrorCode::kBadFile, "{}: not valid JSON: {}", source_, replace_invalid_utf8(reason)));
  }

 private:
  bool meet(Kind kind, std::string_view text, uint64_t number = 0) {
    result_ = visit_({kind, text, number, keys_});
    return result_.has_value();
  }
  bool enter() {
    if (++depth_ <= depth_limit_) return true;
    return fail(error(ErrorCode::kBadFile, "{}: JSON is nested deeper than {} levels", source_, depth_limit_));
  }
  bool fail(tl::unexpected<Error> problem) {
    result_ = std::move(problem);
    return false;
  }

  std::string_view source_;
  int depth_limit_;
  const std::function<Result<void>(const JsonItem&)>& visit_;
  int depth_ = 0;
  std::vector<std::string> keys_;                      // the current key of each open object
  std::vector<std::unordered_set<std::string>> seen_;  // all keys so far of each open object
  Result<void> result_;
};

}  // namespace

Result<void> walk_json(std::string_view text, std::string_view source, int depth,
                       const std::function<Result<void>(const JsonItem&)>& visit) {
  // The library takes a NUL for the end of the text and would not look behind it.
  if (const size_t offset = text.find('\0'); offset != std::string_view::npos)
    return error(ErrorCode::kBadFile, "{}: not valid JSON: it has a zero byte at offset {}", source, offset);
  Walker walker(source, depth, visit);
  Json::sax_parse(text.begin(), text.end(), &walker);
  return std::move(walker).result();
}

}  // namespace paddock
