// SPDX-License-Identifier: Apache-2.0
#pragma once
// Errors as values: a user's mistake or a bad file is a Result with a code and one sentence that names the thing,
// what was expected, what was found and what to do. A broken invariant of ours is a CHECK (check.h).

#include <fmt/core.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace paddock {

enum class ErrorCode {
  kInvalidArgument,  // the caller asked for something that makes no sense
  kNotFound,         // a file, tensor, key or token that should exist does not
  kBadFile,          // outside bytes that do not say what their format promises
  kUnsupported,      // well-formed, but not something Paddock does
  kNotAllowed,       // well-formed, but forbidden by whoever runs the program
  kOutOfMemory,      // the memory plan does not fit
  kLimit,            // a bound on work or size was reached
  kCancelled,        // the caller withdrew the request
  kIo,               // the operating system refused
};

struct Error {
  ErrorCode code = ErrorCode::kInvalidArgument;
  std::string message;  // a whole sentence without a final newline
};

template <typename T>
using Result = tl::expected<T, Error>;

// An error with a formatted sentence: `return error(ErrorCode::kBadFile, "{}: …", path);`
template <typename... Args>
[[nodiscard]] tl::unexpected<Error> error(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace paddock

// Each use names its variable anew, so that one TRY may stand inside another.
#define PADDOCK_TRY_JOIN(left, right) left##right
#define PADDOCK_TRY_NAME(number) PADDOCK_TRY_JOIN(try_result_, number)
#define PADDOCK_TRY(name, ...)                                 \
  ({                                                           \
    auto name = (__VA_ARGS__);                                 \
    if (!name) return tl::unexpected(std::move(name).error()); \
    std::move(name).value();                                   \
  })
#define PADDOCK_TRY_VOID(name, ...)                            \
  do {                                                         \
    auto name = (__VA_ARGS__);                                 \
    if (!name) return tl::unexpected(std::move(name).error()); \
  } while (false)

// The value of a Result, or an early return of its error: `const Shape shape = TRY(parse_shape(text));`
// Not in braces behind another element, as in {a, TRY(b)}: compilers leak a when b fails.
#define TRY(...) PADDOCK_TRY(PADDOCK_TRY_NAME(__COUNTER__), __VA_ARGS__)

// The same for Result<void>.
#define TRY_VOID(...) PADDOCK_TRY_VOID(PADDOCK_TRY_NAME(__COUNTER__), __VA_ARGS__)
