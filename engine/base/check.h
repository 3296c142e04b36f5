#pragma once
// CHECK: we are wrong. On in every build; one condition each; a peer must not be able to reach one.

#include <cstdio>
#include <cstdlib>

namespace carillon {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: CHECK(%s) failed\n", file, line, condition);
  std::abort();
}

}  // namespace carillon

#define CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::carillon::check_failed(#condition, __FILE__, __LINE__))
