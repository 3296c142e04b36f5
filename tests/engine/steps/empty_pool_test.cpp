// Calls while there is no packet buffer: nothing comes in, nothing goes out, nobody is hung up, new calls are refused
// with the reason, and it goes on.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/engine/steps/bed.h"

namespace carillon::steps {
namespace {

using call::EventKind;
using call::LegPhase;

constexpr int kCalls = 20;

/// The node's thread, and what the link would see.
class Running {
 public:
  explicit Running(Bed& bed) : bed_(bed), thread_([this] { run(); }) {}
  ~Running() {
    is_over_ = true;
    thread_.join();
  }
  void take_buffers(bool on) {
    wanted_ = on;
    while (taken_ != on) std::this_thread::yield();
  }
  void listen(Duration time) {
    for (const TimePoint end = MonoClock::now() + time; MonoClock::now() < end; std::this_thread::sleep_for(5ms))
      hear();
  }
  bool listen_until(Duration most, const std::function<bool()>& holds) {
    for (const TimePoint end = MonoClock::now() + most; MonoClock::now() < end && !holds();) listen(10ms);
    return holds();
  }
  void dial(std::uint64_t id) {
    call::Originate originate;
    originate.leg = {id};
    originate.trunks = {"far"};
    originate.from = "+4930555";
    originate.to = "+4930556";
    originate.plan = playing(bed_.prompt);
    bed_.node->tell(std::move(originate));
  }
  std::uint64_t packets_in() const { return packets_in_; }
  std::uint64_t packets_out() const { return packets_out_; }
  std::uint64_t without_buffer() const { return without_buffer_; }

  int answered = 0, ended = 0, ended_by_us = 0;
  std::string refused;  ///< why the last command was

 private:
  void run() {
    TimePoint now = MonoClock::now(), wall_at = TimePoint::min();
    WallTime wall{};
    while (!is_over_) {
      if (wanted_ != taken_) {
        wanted_ ? bed_.node->drain() : bed_.node->refill();
        taken_ = wanted_.load();
      }
      bed_.node->turn(now, wall_at, wall);
      packets_in_ = bed_.node->port->counters().packets_in;
      packets_out_ = bed_.node->port->counters().packets_out;
      without_buffer_ = bed_.node->without_buffer();
    }
  }
  void hear() {
    call::Event event;
    while (bed_.node->rings.events.pop(event)) {
      if (event.kind != EventKind::kLegState) continue;
      answered += event.body.leg.phase == LegPhase::kAnswered;
      ended += event.body.leg.phase == LegPhase::kEnded;
      ended_by_us += event.body.leg.phase == LegPhase::kEnded && event.body.leg.ended_by == call::EndedBy::kControl;
    }
    call::Command* back = nullptr;
    while (bed_.node->rings.returned.pop(back))
      if (!back->ok) refused = back->error.view();
  }

  Bed& bed_;
  std::atomic<bool> is_over_{false}, wanted_{false}, taken_{false};
  std::atomic<std::uint64_t> packets_in_{0}, packets_out_{0}, without_buffer_{0};
  std::thread thread_;
};

TEST(EmptyPool, CallsGoOnAfterIt) {
  Bed& bed = the_bed();
  ASSERT_EQ(bed.node->fault, "");
  Running running(bed);
  for (std::uint64_t id = 1; id <= kCalls; ++id) running.dial(5000 + id);
  ASSERT_TRUE(running.listen_until(20s, [&] { return running.answered == kCalls; }));
  running.listen(500ms);

  running.take_buffers(true);
  running.listen(100ms);
  const auto in = running.packets_in(), missing = running.without_buffer();
  running.listen(1500ms);
  EXPECT_EQ(running.packets_in(), in) << "nothing can come in";
  EXPECT_GT(running.without_buffer(), missing + 1000) << "frames were to leave, and counted: 20 calls for 1.5 s";
  running.dial(5998);
  EXPECT_TRUE(running.listen_until(2s, [&] { return running.refused == "engine overloaded: packet buffers"; }))
      << running.refused;
  running.take_buffers(false);

  const auto out = running.packets_out();
  running.listen(2s);
  EXPECT_GT(running.packets_in(), in + kCalls * 80) << "50 a second each";
  EXPECT_GT(running.packets_out(), out + kCalls * 80);
  EXPECT_EQ(running.ended, 0) << "nobody was hung up";
  EXPECT_EQ(running.answered, kCalls);
  running.listen(3s);  // buffers were there for long enough
  running.dial(5999);
  EXPECT_TRUE(running.listen_until(5s, [&] { return running.answered == kCalls + 1; })) << running.refused;
  for (std::uint64_t id = 1; id <= kCalls; ++id) bed.node->tell(call::Hangup{{5000 + id}, 16, {}});
  bed.node->tell(call::Hangup{{5999}, 16, {}});
  EXPECT_TRUE(running.listen_until(5s, [&] { return running.ended == kCalls + 1; }));
  EXPECT_EQ(running.ended_by_us, kCalls + 1);
}

}  // namespace
}  // namespace carillon::steps
