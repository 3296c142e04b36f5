#include "engine/net/exchange.h"

#include "engine/base/check.h"

namespace carillon::net {

class ExchangeRings::End final : public Exchange {
 public:
  End(ExchangeRings& rings, std::uint32_t self) : rings_(rings), self_(self) {}

  bool pass(std::uint32_t shard, const io::Frame& frame) override {
    CHECK(shard != self_);
    return rings_.pair(self_, shard).frames.push(frame);
  }
  // begins with another shard each time, so that a busy one does not shut out the rest
  std::size_t take(std::span<io::Frame> out) override {
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < rings_.shards_; ++i) {
      const std::uint32_t from = (turn_ + i) % rings_.shards_;
      if (from == self_) continue;
      while (count < out.size() && rings_.pair(from, self_).frames.pop(out[count])) ++count;
    }
    turn_ = (turn_ + 1) % rings_.shards_;
    return count;
  }
  bool tell(std::uint32_t shard, const News& news) override {
    CHECK(shard != self_);
    return rings_.pair(self_, shard).news.push(news);
  }
  bool hear(News& news) override {
    for (std::uint32_t from = 0; from < rings_.shards_; ++from)
      if (from != self_ && rings_.pair(from, self_).news.pop(news)) return true;
    return false;
  }
  void wake(std::uint32_t shard) override {
    if (rings_.ports_[shard]) rings_.ports_[shard]->wake();
  }

 private:
  ExchangeRings& rings_;
  std::uint32_t self_, turn_ = 0;
};

ExchangeRings::ExchangeRings(std::uint32_t shards, std::size_t frames)
    : shards_(shards), ports_(shards), pairs_(shards * shards) {
  for (std::uint32_t i = 0; i < shards * shards; ++i)
    if (i / shards != i % shards) pairs_[i] = std::make_unique<Pair>(frames, kNews);
  for (std::uint32_t i = 0; i < shards; ++i) ends_.push_back(std::make_unique<End>(*this, i));
}

ExchangeRings::~ExchangeRings() = default;

Exchange& ExchangeRings::end(std::uint32_t shard) { return *ends_[shard]; }

}  // namespace carillon::net
