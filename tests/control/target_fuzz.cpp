// Any bytes as a request's target and number: split or refused, never more segments than slashes.

#include <algorithm>
#include <cstdint>

#include "control/api/request.h"
#include "control/model/checks.h"
#include "engine/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto target = carillon::control::parse_target(text))
    CHECK(target->segments.size() <= static_cast<std::size_t>(std::count(text.begin(), text.end(), '/')));
  // a number that is refused stays refused behind a plus sign
  const bool refused = carillon::control::is_emergency(text);
  if (refused) CHECK(carillon::control::is_emergency("+" + std::string(text)));
  return 0;
}
