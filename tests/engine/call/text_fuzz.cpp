// What engine/call reads of a peer's text by itself: digits in INFO, and messages for the trace.

#include "engine/base/check.h"
#include "engine/call/info_digit.h"
#include "engine/call/number_rule.h"
#include "engine/call/trace_log.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  const ByteView wire = std::as_bytes(std::span(data, size));
  const std::string_view text = text_of(wire);

  const auto cut = text.find('\n');
  const auto read = call::read_info_digit(text.substr(0, cut), cut == text.npos ? text : text.substr(cut + 1));
  CHECK(read.digit == 0 || std::string_view("0123456789*#ABCD").contains(read.digit));
  CHECK(read.duration > Duration::zero());
  CHECK(read.duration <= 6s);

  CHECK(call::rewrite(text, {.strip = 1, .prefix = "9", .plus = call::NumberRule::Plus::kAdd}).size() <= 64);

  call::TraceLog log(4, 4);
  log.bind({1}, "call", "trunk");
  for (int i = 0; i < 6; ++i) log.message(i % 2 == 0, Endpoint::v4(192, 0, 2, 1, 5060), wire, WallTime{});
  std::string ladder;
  ladder.reserve(512);
  CHECK(log.write({1}, ladder));
  CHECK(ladder.size() <= ladder.capacity());
  return 0;
}
