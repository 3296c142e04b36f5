#pragma once
// Answers calls as a phone that never says no: 100 and 180 where asked for, 200 with SDP, ACK, BYE, CANCEL, OPTIONS. A
// call is a slot in a fixed table found by the hash of its Call-ID; the slot's number is the channel, so the RTP port.
// A 200 goes out again (RFC 3261 §13.3.1.4) until its ACK comes. Slots are taken in the order in which they came free,
// so that a late packet of an ended call finds the ended call.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/far/options.h"
#include "tests/bench/far/sip_text.h"
#include "tests/bench/wire/dpdk_port.h"
#include "tests/bench/wire/frames.h"
#include "tests/bench/wire/tsc.h"

namespace carillon::bench {

/// Things that become due in the order in which they were put, all after the same delay. Fixed room: a power of two.
class DelayLine {
 public:
  struct Entry {
    Tsc due = 0;
    std::uint32_t call = 0, generation = 0;
  };
  DelayLine(std::uint32_t room, Tsc delay) : entries_(room), delay_(delay) {}
  /// False when full: the oldest entry is still waiting.
  bool put(std::uint32_t call, std::uint32_t generation, Tsc now) {
    if (in_ - out_ == entries_.size()) return false;
    entries_[in_++ & (entries_.size() - 1)] = {now + delay_, call, generation};
    return true;
  }
  bool take(Tsc now, Entry& entry) {
    if (in_ == out_ || entries_[out_ & (entries_.size() - 1)].due > now) return false;
    entry = entries_[out_++ & (entries_.size() - 1)];
    return true;
  }

 private:
  std::vector<Entry> entries_;
  Tsc delay_;
  std::uint64_t in_ = 0, out_ = 0;
};

class Answerer {
 public:
  /// What the loop has to do besides: a channel began to be talked to, or ended.
  struct News {
    enum class Kind : std::uint8_t { kNothing, kOpened, kClosed } kind = Kind::kNothing;
    std::uint32_t channel = 0;
    Route rtp;  ///< kOpened: how to speak to it
  };
  struct Counts {
    std::uint64_t invites = 0, answered = 0, acks = 0, byes = 0, cancels = 0, options = 0;
    std::uint64_t invites_again = 0, byes_again = 0, answers_again = 0;  ///< retransmissions, theirs and ours
    std::uint64_t acks_missing = 0;                                      ///< a 200 was given up
    std::uint64_t full = 0, malformed = 0, delays_full = 0;
  };

  Answerer(const FarOptions& options, const PortPlan& plan, rte_ether_addr mac, const TscRate& rate);

  News take(DpdkPort& port, const Datagram& datagram, Tsc now);
  /// One thing that is due: a 200 that waited for its time, or that goes out again. False when there is none.
  bool run_due(DpdkPort& port, Tsc now, News& news);

  std::uint32_t open() const { return open_; }
  std::string json() const;
  void clear_counts() { counts_ = {}; }

 private:
  enum class State : std::uint8_t { kFree, kRinging, kAnswered, kConfirmed, kEnded };
  struct Call {
    std::uint64_t key = 0;  ///< hash of the Call-ID
    std::uint32_t next = kNone, generation = 0;
    State state = State::kFree;
    std::uint8_t sent_again = 0;
    std::uint16_t lines_size = 0;
    Route sip;             ///< where the INVITE came from
    Target target;         ///< of its offer
    char lines[704] = {};  ///< Via … CSeq of the INVITE, as every response repeats them, with our tag
  };
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;
  static constexpr int kAgain = 4;  ///< delays of 0.5, 1, 2 and 4 s, then 4 s each until 32 s are over

  std::uint32_t find(std::uint64_t key) const;
  std::uint32_t claim(std::uint64_t key);
  void unlink(std::uint32_t index);
  void end(std::uint32_t index);
  bool keep_lines(Call& call, std::uint32_t index, const Request& request) const;

  News on_invite(DpdkPort& port, const Request& request, const Route& back, Tsc now);
  News on_bye(DpdkPort& port, const Request& request, const Route& back, std::uint32_t index);
  News on_cancel(DpdkPort& port, const Request& request, const Route& back, std::uint32_t index);
  News answer(DpdkPort& port, std::uint32_t index, Tsc now);
  void send_stored(DpdkPort& port, std::uint32_t index, std::string_view status, bool with_sdp);
  void send_plain(DpdkPort& port, const Request& request, const Route& back, std::string_view status);
  void wait_for_ack(std::uint32_t index, Tsc now);
  Route rtp_route(std::uint32_t index) const;

  const FarOptions& options_;
  const PortPlan& plan_;
  rte_ether_addr mac_;
  std::string contact_;
  std::vector<Call> calls_;
  std::vector<std::uint32_t> buckets_;  ///< first call of each chain
  std::vector<std::uint32_t> free_;     ///< ring: taken at free_out_, put back at free_in_
  std::uint64_t free_in_ = 0, free_out_ = 0;
  std::vector<std::string> tails_;  ///< by address: what follows the lines of a 200, up to the port
  DelayLine ringing_;
  std::vector<DelayLine> again_;
  std::uint32_t open_ = 0;
  Counts counts_;
};

}  // namespace carillon::bench
