// Two shards on threads of their own, over loopback: what crosses between them must be sound for the thread sanitizer
// too (preset tsan). Nothing here measures time; every wait is for a condition.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "engine/io/make_port.h"
#include "tests/engine/shard/sound.h"

namespace carillon::shard {
namespace {

constexpr Duration kPatience = 120s;

/// No recording has room.
class NoRecordings : public call::RecordSink {
 public:
  Handle start(LegId, WallTime) override { return {}; }
  void add(Handle, std::span<const std::int16_t>, std::span<const std::int16_t>) override {}
  void stop(Handle) override {}
};

/// An engine that calls itself; the test's thread stands for the link.
class Threads {
 public:
  Threads() : mesh_(kShards) {
    std::random_device device;
    const auto first = static_cast<std::uint16_t>(20'000 + 2 * (device() % 10'000));
    io::PortConfig port;
    port.back_end = io::BackEnd::kMmsg;
    for (std::uint32_t i = 0; i < kShards; ++i) {
      Core& core = cores_[i];
      core.port = std::move(io::make_port(port)->port);
      core.rings = std::make_unique<call::ShardRings>();
      mesh_.set_port(i, core.port.get());
      ShardConfig config;
      config.index = i;
      config.count = kShards;
      config.sip = i == 0 ? Endpoint::v4(127, 0, 0, 1, 0) : cores_[0].shard->sip_address();
      config.rtp = Endpoint::v4(127, 0, 0, 1, 0);
      config.rtp_port_first = static_cast<std::uint16_t>(first + 1000 * i);
      config.rtp_pairs = 400;
      config.legs_max = 64;
      config.nonce_key.fill(7);
      core.shard = std::make_unique<Shard>(config, ShardParts{*core.port, *core.rings, recordings_, trunks_, mesh_},
                                           device(), MonoClock::now(), wall_now());
      EXPECT_EQ(core.shard->open(), "");
    }
    call::Trunk self;
    self.id = "self";
    self.gateways = {cores_[0].shard->sip_address()};
    for (std::uint32_t i = 0; i < kShards; ++i) tell(call::PutTrunk{self}, i);
    for (Core& core : cores_) core.thread = std::thread([this, &core] { run(core); });
  }
  ~Threads() {
    is_over_ = true;
    for (Core& core : cores_) {
      core.port->wake();
      core.thread.join();
    }
  }

  std::uint64_t tell(CommandBody body, std::uint32_t shard) {
    auto command = std::make_unique<Command>();
    command->id = ++command_id_;
    command->body = std::move(body);
    Command* sent = command.get();
    commands_[sent] = std::move(command);
    EXPECT_TRUE(cores_[shard].rings->commands.push(sent));
    cores_[shard].port->wake();
    return command_id_;
  }
  LegId dial(std::uint32_t shard, const call::Plan& plan) {
    call::Originate originate;
    originate.leg = {++leg_id_};
    originate.trunks = {"self"};
    originate.to = "1";
    originate.plan = plan;
    tell(originate, shard);
    return originate.leg;
  }
  bool wait(const std::function<bool()>& holds) {
    const TimePoint end = MonoClock::now() + kPatience;
    while (!holds() && MonoClock::now() < end) {
      listen();
      std::this_thread::yield();
    }
    return holds();
  }
  bool is_answered(std::uint64_t command) const { return answers.contains(command); }

  std::map<std::uint64_t, std::string> answers;  ///< of commands: the error
  std::map<std::uint64_t, LegPhase> phases;
  std::map<std::uint64_t, bool> bridged;

 private:
  static constexpr std::uint32_t kShards = 2;
  struct Core {
    std::unique_ptr<io::Port> port;
    std::unique_ptr<call::ShardRings> rings;
    std::unique_ptr<Shard> shard;
    std::thread thread;
  };

  void run(Core& core) {
    while (!is_over_) {
      const TimePoint now = MonoClock::now();
      core.shard->note_step(Duration{0}, core.shard->step(now, wall_now()), now);
      core.port->wait(std::min(core.shard->deadline(), now + 1s));
    }
  }
  void listen() {
    for (std::uint32_t i = 0; i < kShards; ++i) {
      call::Event event;
      while (cores_[i].rings->events.pop(event)) {
        if (event.kind == EventKind::kDone) answers[event.command] = event.body.done.error.view();
        if (event.kind == EventKind::kBridgeState) bridged[event.leg.value] = event.body.bridge.bridged;
        if (event.kind != EventKind::kLegState) continue;
        phases[event.leg.value] = event.body.leg.phase;
        if (event.body.leg.phase == LegPhase::kIncoming) tell(call::Answer{event.leg, {}}, i);
      }
      Command* back = nullptr;
      while (cores_[i].rings->returned.pop(back)) commands_.erase(back);
    }
  }

  NoRecordings recordings_;
  call::TrunkBoard trunks_;
  Mesh mesh_;
  std::array<Core, kShards> cores_;
  std::atomic<bool> is_over_{false};
  std::map<Command*, std::unique_ptr<Command>> commands_;
  std::uint64_t command_id_ = 0, leg_id_ = 1000;
};

TEST(Threads, BridgesAcrossShardsComeAndGo) {
  constexpr std::size_t kPairs = 5;
  const media::Prompt sound = tone(400, 1s);
  Threads engine;
  std::array<LegId, kPairs> here, there;
  for (std::size_t i = 0; i < kPairs; ++i) {
    here[i] = engine.dial(0, loop_plan(sound));
    there[i] = engine.dial(1, loop_plan(sound));
  }
  const auto count = [&](LegPhase phase) {
    return std::ranges::count_if(engine.phases, [&](const auto& one) { return one.second == phase; });
  };
  ASSERT_TRUE(engine.wait([&] { return count(LegPhase::kAnswered) == 4 * kPairs; }));

  for (int round = 0; round < 6; ++round) {
    std::vector<std::uint64_t> asked;
    for (std::size_t i = 0; i < kPairs; ++i) {
      if (round % 3 != 1) asked.push_back(engine.tell(call::Bridge{here[i], there[i], 1}, 0));
      if (round % 3 != 0) asked.push_back(engine.tell(call::Bridge{there[i], here[i], 0}, 1));
    }
    ASSERT_TRUE(
        engine.wait([&] { return std::ranges::all_of(asked, [&](auto id) { return engine.is_answered(id); }); }));
    for (const auto id : asked) EXPECT_EQ(engine.answers[id], "");
    for (std::size_t i = 0; i < kPairs; ++i)
      ASSERT_TRUE(engine.wait([&] { return engine.bridged[here[i].value] && engine.bridged[there[i].value]; }));
    if (round == 5) break;
    for (std::size_t i = 0; i < kPairs; ++i)
      engine.tell(call::Unbridge{i % 2 == 0 ? here[i] : there[i]}, i % 2 == 0 ? 0 : 1);
    for (std::size_t i = 0; i < kPairs; ++i)
      ASSERT_TRUE(engine.wait([&] { return !engine.bridged[here[i].value] && !engine.bridged[there[i].value]; }));
  }
  for (std::size_t i = 0; i < kPairs; ++i)
    engine.tell(call::Hangup{i % 2 == 0 ? here[i] : there[i], 16, {}}, i % 2 == 0 ? 0 : 1);
  EXPECT_TRUE(engine.wait([&] { return count(LegPhase::kEnded) == 4 * kPairs; })) << "every end reaches the partner";
}

}  // namespace
}  // namespace carillon::shard
