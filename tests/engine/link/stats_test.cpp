// A shard's figures on their way to control: translated one by one, summed by the Desk, each shard beside the sum.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "engine/link/desk.h"
#include "engine/link/translate.h"
#include "tests/engine/link/folder.h"

namespace carillon::link {
namespace {

using namespace std::string_view_literals;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'000)};

/// Every figure another one, and other ones for each `shard`.
call::ShardStats stats_of(std::uint32_t shard) {
  call::ShardStats stats;
  const std::uint32_t base = 1000 * (shard + 1);
  stats.shard = shard;
  stats.legs = base + 1;
  stats.bridges = base + 2;
  stats.recordings = base + 3;
  stats.packets_in = base + 4;
  stats.packets_out = base + 5;
  stats.late_frames = base + 6;
  stats.originated = base + 7;
  stats.answered = base + 8;
  stats.incoming = base + 9;
  stats.busy_ns = base + 10;
  stats.steps = base + 11;
  stats.steps_idle = base + 12;
  stats.step_longest_us = base + 13;
  stats.beat_latest_us = base + 14;
  stats.headroom_rate = shard == 0 ? 0.25f : 0.75f;
  stats.refuses = shard == 0;
  stats.depths[0] = {"commands"sv, base + 15, 65'536};
  stats.depths[1] = {"mbufs"sv, base + 16, 8'192};
  stats.depths_count = 2;
  stats.drops[0] = {"rtp_late"sv, base + 17};
  stats.drops[1] = {shard == 0 ? "sip_full"sv : "events"sv, base + 18};
  stats.drops_count = 2;
  return stats;
}

TEST(ShardStatsToWire, CarriesEveryFigure) {
  const wire::ShardStats made = to_wire(stats_of(1), kNow);
  EXPECT_EQ(made.shard(), 1u);
  EXPECT_EQ(made.legs(), 2001u);
  EXPECT_EQ(made.bridges(), 2002u);
  EXPECT_EQ(made.recordings(), 2003u);
  EXPECT_EQ(made.packets_in(), 2004u);
  EXPECT_EQ(made.packets_out(), 2005u);
  EXPECT_EQ(made.late_frames(), 2006u);
  EXPECT_EQ(made.originated(), 2007u);
  EXPECT_EQ(made.answered(), 2008u);
  EXPECT_EQ(made.incoming(), 2009u);
  EXPECT_EQ(made.busy_ns(), 2010u);
  EXPECT_EQ(made.steps(), 2011u);
  EXPECT_EQ(made.steps_idle(), 2012u);
  EXPECT_EQ(made.step_longest_us(), 2013u);
  EXPECT_EQ(made.beat_latest_us(), 2014u);
  EXPECT_FLOAT_EQ(made.headroom_rate(), 0.75f);
  EXPECT_FALSE(made.refuses());
  EXPECT_TRUE(to_wire(stats_of(0), kNow).refuses());
  ASSERT_EQ(made.depths_size(), 2);
  EXPECT_EQ(made.depths(0).name(), "commands");
  EXPECT_EQ(made.depths(0).used(), 2015u);
  EXPECT_EQ(made.depths(0).room(), 65'536u);
  EXPECT_EQ(made.depths(1).name(), "mbufs");
  EXPECT_EQ(made.depths(1).used(), 2016u);
  EXPECT_EQ(made.depths(1).room(), 8'192u);
  EXPECT_THAT(made.drops(), UnorderedElementsAre(Pair("rtp_late", 2017), Pair("events", 2018)));
  EXPECT_EQ(made.counted_ms(), kNow.time_since_epoch().count());
}

TEST(ShardStatsToWire, AHeadroomIsAlwaysAShare) {
  const auto sent = [](float rate) {
    call::ShardStats stats;
    stats.headroom_rate = rate;
    return to_wire(stats, kNow).headroom_rate();
  };
  EXPECT_EQ(sent(-0.1f), 0);
  EXPECT_EQ(sent(1.1f), 1);
  EXPECT_EQ(sent(std::numeric_limits<float>::quiet_NaN()), 0);
}

TEST(ShardStatsToWire, CountsBeyondTheirTablesAreNotRead) {
  call::ShardStats stats;
  stats.depths_count = 255;
  stats.drops_count = 255;
  EXPECT_EQ(to_wire(stats, kNow).depths_size(), 8);
  EXPECT_EQ(to_wire(stats, kNow).drops_size(), 1) << "24 without a name";
}

/// A Desk over two shards whose rings the test holds.
class DeskStats : public testing::Test {
 protected:
  DeskStats() {
    std::filesystem::create_directories(folder_ / "recordings");
    auto journal = Journal::open({.path = folder_ / "journal", .size_start = 64u << 10});
    EXPECT_TRUE(journal) << journal.error();
    journal_ = std::move(*journal);
    book_ = std::make_unique<EventBook>(*journal_);
    auto prompts = PromptStore::open({.folder = folder_ / "prompts"});
    EXPECT_TRUE(prompts) << prompts.error();
    prompts_ = std::move(*prompts);
    phones_ = std::make_unique<PhoneBook>(folder_ / "phones", kNow);
    std::vector<ShardPort> ports;
    for (auto& rings : rings_) ports.push_back({&rings, {}});
    desk_ = std::make_unique<Desk>(std::move(ports), *journal_, *book_, *prompts_, *phones_,
                                   Recordings(folder_ / "recordings"), 100);
  }
  void report(std::uint32_t shard, WallTime at) {
    call::Event event;
    event.kind = call::EventKind::kStats;
    event.at = at;
    new (&event.body.stats) call::ShardStats(stats_of(shard));
    rings_[shard].events.push(event);
    desk_->collect();
  }

  Folder folder_;
  call::ShardRings rings_[2] = {call::ShardRings(16, 16), call::ShardRings(16, 16)};
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<EventBook> book_;
  std::unique_ptr<PromptStore> prompts_;
  std::unique_ptr<PhoneBook> phones_;
  std::unique_ptr<Desk> desk_;
};

TEST_F(DeskStats, EachShardStandsBesideTheSum) {
  report(0, kNow);
  report(1, kNow + 300ms);
  const wire::Stats sum = desk_->stats(kNow + 1s).stats();
  EXPECT_EQ(sum.legs(), 3002u);
  EXPECT_EQ(sum.busy_ns(), 3020u);
  EXPECT_THAT(sum.drops(), UnorderedElementsAre(Pair("rtp_late", 3034), Pair("sip_full", 1018), Pair("events", 2018)));
  ASSERT_EQ(sum.shards_size(), 2);
  for (std::uint32_t shard = 0; shard < 2; ++shard) {
    EXPECT_EQ(sum.shards(static_cast<int>(shard)).ShortDebugString(),
              to_wire(stats_of(shard), kNow + shard * 300ms).ShortDebugString());
  }
}

TEST_F(DeskStats, AShardThatHasNotReportedIsMissing) {
  EXPECT_EQ(desk_->stats(kNow).stats().shards_size(), 0);
  report(1, kNow);
  const wire::Stats sum = desk_->stats(kNow).stats();
  ASSERT_EQ(sum.shards_size(), 1);
  EXPECT_EQ(sum.shards(0).shard(), 1u);
}

}  // namespace
}  // namespace carillon::link
