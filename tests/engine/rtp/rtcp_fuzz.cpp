// Whatever comes in: what is read can be written, and reads back the same.

#include <array>

#include "engine/base/check.h"
#include "engine/rtp/rtcp.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView wire = std::as_bytes(std::span(data, size));
  const auto report = rtp::parse_rtcp(wire, 0x01020304);
  if (!report) return 0;
  CHECK(report->cname.size() <= 255);
  if (report->has_block) CHECK(report->block.lost >= -0x80'0000 && report->block.lost <= 0x7F'FFFF);
  std::array<std::byte, rtp::kRtcpMax> buffer;
  const auto written = rtp::write_rtcp(buffer, report->sender, report->has_sender_info ? &report->sender_info : nullptr,
                                       report->has_block ? &report->block : nullptr, report->cname, report->bye);
  const auto again = rtp::parse_rtcp(written, 0x01020304);
  CHECK(again);
  CHECK(again->sender == report->sender && again->bye == report->bye);
  CHECK(again->has_block == report->has_block && again->has_sender_info == report->has_sender_info);
  CHECK(again->block.lost == report->block.lost && again->block.delay == report->block.delay);
  CHECK(again->cname == report->cname.substr(0, 32));
  return 0;
}
