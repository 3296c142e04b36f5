#pragma once

#include <boost/circular_buffer.hpp>
#include <vector>

#include "engine/call/seams.h"
#include "engine/io/port.h"

namespace carillon::shard {

/// The RTP and RTCP sockets of one shard: pairs of an even port and the next one, from a block of ports that is this
/// shard's alone, on each address that is used. Opened when first needed and then kept; lent first in, first out, so
/// that a pair rests between two calls.
///
/// full  take() answers nothing when all pairs are lent, or the rest of the block belongs to other programs
class PairPool : public call::MediaPairs {
 public:
  struct Owner {
    Handle leg;
    bool is_rtcp = false;
  };
  static_assert(sizeof(Owner) <= 16);  // one look-up a packet: four to a cache line

  /// `local` and `advertised` give the addresses, `port_first` (even) and `pairs` the block.
  PairPool(io::Port& port, const Endpoint& local, const Endpoint& advertised, std::uint16_t port_first,
           std::uint32_t pairs);
  PairPool(const PairPool&) = delete;

  /// A further usual address with the same block of ports: pairs are lent from the one that has lent the fewest.
  void add_usual(const Endpoint& local);

  /// The same block of ports on a further address, for trunks that are bound there. Again: nothing changes.
  void add_address(const Endpoint& local);

  std::optional<call::MediaPair> take(Handle leg, const Endpoint& local) override;
  bool is_at(std::uint32_t pair, const Endpoint& local) const override {
    const std::uint32_t wanted = block_at(local), block = pair / pairs_max_;
    return block == wanted || (wanted == 0 && blocks_[block].is_usual);
  }
  void give_back(std::uint32_t pair) override;
  void expect(std::uint32_t pair, const Endpoint& peer) override;
  void expect_any(std::uint32_t pair) override;

  /// Whose packet came in on this socket; an empty leg: nobody's (any more).
  Owner owner(io::SocketId socket) const {
    return socket.value < by_socket_.size() ? by_socket_[socket.value] : Owner{};
  }
  /// owner() of this one will be asked soon; or socket() of that one.
  void prefetch(io::SocketId socket) const {
    if (socket.value < by_socket_.size()) __builtin_prefetch(&by_socket_[socket.value]);
  }
  void prefetch_pair(std::uint32_t pair) const { __builtin_prefetch(&pairs_[pair]); }
  io::SocketId socket(std::uint32_t pair, bool is_rtcp) const { return is_rtcp ? pairs_[pair].rtcp : pairs_[pair].rtp; }
  std::uint32_t lent() const { return lent_; }

 private:
  struct Pair {
    io::SocketId rtp, rtcp;
    bool is_lent = false;
    bool is_expecting = false;  // one peer alone
  };
  struct Block {
    Endpoint local, advertised;
    bool is_usual = false;
    std::uint32_t opened = 0, lent = 0;
    boost::circular_buffer<std::uint32_t> free;  // by number of the pair
  };

  void add_block(const Endpoint& local, const Endpoint& advertised, bool is_usual);
  std::uint32_t block_at(const Endpoint& local) const;
  std::uint32_t emptiest_usual() const;
  bool open_next(std::uint32_t block);
  void set_owner(const Pair& pair, Handle leg);

  io::Port& port_;
  std::uint16_t port_first_;
  std::uint32_t pairs_max_, lent_ = 0;  // of one block
  std::vector<Block> blocks_;           // the first: the usual address
  std::vector<Pair> pairs_;             // by number: block after block
  std::vector<Owner> by_socket_;
};

}  // namespace carillon::shard
