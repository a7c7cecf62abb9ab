// SPDX-License-Identifier: Apache-2.0
#pragma once
// The text of an answer beside its calls. With at least one call it loses the blanks at both ends, which is known only
// when the call comes: so blanks at the end are held back, and so is a text that begins with blanks.

#include <cstddef>
#include <string>
#include <string_view>

namespace paddock::text::tools {

class Content {
 public:
  // A text that begins with blanks is held back until it has this many bytes; a call that comes later no longer takes
  // these blanks away. Else a long answer that happens to begin with a blank would arrive only at its end.
  static constexpr size_t kMostHeld = 512;

  void append(char byte);  // a marker is never content
  void note_call();        // a call comes next
  void finish();           // nothing comes any more

  // What may be given out since the last time.
  std::string take_ready();

 private:
  enum class Beginning { kNothing, kHeld, kStripped, kGiven };
  void give(char byte);

  Beginning beginning_ = Beginning::kNothing;
  std::string held_;    // the beginning, with blanks
  std::string blanks_;  // at the end
  std::string ready_;
  bool has_calls_ = false;
};

}  // namespace paddock::text::tools
