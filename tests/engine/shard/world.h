#pragma once
// A small world in virtual time: engines (one shard each) on a simulated network, with a hand instead of control.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "engine/io/sim.h"
#include "engine/shard/shard.h"
#include "media/prompt/prompt.h"
#include "tests/engine/shard/allocations.h"

namespace carillon::shard {

using call::Command;
using call::CommandBody;
using call::EventKind;
using call::LegPhase;
using call::LegState;

/// Recordings in memory: samples of both sides, by leg.
class MemoryRecordings : public call::RecordSink {
 public:
  struct Sound {
    std::vector<std::int16_t> left, right;
    bool is_open = true;
  };
  Handle start(LegId leg, WallTime) override {
    const Counting off(false);
    sounds[leg.value] = {};
    const Handle handle{static_cast<std::uint32_t>(names_.size()), 1};
    names_.push_back(leg.value);
    return handle;
  }
  void add(Handle handle, std::span<const std::int16_t> left, std::span<const std::int16_t> right) override {
    const Counting off(false);
    Sound& sound = sounds[names_[handle.index]];
    put(sound.left, left);
    put(sound.right, right);
  }
  void stop(Handle handle) override { sounds[names_[handle.index]].is_open = false; }

  std::map<std::uint64_t, Sound> sounds;

