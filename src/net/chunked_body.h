// SPDX-License-Identifier: Apache-2.0
#pragma once
// Decodes a body in chunks (RFC 9112 section 7.1).
//
// Not Beast's decoder: that of 1.81 fails an assertion of its own when an empty body's last line, "0 CR LF", and the
// byte behind it come apart, takes blanks behind a size, and adds trailers to the header fields.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace paddock::net {

class ChunkedBody {
 public:
  enum class State { kMore, kDone, kBad, kTooLarge };

  // `body_limit` bytes of body; `line_limit` bytes of extensions and trailers together.
  ChunkedBody(size_t body_limit, size_t line_limit) : body_limit_(body_limit), line_limit_(line_limit) {}

  // Takes bytes from the front, appends what they carry to `body`, and returns how many: all while the state is kMore.
  // Extensions and trailers are checked for their form and dropped: nobody may add a field behind a head that has been
  // judged.
  size_t feed(std::string_view bytes, std::string& body);
  State state() const { return state_; }

 private:
  enum class Expected { kSize, kData, kDataEnd, kTrailer };

  void take_line(std::string_view line, size_t body_size);
  void take_size(std::string_view line, size_t body_size);
  void take_trailer(std::string_view line);

  size_t body_limit_, line_limit_;
  State state_ = State::kMore;
  Expected expected_ = Expected::kSize;
  uint64_t remaining_ = 0;    // bytes of the chunk
  size_t dropped_bytes_ = 0;  // extensions and trailers
  std::string line_;          // as far as it has come
};

}  // namespace paddock::net
