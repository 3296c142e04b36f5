// On memif no step makes a system call: a shard with the real stack runs with all of its thread's system calls caught,
// while it carries calls with speech, digits, recordings and RTCP. Run alone: sanitizers make system calls of their
// own.

#include <gtest/gtest.h>

#include <thread>

#include "tests/engine/steps/bed.h"
#include "tests/engine/steps/trap.h"

namespace carillon::steps {
namespace {

using call::EventKind;
using call::LegPhase;

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

/// What the link would see of the calls.
struct Seen {
  int placed = 0, answered = 0, ended = 0, by_peer = 0, digits = 0;
  std::uint64_t packets_in = 0;
};

TEST(SystemCalls, NoStepMakesOne) {
  Bed& bed = the_bed();
  Node& node = *bed.node;
  ASSERT_EQ(node.fault, "");

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
    originate.plan = playing(bed.prompt);
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
  EXPECT_GT(bed.disk->stats().blocks_written, 0u);
}

}  // namespace
}  // namespace carillon::steps
