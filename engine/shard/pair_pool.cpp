#include "engine/shard/pair_pool.h"

#include <algorithm>

namespace carillon::shard {

PairPool::PairPool(io::Port& port, const Endpoint& local, const Endpoint& advertised, std::uint16_t port_first,
                   std::uint32_t pairs)
    : port_(port), port_first_(port_first), pairs_max_(std::max(1u, pairs)) {
  add_block(local, advertised, true);
}

// All that the block will ever hold, so that lending allocates nothing.
void PairPool::add_block(const Endpoint& local, const Endpoint& advertised, bool is_usual) {
  blocks_.push_back({local, advertised, is_usual, 0, 0, boost::circular_buffer<std::uint32_t>(pairs_max_)});
  pairs_.resize(blocks_.size() * pairs_max_);
  by_socket_.reserve(2 * pairs_.size() + 1024);
}

void PairPool::add_usual(const Endpoint& local) { add_block(local, local, true); }

void PairPool::add_address(const Endpoint& local) {
  const bool is_known =
      std::ranges::any_of(blocks_, [&](const Block& block) { return block.local.same_address(local); });
  if (!is_known) add_block(local, local, false);
}

std::uint32_t PairPool::block_at(const Endpoint& local) const {
  for (std::uint32_t i = 1; i < blocks_.size(); ++i)
    if (!blocks_[i].is_usual && blocks_[i].local.same_address(local)) return i;
  return 0;
}

std::uint32_t PairPool::emptiest_usual() const {
  std::uint32_t best = 0;
  for (std::uint32_t i = 1; i < blocks_.size(); ++i)
    if (blocks_[i].is_usual && blocks_[i].lent < blocks_[best].lent) best = i;
  return best;
}

void PairPool::set_owner(const Pair& pair, Handle leg) {
  const std::size_t last = std::max(pair.rtp.value, pair.rtcp.value);
  if (last >= by_socket_.size()) by_socket_.resize(last + 64);
  by_socket_[pair.rtp.value] = {leg, false};
  by_socket_[pair.rtcp.value] = {leg, true};
}

// A pair that another program sits on is passed over.
bool PairPool::open_next(std::uint32_t index) {
  Block& block = blocks_[index];
  while (block.opened < pairs_max_) {
    const std::uint32_t number = block.opened++;
    Endpoint at = block.local;
    at.port = static_cast<std::uint16_t>(port_first_ + 2 * number);
    const auto rtp = port_.open(at, false);
    if (!rtp) continue;
    ++at.port;
    const auto rtcp = port_.open(at, false);
    if (!rtcp) {
      port_.close(*rtp);
      continue;
    }
    const std::uint32_t pair = index * pairs_max_ + number;
    pairs_[pair] = {*rtp, *rtcp};
    set_owner(pairs_[pair], {});
    block.free.push_back(pair);
    return true;
  }
  return false;
}

std::optional<call::MediaPair> PairPool::take(Handle leg, const Endpoint& local) {
  constexpr std::size_t kResting = 64;  // a pair rests until so many others have been lent
  const std::uint32_t wanted = block_at(local), index = wanted == 0 ? emptiest_usual() : wanted;
  Block& block = blocks_[index];
  if (block.free.size() <= kResting) open_next(index);
  if (block.free.empty()) return {};
  const std::uint32_t pair = block.free.front();
  block.free.pop_front();
  pairs_[pair].is_lent = true;
  set_owner(pairs_[pair], leg);
  ++block.lent;
  ++lent_;
  Endpoint rtp = block.advertised;
  rtp.port = static_cast<std::uint16_t>(port_first_ + 2 * (pair % pairs_max_));
  return call::MediaPair{pair, rtp};
}

void PairPool::give_back(std::uint32_t pair) {
  CHECK(pair < pairs_.size());
  CHECK(pairs_[pair].is_lent);
  expect_any(pair);
  pairs_[pair].is_lent = false;
  set_owner(pairs_[pair], {});
  blocks_[pair / pairs_max_].free.push_back(pair);
  --blocks_[pair / pairs_max_].lent;
  --lent_;
}

void PairPool::expect(std::uint32_t pair, const Endpoint& peer) {
  pairs_[pair].is_expecting = true;
  port_.expect(pairs_[pair].rtp, peer);
}

void PairPool::expect_any(std::uint32_t pair) {
  if (!pairs_[pair].is_expecting) return;
  pairs_[pair].is_expecting = false;
  port_.expect_any(pairs_[pair].rtp);
}

}  // namespace carillon::shard
