#include "engine/record/repair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <list>
#include <map>

#include "engine/base/random.h"
#include "tests/engine/record/tape.h"

namespace carillon::record {
namespace {

using std::chrono::sys_days;
const WallTime kStart = sys_days(std::chrono::year(2026) / 2 / 3) + 4h;
constexpr std::uint64_t kLegs = 400;
constexpr std::size_t kAtOnce = 24;

// What the parent knows after the child is dead: ticks that were recorded, and whether the leg was closed.
struct Notes {
  std::atomic<std::uint64_t> total;
  std::atomic<int> ticks[kLegs + 1];
  std::atomic<bool> noted[kLegs + 1];  // the news of it was taken and the next is being asked for
};

DiskConfig config(const Folder& folder, bool uring) {
  return {.folder = folder.path(),
          .map_path = folder.map(),
          .blocks_per_shard = 40,
          .recordings_per_shard = 64,
          .uring = uring,
          .turn = 1ms};
}

// The engine: records calls of random length, many at once, until it is killed.
[[noreturn]] void record_until_killed(const DiskConfig& config, std::uint64_t seed, Notes& notes) {
  Random random(seed);
  auto disk = Disk::start(config, {});
  CHECK(disk);
  std::list<std::pair<Tape, int>> tapes;
  std::uint64_t next = 1;
  Recorded news;
  std::uint64_t last = 0;
  for (;;) {
    while (tapes.size() < kAtOnce && next <= kLegs) {
      tapes.emplace_back(Tape((*disk)->channel(0), LegId{next}, kStart), static_cast<int>(random.below(300)));
      if (!tapes.back().first.ok()) {
        tapes.pop_back();
        break;
      }
      ++next;
    }
    for (auto at = tapes.begin(); at != tapes.end();) {
      auto& [tape, length] = *at;
      if (tape.ticks() < length) {
        tape.tick();
        notes.ticks[tape.leg().value].store(tape.ticks());
        notes.total.fetch_add(1);
        ++at;
      } else {
        tape.close();
        at = tapes.erase(at);
      }
    }
    if (last != 0) notes.noted[last].store(true);  // as the engine: journaled first, then the next asked for
    last = (*disk)->pop(news) ? news.leg.value : 0;
    if (tapes.empty() && next > kLegs) notes.total.fetch_add(1);  // all done: the parent must still reach its mark
  }
}

// Starts an engine and kills it when it has recorded so many ticks in all.
void run_and_kill(const DiskConfig& config, std::uint64_t seed, std::uint64_t after, Notes& notes) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) record_until_killed(config, seed, notes);
  int status = 0;
  while (notes.total.load() < after && ::waitpid(child, &status, WNOHANG) == 0) std::this_thread::yield();
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  ASSERT_GE(notes.total.load(), after) << "the engine ended by itself, status " << status;
}

struct Shared {
  Shared() {
    void* memory = ::mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    notes = new (memory) Notes{};
  }
  ~Shared() { ::munmap(notes, sizeof(Notes)); }
  Notes* notes;
};

class KillTest : public testing::TestWithParam<bool> {};

