#include "engine/record/disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/resource.h>

#include <map>
#include <set>

#include "engine/base/random.h"
#include "tests/engine/record/tape.h"

namespace carillon::record {
namespace {

using std::chrono::sys_days;
const WallTime kStart = sys_days(std::chrono::year(2026) / 2 / 3) + 4h;

std::array<std::uint8_t, 32> sha256(const std::vector<std::byte>& bytes) {
  std::array<std::uint8_t, 32> digest{};
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return digest;
}

class DiskTest : public testing::TestWithParam<bool> {
 protected:
  DiskConfig config() const {
    return {.folder = folder_.path(),
            .map_path = folder_.map(),
            .blocks_per_shard = 64,
            .recordings_per_shard = 256,
            .uring = GetParam(),
            .sync = GetParam(),
            .turn = 1ms};
  }
  Folder folder_;
};

TEST_P(DiskTest, ACleanEndLeavesNoMappingBehind) {
  {
    Station station(config());
    EXPECT_TRUE(std::filesystem::exists(folder_.map()));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.map()));
}

TEST_P(DiskTest, ManyRecordingsAtOnceKeepEveryByte) {
  Random random(11);
  auto two_shards = config();
  two_shards.shards = 2;
  two_shards.blocks_per_shard = 256;
  Station station(two_shards);
  EXPECT_TRUE(station->name() == "pwrite" || GetParam()) << station->name();

  std::map<std::uint64_t, int> ticks;
  std::vector<Tape> tapes;
  for (std::uint64_t leg = 1; leg <= 200; ++leg) {
    tapes.emplace_back(station->channel(leg % 2), LegId{leg}, kStart);
    ASSERT_TRUE(tapes.back().ok());
    ticks[leg] = static_cast<int>(random.below(250));
  }
  for (int tick = 0; tick <= 250; ++tick)
    for (auto& tape : tapes) {
      if (tick < ticks[tape.leg().value]) tape.tick();
      if (tick == ticks[tape.leg().value]) tape.close();
    }

  const auto all = station.await(tapes.size());
  std::set<std::uint64_t> seen;
  for (const auto& recorded : all) {
    const auto file = read_file(station.absolute(recorded));
    const int expected = ticks[recorded.leg.value];
    EXPECT_TRUE(seen.insert(recorded.leg.value).second);
    EXPECT_EQ(recorded.error.view(), "");
    EXPECT_FALSE(recorded.repaired);
    EXPECT_EQ(recorded.started, kStart);
    EXPECT_EQ(recorded.duration, expected * 20ms);
    EXPECT_EQ(recorded.size, file.size());
    EXPECT_EQ(recorded.sha256, sha256(file));
    EXPECT_TRUE(wav_sound(station.absolute(recorded)) == sound(recorded.leg, expected)) << recorded.leg.value;
  }
  EXPECT_EQ(seen.size(), tapes.size());
  EXPECT_EQ(station->stats().recordings_closed, tapes.size());
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() + "/.open"))
    EXPECT_EQ(entry.path().filename(), "lock");
}

TEST_P(DiskTest, FileLiesUnderItsDay) {
  Station station(config());
  Tape(station->channel(0), LegId{42}, kStart).close();
  const auto all = station.await(1);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].path.view(), "2026/02/03/42-1770091200000.wav");
  EXPECT_EQ(all[0].duration, 0ms);
  EXPECT_THAT(wav_sound(station.absolute(all[0])), testing::IsEmpty());
}

TEST_P(DiskTest, RecordingWithoutABlockIsAnEmptyFile) {
  Station station(config());
  auto& channel = station->channel(0);
  channel.close(channel.open(LegId{1}, kStart));
  const auto all = station.await(1);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_THAT(wav_sound(station.absolute(all[0])), testing::IsEmpty());
}

TEST_P(DiskTest, OneLegTwiceInOneMillisecondIsTwoFiles) {
  Station station(config());
  Tape first(station->channel(0), LegId{1}, kStart), second(station->channel(0), LegId{1}, kStart);
  first.tick();
  first.close();
  second.close();
  const auto all = station.await(2);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_NE(all[0].path.view(), all[1].path.view());
}

TEST_P(DiskTest, EmptyPoolIsCountedAndHeals) {
  auto small = config();
  small.blocks_per_shard = 2;
  Station station(small);
  auto& channel = station->channel(0);
  const auto a = channel.open(LegId{1}, kStart), b = channel.open(LegId{2}, kStart);
  const auto c = channel.open(LegId{3}, kStart);
  const auto block_a = channel.acquire(a), block_b = channel.acquire(b);
  ASSERT_TRUE(block_a && block_b);
  EXPECT_FALSE(channel.acquire(c));
  EXPECT_EQ(channel.counters().pool_empty, 1u);
  channel.submit(a, block_a, kBlockBytes);
  Block block_c;
  while (!(block_c = channel.acquire(c))) std::this_thread::yield();  // comes back when it is written
  channel.submit(c, block_c, 0);                                      // unused
  channel.submit(b, block_b, 0);
  for (const auto handle : {a, b, c}) channel.close(handle);
  EXPECT_EQ(station.await(3).size(), 3u);
}

