// Any bytes, cut anywhere, give the same rows within the limits.

#include <cstdint>

#include "control/crm/csv.h"
#include "engine/base/check.h"

using namespace carillon::control;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const CsvLimits limits{.field_max = 64, .columns_max = 8};
  CsvReader whole(0, limits), pieces(0, limits);
  whole.feed(text);
  whole.finish();
  for (std::size_t at = 0; at < size; at += 3) pieces.feed(text.substr(at, 3));
  pieces.finish();
  CsvRow a, b;
  while (whole.next(a)) {
    CHECK(pieces.next(b));
    CHECK(a.fields == b.fields);
    CHECK(a.line == b.line && a.line > 0);
    CHECK(a.fields.size() <= limits.columns_max);
    for (const auto& field : a.fields) CHECK(field.size() <= limits.field_max);
  }
  CHECK(!pieces.next(b));
  return 0;
}