 private:
  static void put(std::vector<std::int16_t>& into, std::span<const std::int16_t> samples) {
    if (samples.empty())
      into.insert(into.end(), kFrameSamples, 0);
    else
      into.insert(into.end(), samples.begin(), samples.end());
  }
  std::vector<std::uint64_t> names_;
};

/// One engine of one or more shards.
class Side {
 public:
  Side(io::SimNetwork& network, std::uint8_t host, std::uint32_t shards, std::uint64_t seed, std::uint32_t legs_max,
       std::size_t crossings = 1024, bool is_v6 = false)
      : host_(host), is_v6_(is_v6), mesh_(shards, crossings) {
    for (std::uint32_t i = 0; i < shards; ++i) {
      Core core;
      core.port = std::make_unique<Uncounted>(network.make_port());
      core.rings = std::make_unique<call::ShardRings>();
      mesh_.set_port(i, core.port.get());
      ShardConfig config;
      config.index = i;
      config.count = shards;
      config.sip = address();
      config.rtp = address();
      config.rtp_port_first = static_cast<std::uint16_t>(20000 + 10000 * i);
      config.rtp_pairs = 4000;
      config.legs_max = legs_max;
      config.nonce_key.fill(7);
      core.shard = std::make_unique<Shard>(config, ShardParts{*core.port, *core.rings, recordings, trunks, mesh_},
                                           seed + i, TimePoint{} + 1h, WallTime{} + std::chrono::hours(500'000));
      EXPECT_EQ(core.shard->open(), "");
      cores.push_back(std::move(core));
    }
    all(call::BrainState{true});
  }
  Endpoint address() const {
    if (!is_v6_) return Endpoint::v4(10, 0, 0, host_, 5060);
    Endpoint address = *Endpoint::parse("2001:db8:ffff:ffff:ffff:ffff:ffff:ff00", 5060);  // no text of one is longer
    address.address.back() = host_;
    return address;
  }

  /// Commands go to one shard, by leg where there are several.
  Command& tell(CommandBody body, std::uint32_t shard = 0) {
    auto command = std::make_unique<Command>();
    command->id = ++command_id_;
    command->body = std::move(body);
    Command& sent = *command;
    commands_[command.get()] = std::move(command);
    EXPECT_TRUE(cores[shard].rings->commands.push(&sent));
    cores[shard].is_configured = cores[shard].is_configured || configures(sent.body);
    return sent;
  }
  void all(const CommandBody& body) {
    for (std::uint32_t i = 0; i < cores.size(); ++i) tell(body, i);
  }
  void trunk(const std::string& id, const std::vector<Endpoint>& gateways,
             const std::function<void(call::Trunk&)>& change = {}) {
    call::Trunk trunk;
    trunk.id = id;
    trunk.gateways = gateways;
    if (change) change(trunk);
    all(call::PutTrunk{trunk});
  }
  /// Places a call; the leg's id is returned.
  LegId dial(const std::string& trunk, const std::string& to, call::Plan plan = {},
             const std::function<void(call::Originate&)>& change = {}, std::uint32_t shard = 0) {
    call::Originate originate;
    originate.leg = {++leg_id_};
    originate.trunks = {trunk};
    originate.from = "+4930555";
    originate.to = to;
    originate.plan = std::move(plan);
    if (change) change(originate);
    tell(originate, shard);
    return {leg_id_};
  }

  void step(TimePoint now, WallTime wall) {
    for (std::uint32_t i = 0; i < cores.size(); ++i) {
      if (i == stalled) continue;
      step_alone(cores[i], now, wall);
      call::Event event;
      while (cores[i].rings->events.pop(event)) hear(event, i);
      Command* back = nullptr;
      while (cores[i].rings->returned.pop(back)) {
        EXPECT_TRUE(back->answered);
        errors[back->id] = back->ok ? "" : std::string(back->error.view());
        if (auto* trace = std::get_if<call::Trace>(&back->body)) traced = trace->text;
        if (auto* snapshot = std::get_if<call::Snapshot>(&back->body)) snapshot_legs = snapshot->legs;
        EXPECT_EQ(commands_.erase(back), 1u) << "a command came back twice";
      }
    }
  }
  TimePoint deadline() {
    TimePoint first = TimePoint::max();
    for (std::uint32_t i = 0; i < cores.size(); ++i) {
      if (i == stalled) continue;
      const Core& core = cores[i];
      first = std::min(first, core.rings->commands.size() > 0 ? TimePoint::min() : core.shard->deadline());
      for (std::uint32_t from = 0; from < cores.size(); ++from)
        if (from != i && (mesh_.crossings(from, i).size() > 0 || mesh_.has_passed(from, i))) first = TimePoint::min();
    }
    return first;
  }

  /// The newest state of a leg; phase kTrying with no times when there is none.
  LegState state(LegId leg) const {
    const auto found = states.find(leg.value);
    return found == states.end() ? LegState{} : found->second;
  }
  bool ended(LegId leg) const { return states.contains(leg.value) && state(leg).phase == LegPhase::kEnded; }
  std::vector<call::Event> news(EventKind kind, LegId leg) const {
    std::vector<call::Event> found;
    for (const auto& event : events)
      if (event.kind == kind && event.leg == leg) found.push_back(event);
    return found;
  }
  std::size_t legs() const {
    std::size_t count = 0;
    for (const Core& core : cores) count += core.shard->calls().legs();
    return count;
  }
  std::size_t commands_out() const { return commands_.size(); }

  struct Core {
    std::unique_ptr<io::Port> port;
    std::unique_ptr<call::ShardRings> rings;
    std::unique_ptr<Shard> shard;
    bool is_configured = false;  ///< a command that configures() is on its way
  };
  std::vector<Core> cores;
  MemoryRecordings recordings;
  call::TrunkBoard trunks;
  std::vector<call::Event> events;  ///< statistics apart
  std::map<std::uint64_t, LegState> states;
  std::map<std::uint64_t, std::string> errors;  ///< of commands that came back
  std::vector<call::Event> snapshot_legs;
  std::string traced;
  call::ShardStats stats;
  LegId last_incoming;
  /// What control does when a call comes in; by default nothing.
  std::function<void(LegId, const LegState&, std::uint32_t shard)> on_incoming;
  /// This shard gets no turn; nobody: all do.
  static constexpr std::uint32_t kNobody = 0xFFFF'FFFF;
  std::uint32_t stalled = kNobody;
  /// What each step is said to have taken.
  Duration step_cost{0};
  /// Blocks that steps took from the heap: no test lets the first be more than 0.
  std::uint64_t allocated = 0, allocated_configuring = 0;
  std::map<std::uint64_t, std::uint32_t> home;  ///< shard of a leg that came in

 private:
  /// These copy what they bring: the one thing that a step may take memory for.
  static bool configures(const CommandBody& body) {
    return std::holds_alternative<call::PutTrunk>(body) || std::holds_alternative<call::RemoveTrunk>(body) ||
           std::holds_alternative<call::PutEndpoint>(body) || std::holds_alternative<call::RemoveEndpoint>(body) ||
           std::holds_alternative<call::Trace>(body);
  }
  void step_alone(Core& core, TimePoint now, WallTime wall) {
    allocations.take();
    {
      const Counting on(true);
      const bool has_worked = core.shard->step(now, wall);
      core.shard->note_step(step_cost, has_worked || step_cost > Duration{0}, now);
    }
    const std::uint64_t count = allocations.count;
    if (count != 0 && !core.is_configured) ADD_FAILURE() << "a step took memory " << count << " times" << askers();
    (core.is_configured ? allocated_configuring : allocated) += count;
    core.is_configured = core.is_configured && core.rings->commands.size() > 0;
  }
  void hear(const call::Event& event, std::uint32_t shard) {
    if (event.kind == EventKind::kStats) {
      stats = event.body.stats;
      return;
    }
    if (keeps_events) events.push_back(event);
    if (event.kind != EventKind::kLegState) return;
    if (event.body.leg.phase == LegPhase::kEnded) {
      EXPECT_FALSE(ended(event.leg)) << "a leg ended twice";
    }
    states[event.leg.value] = event.body.leg;
    if (event.body.leg.phase != LegPhase::kIncoming) return;
    last_incoming = event.leg;
    home[event.leg.value] = shard;
    if (on_incoming) on_incoming(event.leg, event.body.leg, shard);
  }

 public:
  bool keeps_events = true;

 private:
  std::uint8_t host_;
  bool is_v6_;
  Mesh mesh_;
  std::map<Command*, std::unique_ptr<Command>> commands_;
  std::uint64_t command_id_ = 0, leg_id_ = 1000;
};

/// Two engines and the line between them. `a` dials by trunk "b", whose gateway is engine `b`.
class World {
 public:
  explicit World(std::uint64_t seed = 1, std::uint32_t shards = 1, std::uint32_t legs_max = 200,
                 std::size_t crossings = 1024, bool is_v6 = false)
      : network(seed),
        a(network, 1, shards, seed * 10, legs_max, crossings, is_v6),
        b(network, 2, shards, seed * 20, legs_max, crossings, is_v6) {
    a.trunk("b", {b.address()});
    b.trunk("a", {a.address()});
    run(10ms);
  }
  void run(Duration time) {
    const TimePoint end = now + time;
    while (now < end) {
      a.step(now, wall());
      b.step(now, wall());
      const TimePoint theirs = also ? also(now) : TimePoint::max();
      const TimePoint next = std::min({network.next(), a.deadline(), b.deadline(), theirs, end});
      now = std::max(next, now + 100us);
      network.deliver_until(now);
    }
  }
  /// Runs until it holds, at most `most`.
  bool run_until(const std::function<bool()>& holds, Duration most = 60s) {
    const TimePoint end = now + most;
    while (!holds() && now < end) run(5ms);
    return holds();
  }
  WallTime wall() const {
    return WallTime{} + std::chrono::hours(500'000) +
           std::chrono::duration_cast<std::chrono::milliseconds>(now - (TimePoint{} + 1h));
  }

  TimePoint now = TimePoint{} + 1h;
  io::SimNetwork network;
  Side a, b;
  /// Somebody else's turn; returns when the next one is wanted.
  std::function<TimePoint(TimePoint now)> also;
};

// ---- plans and sounds

/// A voice stands for speech in tests: a tone that can be told from others by its pitch.
inline media::Prompt tone(double hz, Duration time, double level = 8000) {
  std::vector<std::int16_t> samples(static_cast<std::size_t>(time / 125us));
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<std::int16_t>(level * std::sin(2 * 3.14159265358979 * hz * static_cast<double>(i) / 8000));
  return media::Prompt::from_samples(samples, "tone" + std::to_string(static_cast<int>(hz)));
}

inline call::PlanState plan_state(const char* name, call::PlanState::Action action,
                                  std::vector<call::PlanTransition> on = {}) {
  call::PlanState state;
  state.name.assign(name);
  state.action = action;
  state.on = std::move(on);
  return state;
}

/// Plays once, then hangs up.
inline call::Plan message_plan(const media::Prompt& prompt) {
  using Action = call::PlanState::Action;
  call::Plan plan;
  plan.states.push_back(plan_state("message", Action::kPlay, {{call::PlanEvent::kDone, 0, 1}}));
  plan.states.back().prompts = {&prompt};
  plan.states.back().mark.assign("message_started");
  plan.states.push_back(plan_state("over", Action::kHangup));
  plan.states.back().mark.assign("message_played");
  return plan;
}

/// Answers and records, says nothing.
inline call::Plan listen_plan() {
  call::Plan plan;
  plan.record = true;
  return plan;
}

}  // namespace carillon::shard
