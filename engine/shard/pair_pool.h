#pragma once

#include <deque>
#include <vector>

#include "engine/call/seams.h"
#include "engine/io/port.h"

namespace carillon::shard {

/// The RTP and RTCP sockets of one shard: pairs of an even port and the next one, from a block that is this shard's
/// alone. Opened when first needed and then kept; lent first in, first out, so that a pair rests between two calls.
///
/// full  take() answers nothing when all pairs are lent, or the rest of the block belongs to other programs
class PairPool : public call::MediaPairs {
 public:
  struct Owner {
    Handle leg;
    bool is_rtcp = false;
  };

  /// `local` and `advertised` give the addresses, `port_first` (even) and `pairs` the block.
  PairPool(io::Port& port, const Endpoint& local, const Endpoint& advertised, std::uint16_t port_first,
           std::uint32_t pairs);

  std::optional<call::MediaPair> take(Handle leg) override;
  void give_back(std::uint32_t pair) override;

  /// Whose packet came in on this socket; an empty leg: nobody's (any more).
  Owner owner(io::SocketId socket) const;
  io::SocketId socket(std::uint32_t pair, bool is_rtcp) const { return is_rtcp ? pairs_[pair].rtcp : pairs_[pair].rtp; }
  std::uint32_t lent() const { return lent_; }

 private:
  struct Pair {
    io::SocketId rtp, rtcp;
    Handle leg;
  };
  static constexpr std::uint32_t kNobody = 0xFFFF'FFFF;

  bool open_next();
  void note(io::SocketId socket, std::uint32_t pair, bool is_rtcp);

  io::Port& port_;
  Endpoint local_, advertised_;
  std::uint16_t port_first_;
  std::uint32_t pairs_max_, opened_ = 0, lent_ = 0;
  std::vector<Pair> pairs_;               // by number of the pair in the block
  std::vector<std::uint32_t> by_socket_;  // pair << 1 | is_rtcp
  std::deque<std::uint32_t> free_;
};

}  // namespace carillon::shard
