// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace paddock::text {
namespace {

constexpr size_t kMaxTokenizerDepth = 64;
constexpr size_t kMaxKeys = 512;  // of an object other than model.vocab: looking one up is linear in them

std::string shown(std::string_view text) { return replace_invalid_utf8(text.substr(0, 80)); }

// nlohmann's event interface. Returning false stops the parser; problem() then says why.
class Handler {
 public:
  Handler(TokenizerJson& lists, Json& rest) : lists_(&lists), rest_(&rest) {}

  const std::string& problem() const { return problem_; }

  bool null() { return scalar(nullptr); }
  bool boolean(bool value) { return scalar(value); }
  bool number_float(double value, const std::string&) { return scalar(value); }
  bool binary(const Json::binary_t&) { return fail("holds binary data"); }  // never in text

  bool number_integer(int64_t value) { return number(value); }
  bool number_unsigned(uint64_t value) {
    return number(value > static_cast<uint64_t>(INT64_MAX) ? INT64_MAX : static_cast<int64_t>(value));
  }

  bool string(std::string& value) {
    switch (area_) {
      case Area::kRest: return scalar(std::move(value));
      case Area::kVocab: return fail(fmt::format("model.vocab gives token \"{}\" no number as its id", shown(key_)));
      case Area::kMerges: return merge_of(value);
      case Area::kMergePair:
        lists_->merge_sides.append(value);
        ++sides_;
        return true;
    }
    return false;
  }

  bool key(std::string& name) {
    key_ = std::move(name);
    if (area_ != Area::kRest) return true;
    if (open_.back()->size() >= kMaxKeys) return fail(fmt::format("has an object of more than {} keys", kMaxKeys));
    if (open_.back()->contains(key_)) return fail(fmt::format("has the key \"{}\" twice in one object", shown(key_)));
    return true;
  }

  bool start_object(size_t) {
    if (area_ != Area::kRest) return unexpected("an object");
    if (is_in_model() && key_ == "vocab") return enter(Area::kVocab);
    return open(Json::object());
  }
  bool end_object() {
    if (area_ == Area::kVocab) return enter(Area::kRest);
    open_.pop_back();
    return true;
  }

  bool start_array(size_t) {
    if (area_ == Area::kMerges) {
      sides_ = 0;
      return enter(Area::kMergePair);
    }
    if (area_ != Area::kRest) return unexpected("an array");
    if (is_in_model() && key_ == "merges") return enter(Area::kMerges);
    return open(Json::array());
  }
  bool end_array() {
    switch (area_) {
      case Area::kMergePair:
        if (sides_ != 2) return fail(fmt::format("merge {} has {} sides; expected 2", merge_number(), sides_));
        return enter(Area::kMerges);
      case Area::kMerges: return enter(Area::kRest);
      default: open_.pop_back(); return true;
    }
  }

  bool parse_error(size_t, const std::string&, const Json::exception& exception) {
    // The library's sentence ends with an excerpt of the input, which may be megabytes long.
    std::string reason = std::string(exception.what()).substr(0, 300);
    if (const size_t after_tag = reason.find("] "); after_tag != std::string::npos) reason.erase(0, after_tag + 2);
    return fail(fmt::format("is not valid JSON: {}", replace_invalid_utf8(reason)));
  }

 private:
  enum class Area { kRest, kVocab, kMerges, kMergePair };

  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool unexpected(const char* what) {
    return fail(fmt::format("{} holds {}; expected texts with their ids, and merges of two texts",
                            area_ == Area::kVocab ? "model.vocab" : "model.merges", what));
  }
  bool enter(Area area) {
    area_ = area;
    return true;
  }
  bool is_in_model() const { return open_.size() == 2 && open_.back() == model_; }
  size_t merge_number() const { return lists_->merge_sides.size() / 2; }

  // Puts a value where the document stands, and returns where it lies.
  Json* place(Json value) {
    if (open_.empty()) {
      *rest_ = std::move(value);
      return rest_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    // Found by hand: the object keeps its keys in a list, and key() has already looked whether it is new.
    return &(parent[key_] = std::move(value));
  }
  bool open(Json container) {
    if (open_.size() >= kMaxTokenizerDepth) return fail(fmt::format("is nested deeper than {} levels", kMaxTokenizerDepth));
    const bool is_model = open_.size() == 1 && key_ == "model" && open_.back()->is_object();
    open_.push_back(place(std::move(container)));
    if (is_model) model_ = open_.back();
    return true;
  }
  bool scalar(Json value) {
    if (area_ != Area::kRest) return unexpected(value.type_name());
    place(std::move(value));
    return true;
  }
  bool number(int64_t value) {
    if (area_ != Area::kVocab) return scalar(value);
    lists_->vocab.append(key_);
    lists_->vocab_ids.push_back(value);
    return true;
  }
  bool merge_of(std::string_view both) {
    const size_t space = both.find(' ');
    if (space == std::string_view::npos || both.find(' ', space + 1) != std::string_view::npos)
      return fail(
          fmt::format("merge {} is \"{}\"; expected two tokens with one space between", merge_number(), shown(both)));
    lists_->merge_sides.append(both.substr(0, space));
    lists_->merge_sides.append(both.substr(space + 1));
    return true;
  }

  TokenizerJson* lists_;
  Json* rest_;
  std::vector<Json*> open_;  // arrays and objects around the current place; a parent never grows while a child is open
  const Json* model_ = nullptr;  // the object under "model"
  std::string key_;              // the last one read
  Area area_ = Area::kRest;
  int sides_ = 0;  // of the merge that is being read
  std::string problem_;
};

}  // namespace

Result<TokenizerJson> parse_tokenizer_json(std::string_view file, std::string_view source, Json& rest) {
  TokenizerJson lists;
  Handler handler(lists, rest);
  if (!Json::sax_parse(file.begin(), file.end(), &handler))
    return error(ErrorCode::kBadFile, "{}: {}", source, handler.problem());
  return lists;
}

}  // namespace paddock::text
