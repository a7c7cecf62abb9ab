// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a configuration object key by key and remembers which keys were used, so that none is overlooked in silence.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "llama4/config.h"

namespace paddock::llama4 {

// One JSON object of a configuration. A key that is absent or null reads as nothing; a value of the wrong type is an
// error that names file, key, expected and found.
class JsonKeys {
 public:
  // `prefix` stands before the keys in the report: "text_config.". The object must outlive this.
  JsonKeys(const Json& object, std::string source, std::string prefix, ConfigReport* report);

  Result<std::optional<int64_t>> integer(std::string_view key);
  Result<std::optional<double>> number(std::string_view key);
  Result<std::optional<bool>> boolean(std::string_view key);
  Result<std::optional<std::string>> text(std::string_view key);
  Result<std::optional<std::vector<int64_t>>> integers(
      std::string_view key);                         // a single integer counts as a list of one
  Result<const Json*> object(std::string_view key);  // null when absent

  // As above, but must be present.
  Result<int64_t> required_integer(std::string_view key);

  bool has(std::string_view key) const;                     // present and not null
  const Json* value(std::string_view key);                  // marks it as read; null when absent
  void ignore(std::string_view key, std::string_view why);  // names it in the report if present
  void infer(std::string_view key, std::string text);       // notes a value taken without a key
  void ignore_rest(std::string_view why);                   // names every key that was neither read nor ignored

  tl::unexpected<Error> wrong(std::string_view key, std::string_view expected) const;
  const std::string& source() const { return source_; }

 private:
  const Json* find(std::string_view key) const;

  const Json* object_;
  std::string source_;
  std::string prefix_;
  ConfigReport* report_;
  std::set<std::string, std::less<>> used_;
};

}  // namespace paddock::llama4
