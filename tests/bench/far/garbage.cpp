#include "tests/bench/far/garbage.h"

#include <algorithm>

namespace carillon::bench {
namespace {

constexpr std::size_t kLeast = 14, kMost = 1514;
constexpr std::uint16_t kRtpFirst = 6000;  // where the benches' engines have their RTP
constexpr std::uint8_t kIcmp4 = 1, kUdp = 17, kIcmp6 = 58, kFragment6 = 44;

}  // namespace

void Garbage::hear(Bytes frame) {
  if (is_engine_known_ || frame.size() < kLeast) return;
  std::memcpy(&engine_, frame.data() + 6, 6);
  is_engine_known_ = true;
}

void Garbage::start(Tsc now) {
  if (is_blowing() || !is_engine_known_) return;
  started_ = now;
  wanted_ = options_.garbage;
  sent_ = 0;
}

void Garbage::run_due(DpdkPort& port, Tsc now) {
  if (!is_blowing()) return;
  const double share = rate_.us(now - started_) / (1e6 * options_.garbage_seconds);
  const auto due = std::min(wanted_, static_cast<std::uint64_t>(share * static_cast<double>(wanted_)));
  for (std::uint64_t turn = 0; sent_ < due && turn < kTurnMax; ++turn) make_frame(port);
}

/// splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t Garbage::draw() {
  std::uint64_t word = state_ += 0x9E37'79B9'7F4A'7C15;
  word = (word ^ word >> 30) * 0xBF58'476D'1CE4'E5B9;
  word = (word ^ word >> 27) * 0x94D0'49BB'1331'11EB;
  return word ^ word >> 31;
}

void Garbage::fill(std::uint8_t* at, std::size_t size) {
  for (; size >= 8; at += 8, size -= 8) {
    const std::uint64_t word = draw();
    std::memcpy(at, &word, 8);
  }
  const std::uint64_t word = draw();
  std::memcpy(at, &word, size);
}

void Garbage::make_frame(DpdkPort& port) {
  ++sent_;
  const std::size_t room = draw(2) ? 128 : kMost;
  const std::size_t size = kLeast + draw(room - kLeast);
  rte_mbuf* frame = port.make(kMost);
  if (!frame) return;
  auto* at = rte_pktmbuf_mtod(frame, std::uint8_t*);
  fill(at, std::max<std::size_t>(size, 96));
  std::memcpy(at, &engine_, 6);
  std::memcpy(at + 6, &own_, 6);
  const std::size_t used = shape(at, draw(kKinds), size);
  frame->data_len = static_cast<std::uint16_t>(used);
  frame->pkt_len = static_cast<std::uint32_t>(used);
  ++sent_all_;
  port.send(frame);
}

/// Random bytes in an intact IPv4 datagram from a stranger: what is wrong is found where the payload is read.
std::size_t Garbage::make_datagram(std::uint8_t* at, std::size_t size, std::uint16_t port) {
  const std::size_t payload = std::min<std::size_t>(size, kMost - kUdpHead);
  const auto stranger = static_cast<std::uint32_t>(0xC633'6400 + draw(256));  // 198.51.100.0/24, RFC 5737
  write_head(at, {own_, engine_, stranger, options_.engine, static_cast<std::uint16_t>(1 + draw(65535)), port},
             payload);
  seal(at, head_sum(at) + word_sum(at + kUdpHead, payload));
  return kUdpHead + payload;
}

/// What the frame is taken for, and what is wrong with it; its size.
std::size_t Garbage::shape(std::uint8_t* at, std::uint64_t kind, std::size_t size) {
  const auto any_type = [&](std::uint16_t type) { write16(at + 12, type); };
  switch (kind) {
    case 0:  // nothing at all, to everybody one time in two
      if (draw(2)) std::memset(at, 0xFF, 6);
      return size;
    case 1:  // ARP of no known kind
      any_type(RTE_ETHER_TYPE_ARP);
      return size;
    case 2:  // IPv4 with an impossible header
      any_type(RTE_ETHER_TYPE_IPV4);
      return size;
    case 3: {  // a datagram whose checksum or length is wrong
      const std::size_t whole = make_datagram(at, size, options_.sip_port);
      ++at[draw(2) ? 24 : 39];
      return whole;
    }
    case 4:  // a fragment of something that will never be whole
    case 5: {
      const std::size_t whole = make_datagram(at, size, options_.sip_port);
      write16(at + 18, static_cast<std::uint16_t>(draw()));
      write16(at + 20, static_cast<std::uint16_t>(0x2000 | draw(0x2000)));
      if (kind == 5) at[23] = draw(2) ? kIcmp4 : static_cast<std::uint8_t>(draw());
      write16(at + 24, 0);
      const auto sum = static_cast<std::uint16_t>(~fold(word_sum(at + 14, 20)));
      std::memcpy(at + 24, &sum, 2);
      return whole;
    }
    case 6: {  // IPv6: ICMP, fragments, UDP, anything
      any_type(RTE_ETHER_TYPE_IPV6);
      at[14] = 0x60;
      const std::uint8_t next[] = {kIcmp6, kFragment6, kUdp, static_cast<std::uint8_t>(draw())};
      at[20] = next[draw(4)];
      write16(at + 18, static_cast<std::uint16_t>(size > 54 ? size - 54 : 0));
      return std::max<std::size_t>(size, 54);
    }
    case 7:  // SIP that is none
      return make_datagram(at, size, options_.sip_port);
    default:  // RTP from a stranger, to a call's port or to nobody's
      return make_datagram(at, size, static_cast<std::uint16_t>(kRtpFirst + draw(200)));
  }
}

}  // namespace carillon::bench