TEST_P(DiskTest, AsManyRecordingsAsConfiguredThenRefused) {
  auto small = config();
  small.recordings_per_shard = 2;
  Station station(small);
  auto& channel = station->channel(0);
  const auto a = channel.open(LegId{1}, kStart), b = channel.open(LegId{2}, kStart);
  EXPECT_FALSE(channel.open(LegId{3}, kStart));
  EXPECT_EQ(channel.counters().refused, 1u);
  channel.close(a);
  station.await(1);
  const auto again = channel.open(LegId{4}, kStart);
  EXPECT_TRUE(again);
  EXPECT_FALSE(channel.acquire(a));  // a late hand finds nothing, though the slot lives again
  channel.close(a);
  channel.close(again);
  channel.close(b);
  EXPECT_EQ(station.await(2).size(), 2u);
}

// The disk takes no more: the recording ends there, readable, and says why. Others are not harmed.
TEST_P(DiskTest, FullDiskKeepsWhatCouldBeWrittenAndSaysWhy) {
  Station station(config());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};  // no file of this process grows beyond
  Tape longer(station->channel(0), LegId{1}, kStart), shorter(station->channel(0), LegId{2}, kStart);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  for (int i = 0; i < 400; ++i) longer.tick();
  for (int i = 0; i < 40; ++i) shorter.tick();
  longer.close();
  shorter.close();
  const auto all = station.await(2);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);

  ASSERT_EQ(all.size(), 2u);
  for (const auto& recorded : all) {
    const auto heard = wav_sound(station.absolute(recorded));
    const auto said = sound(recorded.leg, 400);
    if (recorded.leg == LegId{2}) {
      EXPECT_EQ(recorded.error.view(), "");
      EXPECT_EQ(heard.size(), 40 * media::Former::kTickBytes);
    } else {
      EXPECT_THAT(std::string(recorded.error.view()), testing::StartsWith("write: "));
      EXPECT_GE(heard.size(), 2 * kBlockBytes - media::Former::kHeaderBytes);
      EXPECT_LE(heard.size(), 100'000u);
    }
    EXPECT_TRUE(std::equal(heard.begin(), heard.end(), said.begin()));
  }
  EXPECT_GT(station->stats().write_errors, 0u);
}

TEST_P(DiskTest, FileThatCannotBeMadeIsReportedWithoutOne) {
  Station station(config());
  // A folder lies where the file should: not even root can open it.
  for (int ms = 0; ms < 200; ++ms)
    std::filesystem::create_directories(folder_.path() + "/.open/1-" +
                                        std::to_string((kStart + ms * 1ms).time_since_epoch().count()) + ".part");
  Tape tape(station->channel(0), LegId{1}, kStart);
  for (int i = 0; i < 200; ++i) tape.tick();
  tape.close();
  const auto all = station.await(1);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].path.view(), "");
  EXPECT_THAT(std::string(all[0].error.view()), testing::StartsWith("open: "));
}

TEST_P(DiskTest, StopClosesWhatIsOpenAsItStands) {
  {
    Station station(config());
    Tape tape(station->channel(0), LegId{7}, kStart);
    for (int i = 0; i < 123; ++i) tape.tick();
  }
  Station station(config());
  const auto all = station.await(1);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_FALSE(all[0].repaired);
  EXPECT_TRUE(wav_sound(station.absolute(all[0])) == sound(LegId{7}, 123));
}

// The link thread dies between taking the news and noting it: the next start tells it again, and only then.
TEST_P(DiskTest, NewsIsToldAgainUntilItIsNoted) {
  Recorded told;
  {
    Station station(config());
    Tape tape(station->channel(0), LegId{7}, kStart);
    tape.tick();
    tape.close();
    while (!station->pop(told)) std::this_thread::yield();
  }
  {
    Station station(config());
    const auto again = station.await(1);
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].path.view(), told.path.view());
    EXPECT_EQ(again[0].sha256, told.sha256);
    EXPECT_EQ(again[0].duration, 20ms);
    EXPECT_EQ(again[0].size, told.size);
    EXPECT_FALSE(again[0].repaired);
  }
  Station station(config());
  EXPECT_FALSE(station->pop(told));
}

TEST_P(DiskTest, FolderBelongsToOneEngine) {
  Station station(config());
  EXPECT_EQ(Disk::start(config(), {}).error(), DiskError::kFolder);
}

INSTANTIATE_TEST_SUITE_P(Writers, DiskTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Uring" : "Pwrite"; });

TEST(Disk, NoRoomForTheBlocksIsSaid) {
  Folder folder;
  const DiskConfig config{.folder = folder.path(), .map_path = "/dev/null/blocks.map"};
  EXPECT_EQ(Disk::start(config, {}).error(), DiskError::kMap);
}

TEST(DiskConfig, NamesTheFirstFault) {
  EXPECT_EQ((DiskConfig{.folder = "x"}.fault()), "");
  EXPECT_THAT(DiskConfig{}.fault(), testing::StartsWith("folder:"));
  EXPECT_THAT((DiskConfig{.folder = "x", .shards = 0}.fault()), testing::StartsWith("shards:"));
  EXPECT_THAT((DiskConfig{.folder = "x", .preallocate = 5}.fault()), testing::StartsWith("preallocate:"));
  EXPECT_EQ(Disk::start({}, {}).error(), DiskError::kConfig);
}

}  // namespace
}  // namespace carillon::record
