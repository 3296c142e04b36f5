// Two agents over a wire that loses, doubles and reorders, for thousands of calls in simulated time. Whatever happens,
// every call ends once, and nothing is left.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <queue>
#include <string>
#include <vector>

#include "engine/sip/user_agent.h"

namespace carillon::sip {
namespace {

struct Faults {
  double lost = 0, doubled = 0;
  Duration delay_min = 1ms, delay_max = 1ms;
  double mangled = 0;  ///< share of datagrams that arrive a second time with a few bytes changed
};

const Endpoint kCaller = Endpoint::v4(192, 0, 2, 1, 5060), kCallee = Endpoint::v4(192, 0, 2, 2, 5060);

class World {
 public:
  World(std::uint64_t seed, const Faults& faults) : random_(seed), faults_(faults) {
    sides_[0].agent = make(kCaller);
    sides_[1].agent = make(kCallee);
    TrunkConfig trunk;
    trunk.id = "peer";
    trunk.gateways = {kCallee};
    EXPECT_TRUE(sides_[0].agent->put_trunk(trunk, now_));
    trunk.gateways = {kCaller};
    EXPECT_TRUE(sides_[1].agent->put_trunk(trunk, now_));
  }

  void run(int calls) {
    for (int i = 0; i < calls; ++i) at(std::chrono::milliseconds(20 * i), [this] { dial(); });
    while (!acts_.empty() || alive()) {
      const auto next = std::min({acts_.empty() ? TimePoint::max() : acts_.top().when, sides_[0].agent->deadline(),
                                  sides_[1].agent->deadline()});
      ASSERT_NE(next, TimePoint::max()) << "something lives without a timer";
      now_ = std::max(now_, next);
      while (!acts_.empty() && acts_.top().when <= now_) {
        const auto act = std::move(const_cast<Act&>(acts_.top()).run);
        acts_.pop();
        act();
        settle();
      }
      for (auto& side : sides_) side.agent->fire(now_);
      settle();
      ASSERT_LT(now_.time_since_epoch(), 24h) << "stuck";
    }
  }

  struct Story {
    int gone = 0, endings = 0, answered = 0;
    bool ended_by_owner = false;
  };
  struct Side {
    std::unique_ptr<UserAgent> agent;
    std::map<std::uint64_t, Story> stories;  // by handle
  };
  const Side& side(int i) const { return sides_[i]; }
  int answered() const {
    int count = 0;
    for (const auto& [handle, story] : sides_[0].stories) count += story.answered;
    return count;
  }

 private:
  struct Act {
    TimePoint when;
    std::uint64_t order;
    std::function<void()> run;
    bool operator<(const Act& other) const { return when != other.when ? when > other.when : order > other.order; }
  };

  std::unique_ptr<UserAgent> make(const Endpoint& address) {
    UserAgentConfig config;
    config.bound = address;
    config.dialogs_max = 8192;
    config.transactions_max = 16'384;
    return std::make_unique<UserAgent>(config, random_, now_);
  }
  bool alive() const {
    for (const auto& side : sides_)
      if (side.agent->dialogs() + side.agent->transactions() > 0) return true;
    return false;
  }
  void at(Duration after, std::function<void()> run) { acts_.push({now_ + after, order_++, std::move(run)}); }
  Duration some(Duration most) {
    return Duration(static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>(most.count()))));
  }

  void dial() {
    Invite invite;
    invite.destination = kCallee;
    invite.request_uri = "sip:someone@192.0.2.2";
    invite.from = "me";
    invite.to = "someone";
    invite.trunk = "peer";
    const bool is_late = random_.unit() < 0.1;
    invite.sdp = is_late ? "" : "v=0 offer";
    const auto handle = sides_[0].agent->invite(invite, now_);
    ASSERT_TRUE(handle.has_value());
    sides_[0].stories[handle->bits()] = {};
    if (random_.unit() < 0.3) at(some(6s), [this, call = *handle] { sides_[0].agent->cancel(call, now_); });
    settle();
  }

  void carry(int from, const Datagram& datagram) {
    const int to = datagram.to == kCaller ? 0 : datagram.to == kCallee ? 1 : -1;
    if (to < 0) return;
    std::string bytes(text_of(datagram.data));
    const auto deliver = [&](std::string text) {
      at(faults_.delay_min + some(faults_.delay_max - faults_.delay_min + 1ns),
         [this, to, from, text = std::move(text)] {
           sides_[to].agent->receive(bytes_of(text), from == 0 ? kCaller : kCallee, now_);
         });
    };
    if (random_.unit() >= faults_.lost) deliver(bytes);
    if (random_.unit() < faults_.doubled) deliver(bytes);
    if (random_.unit() >= faults_.mangled) return;
    for (int i = 0; i < 4; ++i) bytes[random_.below(bytes.size())] = static_cast<char>(random_.u32());
    if (random_.unit() < 0.3) bytes.resize(random_.below(bytes.size()));
    deliver(bytes);
  }

