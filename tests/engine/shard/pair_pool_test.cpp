#include "engine/shard/pair_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/io/sim.h"

namespace carillon::shard {
namespace {

const Endpoint kFirst = Endpoint::v4(10, 0, 0, 1, 0), kSecond = Endpoint::v4(10, 0, 0, 2, 0),
               kTrunk = Endpoint::v4(10, 0, 0, 3, 0);

class PairPoolTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kPairs = 200;
  io::SimNetwork network_{1};
  std::unique_ptr<io::Port> port_ = network_.make_port();
  PairPool pool_{*port_, kFirst, kFirst, 20'000, kPairs};
  std::optional<call::MediaPair> take(const Endpoint& local = {}) { return pool_.take(Handle{1, 1}, local); }
};

// 40,000 channels need more ports than one address has.
TEST_F(PairPoolTest, UsualAddressesShareTheLoad) {
  pool_.add_usual(kSecond);
  std::set<std::uint32_t> lent;
  int first = 0, second = 0;
  for (std::uint32_t i = 0; i < 2 * kPairs; ++i) {
    const auto pair = take();
    ASSERT_TRUE(pair) << i;
    EXPECT_TRUE(lent.insert(pair->index).second) << "lent twice";
    EXPECT_TRUE(pool_.is_at(pair->index, {})) << "any usual address is the usual one";
    first += pair->rtp.same_address(kFirst);
    second += pair->rtp.same_address(kSecond);
  }
  EXPECT_EQ(first, static_cast<int>(kPairs));
  EXPECT_EQ(second, static_cast<int>(kPairs));
  EXPECT_FALSE(take());
  pool_.give_back(*lent.begin());
  EXPECT_TRUE(take());
}

TEST_F(PairPoolTest, ATrunksAddressIsNotAUsualOne) {
  pool_.add_usual(kSecond);
  pool_.add_address(kTrunk);
  pool_.add_address(kTrunk);  // again: nothing changes
  const auto there = take(kTrunk), here = take();
  ASSERT_TRUE(there && here);
  EXPECT_TRUE(there->rtp.same_address(kTrunk));
  EXPECT_FALSE(here->rtp.same_address(kTrunk));
  EXPECT_TRUE(pool_.is_at(there->index, kTrunk));
  EXPECT_FALSE(pool_.is_at(here->index, kTrunk));
  EXPECT_FALSE(pool_.is_at(there->index, {}));
}

}  // namespace
}  // namespace carillon::shard
