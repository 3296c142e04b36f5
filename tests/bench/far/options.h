#pragma once
// What the far side is told on its command line, and where its channels live: one RTP port each, on several addresses.

#include <cstdint>
#include <string>

namespace carillon::bench {

struct FarOptions {
  std::uint32_t address_first = 0, addresses = 1;  ///< host order
  std::uint32_t engine = 0;                        ///< asked for by ARP
  std::uint16_t sip_port = 5060;
  std::uint32_t channels = 40'000;  ///< calls at once; the next one gets 486
  bool sends_trying = false, sends_ringing = false;
  double answer_ms = 0;       ///< from INVITE to 200
  double speak = 0;           ///< share of the channels that are spoken to, 0..1
  std::string voice;          ///< WAV that is said; empty: made up
  std::string expect;         ///< WAV that every channel should hear; empty: any payload will do
  bool echoes = false;        ///< no SIP, no RTP: each frame goes back to where it came from
  bool naps = false;          ///< sleeps 20 µs in idle turns; else only while nothing is measured
  std::uint32_t source = 0;   ///< this many channels are spoken to without a call, once the peer is there
  std::uint64_t garbage = 0;  ///< frames of a storm, started by "garbage" on stdin
  double garbage_seconds = 2;
  unsigned mbufs = 16'383;
  double seconds = 600;  ///< ends by itself
};

/// RTP on even ports above SIP's, the port above each for RTCP; 29,000 channels per address.
class PortPlan {
 public:
  static constexpr std::uint32_t kPerAddress = 29'000;
  static constexpr std::uint16_t kFirst = 6000;
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

  PortPlan(std::uint32_t address_first, std::uint32_t addresses, std::uint32_t channels)
      : first_(address_first), addresses_(addresses), channels_(channels) {}

  std::uint32_t address(std::uint32_t channel) const { return first_ + channel % addresses_; }
  std::uint16_t port(std::uint32_t channel) const {
    return static_cast<std::uint16_t>(kFirst + 2 * (channel / addresses_));
  }
  bool is_ours(std::uint32_t address) const { return address - first_ < addresses_; }
  /// The channel of an RTP port, or kNone.
  std::uint32_t channel(std::uint32_t address, std::uint16_t port) const {
    if (!is_ours(address) || port < kFirst || (port & 1)) return kNone;
    const std::uint32_t channel = (port - kFirst) / 2u * addresses_ + (address - first_);
    return channel < channels_ ? channel : kNone;
  }
  std::uint32_t room() const { return kPerAddress * addresses_; }

 private:
  std::uint32_t first_, addresses_, channels_;
};

}  // namespace carillon::bench
