// SPDX-License-Identifier: Apache-2.0
#include "grammar/string_formats.h"

#include <array>
#include <string>
#include <utility>

namespace paddock::grammar {

namespace {

// RFC 3339, with the days of each month. A leap second is possible at the end of a day in UTC alone.
const std::string kDate =
    "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)";
const std::string kTime =
    "((([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))"
    "|23:59:60(\\.[0-9]+)?[Zz])";

// RFC 3339, appendix A.
const std::string kDuration =
    "P(([0-9]+D|[0-9]+M([0-9]+D)?|[0-9]+Y([0-9]+M([0-9]+D)?)?)"
    "(T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S))?"
    "|T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)|[0-9]+W)";

// RFC 1123. Names have 253 characters at most: three labels of any length, or more labels that are shorter.
const std::string kHostname =
    "(([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.){0,2}[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    "|([A-Za-z0-9]([A-Za-z0-9-]{0,22}[A-Za-z0-9])?\\.){3,9}[A-Za-z0-9]([A-Za-z0-9-]{0,22}[A-Za-z0-9])?)";

// RFC 5321 without quoted local parts, which have 64 characters at most.
const std::string kAtom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]";
const std::string kEmail = "(" + kAtom + "{1,64}|" + kAtom + "{1,31}\\." + kAtom + "{1,32}|" + kAtom + "{1,20}(\\." +
                           kAtom + "{1,20}){2}|" + kAtom + "{1,15}(\\." + kAtom + "{1,15}){3})@" + kHostname;

const std::string kOctet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const std::string kIpv4 = "(" + kOctet + "\\.){3}" + kOctet;

// RFC 4291, section 2.2: eight groups, `::` in place of one or more of zeros, the last two as an IPv4 address perhaps.
std::string ipv6() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  const std::string last = "(" + group + ":" + group + "|" + kIpv4 + ")";
  std::string pattern = "((" + group + ":){6}" + last;
  for (int behind = 0; behind <= 7; ++behind) {
    // At most 7 - behind groups before `::`, and `behind` after it.
    const int before = 7 - behind;
    std::string front = before == 0 ? "" : "(" + group + "(:" + group + "){0," + std::to_string(before - 1) + "})?";
    std::string back;
    if (behind == 1) back = group;
    if (behind >= 2) back = (behind > 2 ? "(" + group + ":){" + std::to_string(behind - 2) + "}" : "") + last;
    pattern += "|" + front + "::" + back;
  }
  return pattern + ")";
}
const std::string kIpv6 = ipv6();

// RFC 3986, appendix A.
const std::string kEscaped = "%[0-9A-Fa-f]{2}";
const std::string kPathCharacter = "([A-Za-z0-9._~!$&'()*+,;=:@-]|" + kEscaped + ")";
const std::string kUri = "[A-Za-z][A-Za-z0-9+.-]*:(//(([A-Za-z0-9._~!$&'()*+,;=:-]|" + kEscaped + ")*@)?(\\[" + kIpv6 +
                         "\\]|([A-Za-z0-9._~!$&'()*+,;=-]|" + kEscaped + ")*)(:[0-9]*)?(/" + kPathCharacter + "*)*|/(" +
                         kPathCharacter + "+(/" + kPathCharacter + "*)*)?|" + kPathCharacter + "+(/" + kPathCharacter +
                         "*)*|)(\\?(" + kPathCharacter + "|[/?])*)?(#(" + kPathCharacter + "|[/?])*)?";

}  // namespace

std::optional<std::string_view> pattern_of_format(std::string_view format) {
  static const std::string date_time = kDate + "[Tt]" + kTime;
  static const std::array<std::pair<std::string_view, std::string_view>, 11> patterns = {{
      {"date", kDate},
      {"time", kTime},
      {"date-time", date_time},
      {"duration", kDuration},
      {"uuid", "[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"},
      {"email", kEmail},
      {"hostname", kHostname},
      {"ipv4", kIpv4},
      {"ipv6", kIpv6},
      {"uri", kUri},
      {"json-pointer", "(/([^~/]|~[01])*)*"},
  }};
  for (const auto& [name, pattern] : patterns)
    if (name == format) return pattern;
  return std::nullopt;
}

}  // namespace paddock::grammar
