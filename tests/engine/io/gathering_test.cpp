#include "engine/io/gathering.h"

#include <gtest/gtest.h>

namespace carillon::io {
namespace {

constexpr std::uint32_t kFull = 128;
const TimePoint kStart = TimePoint{} + 1h;

class GatheringTest : public testing::Test {
 protected:
  // `per_ms` packets in each of so many milliseconds.
  void receive(std::size_t per_ms, int milliseconds) {
    for (int i = 0; i < milliseconds; ++i) {
      gathering_.note_received(per_ms);
      now_ += 1ms;
      last_ = gathering_.next(now_, now_ + 20ms);
    }
  }

  Gathering gathering_{kFull};
  TimePoint now_ = kStart;
  Gathering::Sleep last_;
};

TEST_F(GatheringTest, FirstPacketWakesAnIdlePort) {
  const auto sleep = gathering_.next(now_, now_ + 1s);
  EXPECT_EQ(sleep.packets, 1u);
  EXPECT_EQ(sleep.until, now_ + 1s);
}

TEST_F(GatheringTest, FewPacketsWakeOneByOne) {
  receive(3, 20);
  EXPECT_EQ(last_.packets, 1u);
  EXPECT_EQ(last_.until, now_ + 20ms);
}

TEST_F(GatheringTest, ManyPacketsGatherForHalfAMillisecond) {
  receive(4, 20);
  EXPECT_EQ(last_.packets, kFull);
  EXPECT_EQ(last_.until, now_ + Gathering::kTimeMax);
}

TEST_F(GatheringTest, OwnersDeadlineComesFirst) {
  receive(50, 8);
  EXPECT_EQ(gathering_.next(now_, now_ + 100us).until, now_ + 100us);
  EXPECT_EQ(gathering_.next(now_, now_ - 1ms).until, now_ - 1ms);
}

TEST_F(GatheringTest, LoneBurstAfterALongSleepDoesNotCountAsMany) {
  gathering_.next(now_, now_ + 1s);
  now_ += 1s;
  gathering_.note_received(200);
  EXPECT_EQ(gathering_.next(now_, now_ + 1s).packets, 1u);
}

TEST_F(GatheringTest, SilenceEndsItWithinAWindow) {
  receive(50, 8);
  ASSERT_EQ(last_.packets, kFull);
  receive(0, 2 * static_cast<int>(Gathering::kWindow / 1ms));
  EXPECT_EQ(last_.packets, 1u);
}

}  // namespace
}  // namespace carillon::io
