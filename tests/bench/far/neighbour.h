#pragma once
// ARP (RFC 826) for the far side: answers for its addresses, and asks for the engine until it is heard. Replies to the
// engine go to the address its frames come from, so what is learned here only says "the engine is there".

#include <cstdint>

#include "tests/bench/far/options.h"
#include "tests/bench/wire/dpdk_port.h"
#include "tests/bench/wire/frames.h"
#include "tests/bench/wire/tsc.h"

namespace carillon::bench {

class Neighbour {
 public:
  Neighbour(const FarOptions& options, const PortPlan& plan, rte_ether_addr mac, const TscRate& rate)
      : options_(options), plan_(plan), mac_(mac), pause_(rate.cycles(100'000)) {}

  /// An ARP frame; others are left alone.
  void take(DpdkPort& port, Bytes frame);
  /// Asks for the engine ten times a second until it has answered. A frame to a peer that is not connected is lost.
  void run_due(DpdkPort& port, Tsc now);
  bool engine_is_heard() const { return engine_is_heard_; }

 private:
  void send(DpdkPort& port, std::uint16_t operation, std::uint32_t own, const rte_ether_addr& to, std::uint32_t peer);

  const FarOptions& options_;
  const PortPlan& plan_;
  rte_ether_addr mac_;
  Tsc pause_, due_ = 0;
  bool engine_is_heard_ = false;
};

}  // namespace carillon::bench
