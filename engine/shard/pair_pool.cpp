#include "engine/shard/pair_pool.h"

namespace carillon::shard {

PairPool::PairPool(io::Port& port, const Endpoint& local, const Endpoint& advertised, std::uint16_t port_first,
                   std::uint32_t pairs)
    : port_(port), local_(local), advertised_(advertised), port_first_(port_first), pairs_max_(pairs), pairs_(pairs) {}

void PairPool::note(io::SocketId socket, std::uint32_t pair, bool is_rtcp) {
  if (socket.value >= by_socket_.size()) by_socket_.resize(socket.value + 64, kNobody);
  by_socket_[socket.value] = pair << 1 | (is_rtcp ? 1 : 0);
}

// A pair that another program sits on is passed over.
bool PairPool::open_next() {
  while (opened_ < pairs_max_) {
    const std::uint32_t pair = opened_++;
    Endpoint at = local_;
    at.port = static_cast<std::uint16_t>(port_first_ + 2 * pair);
    const auto rtp = port_.open(at, false);
    if (!rtp) continue;
    ++at.port;
    const auto rtcp = port_.open(at, false);
    if (!rtcp) {
      port_.close(*rtp);
      continue;
    }
    pairs_[pair] = {*rtp, *rtcp, {}};
    note(*rtp, pair, false);
    note(*rtcp, pair, true);
    free_.push_back(pair);
    return true;
  }
  return false;
}

std::optional<call::MediaPair> PairPool::take(Handle leg) {
  constexpr std::size_t kResting = 64;  // a pair rests until so many others have been lent
  if (free_.size() <= kResting) open_next();
  if (free_.empty()) return {};
  const std::uint32_t pair = free_.front();
  free_.pop_front();
  pairs_[pair].leg = leg;
  ++lent_;
  Endpoint rtp = advertised_;
  rtp.port = static_cast<std::uint16_t>(port_first_ + 2 * pair);
  return call::MediaPair{pair, rtp};
}

void PairPool::give_back(std::uint32_t pair) {
  CHECK(pair < pairs_.size());
  CHECK(pairs_[pair].leg);
  pairs_[pair].leg = {};
  free_.push_back(pair);
  --lent_;
}

PairPool::Owner PairPool::owner(io::SocketId socket) const {
  if (socket.value >= by_socket_.size() || by_socket_[socket.value] == kNobody) return {};
  const std::uint32_t packed = by_socket_[socket.value];
  return {pairs_[packed >> 1].leg, (packed & 1) != 0};
}

}  // namespace carillon::shard
