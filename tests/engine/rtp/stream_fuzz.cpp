// A stream under a hostile peer. The input is a script: each step begins with a byte that says what happens (a packet
// from the peer, from a stranger, RTCP, a beat, a new agreement), how much time passes and how long its bytes are.
// Whatever comes: no frame has another size than 160 bytes, a foreign packet is never heard, waiting stays bounded.

#include <algorithm>
#include <array>

#include "engine/base/check.h"
#include "engine/rtp/stream.h"

using namespace carillon;

namespace {

const Endpoint kPeer = Endpoint::v4(192, 0, 2, 1, 4000);
const Endpoint kPeerRtcp = Endpoint::v4(192, 0, 2, 1, 4001);
const Endpoint kStranger = Endpoint::v4(198, 51, 100, 66, 9);

void configure(rtp::Stream& stream, std::uint8_t bits, TimePoint now) {
  rtp::StreamConfig config;
  config.remote = bits & 1 ? kPeer : Endpoint::v4(0, 0, 0, 0, 4000);
  config.remote_rtcp = kPeerRtcp;
  config.behind_nat = bits & 2;
  config.sends = bits & 4;
  config.receives = bits & 8;
  config.event_send_type = config.event_receive_type = 101;
  config.packets_per_frame = bits >> 4;
  stream.configure(config, now);
}

void beat(rtp::Stream& stream, TimePoint now) {
  const auto heard = stream.pop(now);
  const bool is_audio = heard.frame.kind == rtp::Frame::Kind::kAudio;
  CHECK(heard.frame.payload.size() == (is_audio ? 160u : 0u));
  unsigned sum = 0;
  for (const std::byte byte : heard.frame.payload) sum += std::to_integer<unsigned>(byte);
  CHECK(sum <= 160 * 255);
  std::array<std::byte, rtp::Stream::kDigitPacketSize> out;
  if (stream.is_sending_digits())
    (void)stream.digit_packet(out, now);
  else
    (void)stream.head(std::span(out).first<rtp::kHeaderSize>(), now);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Random random(1);
  rtp::Stream stream(random);
  TimePoint now{};
  configure(stream, 0x1D, now);
  bool may_learn = false;
  ByteReader in(std::as_bytes(std::span(data, size)));
  while (in.left() >= 2) {
    const auto what = in.u8();
    now += Duration(1ms) * (in.u8() * (what & 0x80 ? 100 : 1));
    const auto wire = in.take(std::min<std::size_t>(in.left(), what & 0x40 ? 172 : 16));
    switch (what & 7) {
      case 0:
      case 1:
        (void)stream.receive(wire, kPeer, now);
        break;
      case 2: {
        const auto outcome = stream.receive(wire, kStranger, now);
        CHECK(may_learn || outcome.kind == rtp::Outcome::Kind::kDropped);
        break;
      }
      case 3:
        (void)stream.receive_rtcp(wire, kPeerRtcp, now);
        break;
      case 4:
        beat(stream, now);
        break;
      case 5:
        (void)stream.send_digits(text_of(wire.first(std::min<std::size_t>(wire.size(), 4))), 20ms * what);
        break;
      case 6: {
        const auto bits = wire.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(wire[0]);
        may_learn |= (bits & 2) != 0;
        configure(stream, bits, now);
        break;
      }
      case 7: {
        std::array<std::byte, rtp::kRtcpMax> out;
        CHECK(stream.write_rtcp(out, now, {}, what & 8).size() % 4 == 0);
        break;
      }
    }
    beat(stream, now);
  }
  CHECK(stream.jitter_counters().concealed <= size);
  return 0;
}
