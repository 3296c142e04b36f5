// A self-test's file may be anything; what comes of it is within bounds.

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/promise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto promise = read_promise(text, "A", "uring");
  if (promise) {
    CHECK(promise->legs_per_shard >= 1 && promise->legs_per_shard <= 1'000'000);
    CHECK(promise->cpu == "A");
  } else {
    CHECK(!promise.error().empty());
  }
  return 0;
}