  void settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (int i = 0; i < 2; ++i) {
        auto& agent = *sides_[i].agent;
        for (const auto& datagram : agent.outbox()) carry(i, datagram);
        busy |= !agent.outbox().empty() || !agent.events().empty();
        agent.clear_outbox();
        for (const auto& event : agent.events()) hear(i, event);
        agent.clear_events();
      }
    }
  }

  void hear(int i, const Event& event) {
    auto& agent = *sides_[i].agent;
    const Handle call = event.call;
    auto& story = sides_[i].stories[call.bits()];
    EXPECT_EQ(story.gone, 0) << "an event after kGone";
    switch (event.kind) {
      case EventKind::kIncoming:
        return answer(call);
      case EventKind::kAnswered:
        ++story.answered;
        if (event.needs_ack) (void)agent.ack_with(call, "v=0 answer", now_);
        return stand(i, call);
      case EventKind::kAcked:
        return stand(i, call);
      case EventKind::kReinvite:
        if (random_.unit() < 0.5)
          (void)agent.accept_reinvite(call, "v=0 held", now_);
        else
          at(some(1s), [this, i, call] { (void)sides_[i].agent->refuse_reinvite(call, 488, now_); });
        return;
      case EventKind::kCancelled:
      case EventKind::kFailed:
      case EventKind::kBye:
        ++story.endings;
        return;
      case EventKind::kGone:
        ++story.gone;
        EXPECT_LE(story.endings, 1);
        return;
      default:
        return;
    }
  }

  void answer(Handle call) {
    const double lot = random_.unit();
    if (lot < 0.8) at(some(2s), [this, call] { (void)sides_[1].agent->ring(call, 180, {}, now_); });
    at(some(8s), [this, call, lot] {
      auto& agent = *sides_[1].agent;
      if (lot < 0.6)
        (void)agent.accept(call, "v=0 answer", now_);
      else if (lot < 0.9)
        (void)agent.reject(call, lot < 0.7 ? 486 : 503, {}, 5s, now_);
      else
        agent.bye(call, 17, {}, now_);
      if (lot < 0.05) agent.bye(call, 16, "at once", now_);
    });
  }

  void stand(int i, Handle call) {
    for (int n = 0; n < 2; ++n)
      if (random_.unit() < 0.3)
        at(some(5s), [this, i, call] { (void)sides_[i].agent->reinvite(call, "v=0 hold", now_); });
    at(some(10s), [this, i, call] { sides_[i].agent->bye(call, 16, "done", now_); });
  }

  Random random_;
  Faults faults_;
  TimePoint now_{};
  std::uint64_t order_ = 0;
  std::priority_queue<Act> acts_;
  Side sides_[2];
};

void expect_all_over(const World& world) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(world.side(i).agent->dialogs(), 0u);
    EXPECT_EQ(world.side(i).agent->transactions(), 0u);
    for (const auto& [handle, story] : world.side(i).stories) ASSERT_EQ(story.gone, 1) << "side " << i;
    EXPECT_EQ(world.side(i).agent->counters().outbox_full, 0u);
    EXPECT_EQ(world.side(i).agent->counters().events_full, 0u);
  }
}

TEST(Simulation, PerfectWire) {
  World world(1, {});
  world.run(2000);
  expect_all_over(world);
  EXPECT_EQ(world.side(1).stories.size(), 2000u);
  EXPECT_GT(world.answered(), 700);
}

TEST(Simulation, WireThatLosesDoublesAndReorders) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(seed, {.lost = 0.1, .doubled = 0.05, .delay_min = 1ms, .delay_max = 300ms});
    world.run(1000);
    expect_all_over(world);
    EXPECT_EQ(world.side(0).stories.size(), 1000u);
    EXPECT_GT(world.answered(), 300);
  }
}

TEST(Simulation, WireThatHardlyWorks) {
  World world(9, {.lost = 0.6, .doubled = 0.3, .delay_min = 1ms, .delay_max = 3s});
  world.run(500);
  expect_all_over(world);
}

TEST(Simulation, WireOnWhichSomeoneTampers) {
  for (std::uint64_t seed = 20; seed <= 23; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(seed, {.lost = 0.02, .doubled = 0.02, .delay_min = 1ms, .delay_max = 50ms, .mangled = 0.5});
    world.run(500);
    expect_all_over(world);
  }
}

}  // namespace
}  // namespace carillon::sip
