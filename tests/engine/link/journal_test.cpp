#include "engine/link/journal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>

#include "engine/base/random.h"
#include "tests/engine/link/folder.h"

namespace carillon::link {
namespace {

std::unique_ptr<Journal> open(const Folder& folder, std::size_t size_max = 64u << 20) {
  auto journal = Journal::open({.path = folder / "journal", .size_start = 64u << 10, .size_max = size_max});
  EXPECT_TRUE(journal) << journal.error();
  return std::move(*journal);
}

std::vector<std::pair<std::uint64_t, std::string>> events_of(const Journal& journal, std::uint64_t after = 0) {
  std::vector<std::pair<std::uint64_t, std::string>> events;
  for (auto event = journal.event_after(after); event; event = journal.event_after(event->sequence))
    events.emplace_back(event->sequence, event->bytes);
  return events;
}

std::map<std::uint64_t, std::string> legs_of(const Journal& journal) {
  std::map<std::uint64_t, std::string> legs;
  journal.each_leg([&](LegId leg, std::string_view bytes) { legs[leg.value] = bytes; });
  return legs;
}

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Journal, KeepsEventsUntilTheyAreAcknowledgedAcrossRestarts) {
  Folder folder;
  std::string epoch;
  {
    auto journal = open(folder);
    epoch = journal->epoch();
    for (const char* text : {"one", "two", "three"}) ASSERT_TRUE(journal->add_event(journal->next_sequence(), text));
    journal->acknowledge(1);
  }
  auto journal = open(folder);
  EXPECT_EQ(journal->epoch(), epoch);
  EXPECT_THAT(events_of(*journal), ElementsAre(Pair(2, "two"), Pair(3, "three")));
  EXPECT_EQ(journal->next_sequence(), 4u);
  journal->acknowledge(99);  // more than there is: all of it, not the future
  EXPECT_EQ(journal->acknowledged(), 4u);
  EXPECT_THAT(events_of(*journal), IsEmpty());
}

TEST(Journal, NumbersThatWereGivenAndNotKeptAreNotGivenAgain) {
  Folder folder;
  {
    auto journal = open(folder);
    for (int i = 0; i < 5; ++i) journal->next_sequence();
  }
  EXPECT_EQ(open(folder)->next_sequence(), 6u);
}

TEST(Journal, ALegLivesUntilItsEndIsKept) {
  Folder folder;
  {
    auto journal = open(folder);
    ASSERT_TRUE(journal->put_leg(LegId{7}, "trying"));
    ASSERT_TRUE(journal->put_leg(LegId{7}, "answered"));
    ASSERT_TRUE(journal->put_leg(LegId{8}, "trying"));
    ASSERT_TRUE(journal->put_leg(LegId{9}, "trying"));
    ASSERT_TRUE(journal->add_event(journal->next_sequence(), "end of 8", LegId{8}));
    journal->remove_leg(LegId{9});
  }
  auto journal = open(folder);
  EXPECT_THAT(legs_of(*journal), ElementsAre(Pair(7, "answered")));
  EXPECT_THAT(events_of(*journal), ElementsAre(Pair(1, "end of 8")));
  EXPECT_TRUE(journal->has_ended(LegId{8}));
  journal->acknowledge(1);
  EXPECT_FALSE(journal->has_ended(LegId{8}));
}

TEST(Journal, AnAcknowledgedEndDoesNotComeBackAsALivingLeg) {
  Folder folder;
  {
    auto journal = open(folder);
    ASSERT_TRUE(journal->put_leg(LegId{8}, "trying"));
    ASSERT_TRUE(journal->add_event(journal->next_sequence(), "end of 8", LegId{8}));
    journal->acknowledge(1);
  }
  auto journal = open(folder);
  EXPECT_THAT(legs_of(*journal), IsEmpty());
  EXPECT_THAT(events_of(*journal), IsEmpty());
}

TEST(Journal, ATornRecordIsAsIfNeverWritten) {
  Folder folder;
  {
    auto journal = open(folder);
    ASSERT_TRUE(journal->add_event(journal->next_sequence(), "whole"));
    ASSERT_TRUE(journal->add_event(journal->next_sequence(), "torn by the kill"));
  }
  std::fstream file(folder / "journal", std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const auto at = bytes.find("torn by the kill");
  ASSERT_NE(at, std::string::npos);
  file.clear();
  file.seekp(static_cast<std::streamoff>(at + 5));
  file.put('X');
  file.close();
  auto journal = open(folder);
  EXPECT_THAT(events_of(*journal), ElementsAre(Pair(1, "whole")));
  EXPECT_EQ(journal->next_sequence(), 3u);
}

TEST(Journal, GrowsCompactsAndThenRefusesCallsBeforeItLosesAnEnd) {
  Folder folder;
  auto journal = open(folder, 1u << 20);
  const std::string kilobyte(1000, 'x');
  int before_refusal = 0;
  while (journal->accepts_calls()) {
    ASSERT_TRUE(journal->add_event(journal->next_sequence(), kilobyte));
    ++before_refusal;
  }
  EXPECT_GT(before_refusal, 700);
  int after_refusal = 0;
  while (journal->add_event(journal->next_sequence(), kilobyte)) ++after_refusal;
  EXPECT_GT(after_refusal, 150);  // the quarter kept for calls that run
  EXPECT_EQ(events_of(*journal).size(), static_cast<std::size_t>(before_refusal + after_refusal));
  EXPECT_LE(std::filesystem::file_size(folder / "journal"), 1u << 20);
  journal->acknowledge(journal->last_sequence());
  EXPECT_TRUE(journal->accepts_calls());
  EXPECT_TRUE(journal->add_event(journal->next_sequence(), kilobyte));
}

TEST(Journal, ManyLegsThroughOneSmallFileDoNotGrowIt) {
  Folder folder;
  auto journal = open(folder, 64u << 10);
  const std::string state(300, 's');
  for (std::uint64_t i = 1; i <= 20'000; ++i) {
    ASSERT_TRUE(journal->put_leg(LegId{i}, state));
    ASSERT_TRUE(journal->add_event(journal->next_sequence(), state, LegId{i}));
    journal->acknowledge(journal->last_sequence());
  }
  EXPECT_EQ(std::filesystem::file_size(folder / "journal"), 64u << 10);
}

TEST(Journal, AFileThatIsNoneIsKeptAside) {
  Folder folder;
  std::ofstream(folder / "journal") << "something else";
  auto journal = open(folder);
  EXPECT_TRUE(journal->damaged());
  EXPECT_TRUE(std::filesystem::exists(folder / "journal.damaged"));
  EXPECT_EQ(journal->next_sequence(), 1u);
}

TEST(Journal, ASecondEngineInTheFolderIsRefused) {
  Folder folder;
  auto journal = open(folder);
  EXPECT_FALSE(Journal::open({.path = folder / "journal"}));
}

// A child appends and says so through a pipe after each step; it is killed at a moment drawn from the seed.
[[noreturn]] void run_child(const std::string& path, int say, std::uint64_t seed) {
  auto journal = Journal::open({.path = path, .size_start = 64u << 10});
  if (!journal) ::_exit(1);
  Random random(seed);
  for (;;) {
    const std::uint64_t leg = 1 + random.below(40);
    const std::uint64_t last = (*journal)->last_sequence();
    std::array<std::uint64_t, 3> told{};  // what, leg, sequence
    if (!(*journal)->is_living(LegId{leg})) {
      (*journal)->put_leg(LegId{leg}, fmt::format("leg {}", leg) + std::string(random.below(500), '.'));
      told = {1, leg, 0};
    } else {
      const auto sequence = (*journal)->next_sequence();
      (*journal)->add_event(sequence, fmt::format("{} {}", leg, sequence) + std::string(random.below(900), '.'),
                            LegId{leg});
      told = {2, leg, sequence};
    }
    (void)!::write(say, told.data(), sizeof told);
    if (random.below(10) == 0 && last > 20) {
      (*journal)->acknowledge(last - 20);
      told = {3, 0, last - 20};
      (void)!::write(say, told.data(), sizeof told);
    }
  }
}

struct Told {
  std::set<std::uint64_t> living;
  std::set<std::uint64_t> ends;  // sequences
  std::uint64_t acknowledged = 0;
  std::uint64_t steps = 0;
};

// Reads what the child says and kills it after `kill_after` steps (it goes on meanwhile, so it dies anywhere).
void follow(int pipe, pid_t child, std::uint64_t kill_after, Told& told) {
  std::array<std::uint64_t, 3> step{};
  for (std::uint64_t count = 0; ::read(pipe, step.data(), sizeof step) == sizeof step; ++count) {
    if (step[0] == 1) told.living.insert(step[1]);
    if (step[0] == 2) {
      told.living.erase(step[1]);
      told.ends.insert(step[2]);
    }
    if (step[0] == 3) told.acknowledged = step[2];
    ++told.steps;
    if (count == kill_after) ::kill(child, SIGKILL);
  }
}

TEST(Journal, AKillAtAnyMomentLosesAndDoublesNothing) {
  Folder folder;
  Random random(20'260'101);
  Told told;
  for (int round = 0; round < 60; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const std::uint64_t seed = random.next();
    const pid_t child = ::fork();
    if (child == 0) run_child(folder / "journal", pipe[1], seed);
    ::close(pipe[1]);
    follow(pipe[0], child, random.below(600), told);
    ::close(pipe[0]);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);

    auto journal = open(folder);
    ASSERT_FALSE(journal->damaged()) << "round " << round;
    ASSERT_GE(journal->acknowledged(), told.acknowledged);
    const auto events = events_of(*journal);
    std::set<std::uint64_t> kept;
    for (const auto& [sequence, bytes] : events) {
      ASSERT_TRUE(kept.insert(sequence).second) << "doubled in round " << round;
      ASSERT_TRUE(bytes.find(fmt::format(" {}", sequence)) != std::string::npos);
    }
    for (const auto sequence : told.ends)
      ASSERT_TRUE(sequence <= journal->acknowledged() || kept.contains(sequence)) << "lost " << sequence;
    const auto legs = legs_of(*journal);
    // The step that the kill kept from the pipe is the only one that may differ.
    std::size_t differing = 0;
    for (const auto leg : told.living) differing += !legs.contains(leg);
    for (const auto& [leg, bytes] : legs) differing += !told.living.contains(leg);
    ASSERT_LE(differing, 1u) << "round " << round;
    told.living.clear();
    for (const auto& [leg, bytes] : legs) told.living.insert(leg);
    told.ends = kept;
  }
  EXPECT_GT(told.steps, 10'000u);
}

}  // namespace
}  // namespace carillon::link
