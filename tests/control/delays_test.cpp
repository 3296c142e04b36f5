#include "control/live/delays.h"

#include <gtest/gtest.h>

namespace carillon::control {
namespace {

TEST(Delays, CountEachInTheBinThatHoldsIt) {
  Delays delays;
  for (const Duration took : {Duration(1ms), Duration(1001us), Duration(5ms), Duration(10s), Duration(11s)})
    delays.note(took, TimePoint(1s));
  const auto view = delays.view(TimePoint(1s));
  EXPECT_EQ(view.counts.front(), 1u);  // a bound belongs to its bin
  EXPECT_EQ(view.counts[1], 2u);
  EXPECT_EQ(view.counts[Delays::kBounds.size() - 1], 1u);
  EXPECT_EQ(view.counts.back(), 1u);
  EXPECT_EQ(view.count, 5u);
  EXPECT_EQ(view.total, 1ms + 1001us + 5ms + 21s);
}

// Two monitors see the same, and both still see it a good while later.
TEST(Delays, TheLongestIsKeptForAMinuteHoweverOftenItIsRead) {
  Delays delays;
  delays.note(700ms, TimePoint(100s));
  delays.note(3ms, TimePoint(130s));
  EXPECT_EQ(delays.view(TimePoint(130s)).longest_of_minute, 700ms);
  EXPECT_EQ(delays.view(TimePoint(154s)).longest_of_minute, 700ms);
  EXPECT_EQ(delays.view(TimePoint(160s)).longest_of_minute, 3ms);
  EXPECT_EQ(delays.view(TimePoint(300s)).longest_of_minute, Duration::zero());
  delays.note(1ms, TimePoint(400s));
  EXPECT_EQ(delays.view(TimePoint(400s)).longest_of_minute, 1ms);
  EXPECT_EQ(delays.view(TimePoint(400s)).count, 3u);
}

}  // namespace
}  // namespace carillon::control