// kill -9 anywhere: every recording is there, readable, right in every byte, and at most the tick that was being
// written at that moment is missing.
TEST_P(KillTest, EveryRecordingSurvivesAKillAtAnyPoint) {
  Random random(GetParam() ? 2026 : 2027);
  for (int round = 0; round < 8; ++round) {
    const std::uint64_t seed = random.next();
    const std::uint64_t after = 1 + random.below(round < 3 ? 600 : 20'000);
    SCOPED_TRACE("seed " + std::to_string(seed) + " killed after " + std::to_string(after) + " ticks");
    Folder folder;
    Shared shared;
    run_and_kill(config(folder, GetParam()), seed, after, *shared.notes);
    if (HasFatalFailure()) return;

    const auto result = repair(folder.path(), folder.map());
    EXPECT_THAT(result.notes, testing::IsEmpty());
    std::vector<int> reports(kLegs + 1);
    std::size_t repaired = 0;
    for (const auto& recorded : result.recorded) {
      EXPECT_EQ(recorded.error.view(), "");
      ++reports.at(recorded.leg.value);
      repaired += recorded.repaired;
    }
    EXPECT_GT(repaired, 0u);
    EXPECT_LE(repaired, kAtOnce + 64);
    for (std::uint64_t leg = 1; leg <= kLegs; ++leg) {
      const int ticks = shared.notes->ticks[leg].load();
      if (ticks == 0) continue;
      EXPECT_LE(reports[leg], 1);
      EXPECT_TRUE(reports[leg] == 1 || shared.notes->noted[leg].load()) << "leg " << leg << " was never reported";
      const auto path = folder.path() + "/2026/02/03/" + std::to_string(leg) + "-1770091200000.wav";
      const auto heard = wav_sound(path);
      const auto said = sound(LegId{leg}, ticks + 1);
      EXPECT_GE(heard.size(), static_cast<std::size_t>(ticks) * media::Former::kTickBytes) << "leg " << leg;
      ASSERT_LE(heard.size(), said.size()) << "leg " << leg;
      EXPECT_TRUE(std::equal(heard.begin(), heard.end(), said.begin())) << "leg " << leg;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Writers, KillTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Uring" : "Pwrite"; });

// Power loss: the mapping is gone, the files have what was written, with room allocated behind it.
TEST(Repair, WithoutTheMappingFilesEndWhereTheirDataEnds) {
  Folder folder;
  Shared shared;
  run_and_kill(config(folder, true), 5, 6'000, *shared.notes);
  std::filesystem::remove(folder.map());
  const auto result = repair(folder.path(), folder.map());
  std::size_t with_sound = 0;
  for (const auto& recorded : result.recorded) {
    const auto heard = wav_sound(folder.path() + "/" + std::string(recorded.path.view()));
    const auto said = sound(recorded.leg, shared.notes->ticks[recorded.leg.value].load() + 1);
    ASSERT_LE(heard.size(), said.size());
    // blocks that were under way may have left a hole before the end: what was written is right, the rest is silence
    std::size_t wrong = 0;
    for (std::size_t at = 0; at < heard.size(); ++at) wrong += heard[at] != std::byte{0} && heard[at] != said[at];
    EXPECT_EQ(wrong, 0u) << recorded.leg.value;
    with_sound += !heard.empty();
  }
  EXPECT_GT(with_sound, 0u);
}

TEST(Repair, RunningItTwiceChangesNoFile) {
  Folder folder;
  Shared shared;
  run_and_kill(config(folder, true), 6, 2'000, *shared.notes);
  const auto first = repair(folder.path(), folder.map());
  const auto second = repair(folder.path(), folder.map());  // the engine died before it could tell
  ASSERT_EQ(first.recorded.size(), second.recorded.size());
  std::map<std::uint64_t, Recorded> by_leg;
  for (const auto& recorded : first.recorded) by_leg[recorded.leg.value] = recorded;
  for (const auto& recorded : second.recorded) {
    const auto& before = by_leg.at(recorded.leg.value);
    EXPECT_EQ(recorded.sha256, before.sha256);
    EXPECT_EQ(recorded.repaired, before.repaired);
    EXPECT_EQ(recorded.duration, before.duration);
    EXPECT_EQ(recorded.started, before.started);
  }
}

TEST(Repair, StrangeFilesAreLeftAloneAndNamed) {
  Folder folder;
  std::filesystem::create_directories(folder.path() + "/.open");
  std::ofstream(folder.path() + "/.open/notes.part") << "not ours";
  std::ofstream(folder.path() + "/.open/1-2.part") << "RIFX and then something else";
  std::ofstream(folder.path() + "/.open/3-4.done") << "closed\n";
  std::ofstream(folder.map()) << "no mapping either";
  const auto result = repair(folder.path(), folder.map());
  EXPECT_THAT(result.recorded, testing::IsEmpty());
  EXPECT_EQ(result.notes.size(), 3u);
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/.open/notes.part"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/.open/1-2.part"));
}

TEST(Repair, NothingLeftIsNothingDone) {
  Folder folder;
  const auto result = repair(folder.path(), folder.map());
  EXPECT_THAT(result.recorded, testing::IsEmpty());
  EXPECT_THAT(result.notes, testing::IsEmpty());
}

}  // namespace
}  // namespace carillon::record
