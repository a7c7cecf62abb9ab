// SPDX-License-Identifier: Apache-2.0
#pragma once
// CHECK: a broken invariant of our own code, never reachable from a user's input. DCHECK: the same, in checked builds.

namespace paddock {

[[noreturn]] void check_failed(const char* file, int line, const char* condition);

}  // namespace paddock

#define CHECK(condition)                                       \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::paddock::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)

#ifdef PADDOCK_CHECKED
#define DCHECK(condition) CHECK(condition)
#else
#define DCHECK(condition) \
  do {                    \
  } while (false && (condition))
#endif
