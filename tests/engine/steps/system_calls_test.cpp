// On memif no step makes a system call: a shard with the real stack runs with all of its thread's system calls caught,
// while it carries calls with speech, digits, recordings and RTCP. The peer, another engine, is this program again
// (CARILLON_STEPS_PEER names its socket). Run alone: sanitizers make system calls of their own.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "engine/record/disk.h"
#include "engine/shard/recorder.h"
#include "media/prompt/prompt.h"
#include "tests/engine/steps/node.h"
#include "tests/engine/steps/trap.h"

namespace carillon::steps {
namespace {

using call::EventKind;
using call::LegPhase;

class NoRecordings final : public call::RecordSink {
 public:
  Handle start(LegId, WallTime) override { return {}; }
  void add(Handle, std::span<const std::int16_t>, std::span<const std::int16_t>) override {}
  void stop(Handle) override {}
};

media::Prompt tone() {
  std::vector<std::int16_t> samples(16'000);
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<std::int16_t>(8000 * std::sin(static_cast<double>(i) * 0.3));
  return media::Prompt::from_samples(samples, "tone");
}

call::Plan playing(const media::Prompt& prompt) {
  call::Plan plan;
  plan.states.emplace_back();
  plan.states[0].action = call::PlanState::Action::kPlay;
  plan.states[0].prompts = {&prompt};
  plan.states[0].loops = 0;
  return plan;
}

// ---- the other engine

/// Answers every call, speaks, presses a key, and ends calls to a number that ends in 7 itself.
int run_peer(const std::string& socket) {
  NoRecordings recordings;
  Node node(socket, "client", 2, recordings);
  if (!node.fault.empty()) return 1;
  const media::Prompt prompt = tone();
  node.tell(call::BrainState{true});
  node.trunk("us", address(1));
  TimePoint now = MonoClock::now(), wall_at = TimePoint::min();
  WallTime wall{};
  for (const TimePoint end = now + 60s; now < end;) {
    node.turn(now, wall_at, wall);
    call::Event event;
    while (node.rings.events.pop(event)) {
      if (event.kind != EventKind::kLegState) continue;
      if (event.body.leg.phase == LegPhase::kIncoming) {
        call::Plan plan = playing(prompt);
        if (event.body.leg.to.view().ends_with("7")) plan.call_time_max = 700ms;
        node.tell(call::Progress{event.leg});
        node.tell(call::Answer{event.leg, plan});
      }
      if (event.body.leg.phase == LegPhase::kAnswered) node.tell(call::SendDtmf{event.leg, "5", 80ms});
    }
    call::Command* back = nullptr;
    while (node.rings.returned.pop(back)) {
    }
  }
  return 0;
}

class Peer {
 public:
  explicit Peer(const std::string& socket) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::setenv("CARILLON_STEPS_PEER", socket.c_str(), 1);
    ::execl("/proc/self/exe", "steps-peer", nullptr);
    ::_exit(127);
  }
  ~Peer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
};

// ---- the tests

std::string list_caught() {
  std::string text;
  for (std::size_t i = 0; i < caught.first.size() && i < caught.count; ++i)
    text += fmt::format(" {} from {}", caught.first[i].number, caught.first[i].at);
  return text;
}

/// Runs `work` in a thread whose system calls are caught.
template <class Work>
void run_caught(Work&& work) {
  std::atomic<bool> is_armed{false};
  std::thread thread([&] {
    if (!arm(!has_vdso_clock())) return;
    is_armed = true;
    work();
    leave();
  });
  thread.join();
  ASSERT_TRUE(is_armed) << "the kernel refuses seccomp filters: nothing can be shown here";
}

TEST(SystemCalls, AreCaught) {
  run_caught([] {
    ::syscall(SYS_getppid);
    (void)!::write(-1, "", 0);
  });
  EXPECT_EQ(caught.count, 2u);
  EXPECT_EQ(caught.first[0].number, SYS_getppid);
  EXPECT_EQ(caught.first[1].number, SYS_write);
}

TEST(SystemCalls, AreNotNeededForTheTime) {
  RecordProperty("clock", has_vdso_clock() ? "vDSO" : "system call, let through");
  if (!has_vdso_clock()) std::puts("this machine's clock is read by system calls, which are let through");
  TimePoint now{};
  run_caught([&] {
    for (int i = 0; i < 1000; ++i) now = MonoClock::now();
    (void)wall_now();
  });
  EXPECT_GT(now, TimePoint{});
  EXPECT_EQ(caught.count, 0u) << list_caught();
}

struct Folder {
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("carillon-steps-{}", ::getpid());
};

/// What the link would see of the calls.
struct Seen {
  int placed = 0, answered = 0, ended = 0, by_peer = 0, digits = 0;
  std::uint64_t packets_in = 0;
};

TEST(SystemCalls, NoStepMakesOne) {
  const Folder folder;
  record::DiskConfig disk_config;
  disk_config.folder = (folder.path / "recordings").string();
  disk_config.recordings_per_shard = Node::kLegs;
  auto disk = record::Disk::start(disk_config, {});
  ASSERT_TRUE(disk);
  shard::Recorder recorder((*disk)->channel(0), Node::kLegs);
  const std::string socket = (folder.path / "memif.sock").string();
  Node node(socket, "server", 1, recorder);
  ASSERT_EQ(node.fault, "");
  const media::Prompt prompt = tone();
  node.tell(call::BrainState{true});
  node.trunk("far", address(2));
  Peer peer(socket);

  std::atomic<bool> is_over{false}, is_armed{false}, is_done{false};
  std::uint64_t steps = 0, first_packets = 0;
  std::thread thread([&] {
    TimePoint now = MonoClock::now(), wall_at = TimePoint::min();
    WallTime wall{};
    // the first receive() joins the EAL; the trunk is taken; the link to the peer comes up
    for (const TimePoint end = now + 10s; now < end && node.port->counters().packets_in == 0;)
      node.turn(now, wall_at, wall);
    first_packets = node.port->counters().packets_in;
    if (!arm(!has_vdso_clock())) return;
    is_armed = true;
    for (; !is_over; ++steps) node.turn(now, wall_at, wall);
    is_done = true;
    leave();
  });

  Seen seen;
  std::vector<LegId> living;
  const auto listen = [&](Duration time) {
    for (const TimePoint end = MonoClock::now() + time; MonoClock::now() < end;) {
      call::Event event;
      while (node.rings.events.pop(event)) {
        seen.digits += event.kind == EventKind::kDtmf;
        if (event.kind != EventKind::kLegState) continue;
        const call::LegState& leg = event.body.leg;
        seen.answered += leg.phase == LegPhase::kAnswered;
        if (leg.phase != LegPhase::kEnded) continue;
        ++seen.ended;
        seen.by_peer += leg.ended_by == call::EndedBy::kPeer;
        seen.packets_in += leg.rtp.packets_in;
        std::erase(living, event.leg);
      }
      call::Command* back = nullptr;
      while (node.rings.returned.pop(back)) {
      }
      std::this_thread::sleep_for(5ms);
    }
  };
  const auto dial = [&] {
    call::Originate originate;
    originate.leg = {static_cast<std::uint64_t>(1000 + ++seen.placed)};
    originate.trunks = {"far"};
    originate.from = "+4930555";
    originate.to = seen.placed % 2 == 0 ? "+4930557" : "+4930556";
    originate.plan = playing(prompt);
    originate.plan.record = true;
    originate.plan.detects = seen.placed % 4 < 2;
    living.push_back(originate.leg);
    node.tell(std::move(originate));
  };
  // One call before the trap, which its packets set: it lasts, so that RTCP is sent. Then calls come and go for
  // seconds.
  dial();
  for (int i = 0; i < 100 && !is_armed; ++i) listen(100ms);
  for (int i = 0; i < 60; ++i) {
    dial();
    listen(100ms);
    if (living.size() > 12) node.tell(call::Hangup{living[1], 16, {}});
  }
  for (const LegId leg : living) node.tell(call::Hangup{leg, 16, {}});
  listen(1s);
  is_over = true;
  thread.join();

  ASSERT_TRUE(is_armed) << "no packet came, or the kernel refuses seccomp filters";
  EXPECT_TRUE(is_done);
  EXPECT_EQ(caught.count, 0u) << list_caught();
  EXPECT_GT(steps, 1000u);
  EXPECT_GT(node.port->counters().packets_in, first_packets + 1000) << "it heard something meanwhile";
  EXPECT_EQ(seen.ended, seen.placed);
  EXPECT_GE(seen.answered, seen.placed - 5);
  EXPECT_GE(seen.digits, seen.placed / 2);
  EXPECT_GE(seen.by_peer, 5);
  EXPECT_GT(seen.packets_in, 1000u);
  EXPECT_GT((*disk)->stats().blocks_written, 0u);
}

}  // namespace
}  // namespace carillon::steps

int main(int argc, char** argv) {
  if (const char* socket = std::getenv("CARILLON_STEPS_PEER")) return carillon::steps::run_peer(socket);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
