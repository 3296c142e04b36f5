#include "engine/self_test/shard_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "engine/self_test/box.h"
#include "engine/self_test/far_side.h"
#include "engine/shard/shard.h"
#include "media/prompt/prompt.h"

namespace carillon::self_test {
namespace {

constexpr std::uint32_t kDetectEvery = 10;
constexpr int kRuns = 5;
constexpr Duration kStep = 250us, kRun = 200ms;
constexpr double kPacketsPerSecond = 50;

class NoRecordings final : public call::RecordSink {
 public:
  Handle start(LegId, WallTime) override { return {}; }
  void add(Handle, std::span<const std::int16_t>, std::span<const std::int16_t>) override {}
  void stop(Handle) override {}
};

std::vector<std::int16_t> two_seconds() {
  std::vector<std::int16_t> samples(16'000);
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<std::int16_t>(8000 * std::sin(static_cast<double>(i) * 0.3));
  return samples;
}

/// One shard and its calls. Time is virtual; what is measured is the thread's.
class World {
 public:
  explicit World(std::uint32_t legs) : legs_(legs), rings_(4 * legs + 4096) {
    shard::ShardConfig config;
    config.sip = Endpoint::v4(10, 0, 0, 1, 5060);
    config.rtp = config.sip;
    config.rtp_port_first = 2048;
    config.rtp_pairs = std::min(legs + 200, 31'000u);
    config.legs_max = legs;
    const shard::ShardParts parts{far_, rings_, recordings_, trunks_, mesh_};
    shard_ = std::make_unique<shard::Shard>(config, parts, 1, now_, kWall);
  }

  /// Empty, or what went wrong.
  std::string set_up() {
    if (std::string fault = shard_->open(); !fault.empty()) return fault;
    tell(call::BrainState{true});
    call::Trunk trunk;
    trunk.id = "far";
    trunk.gateways = {Endpoint::v4(10, 0, 0, 2, 5060)};
    tell(call::PutTrunk{trunk});
    for (std::uint32_t i = 0; i < legs_; ++i) {
      dial(i);
      if (i % 32 == 31) run(1ms, false);
    }
    run(500ms, false);
    if (far_.speakers() == legs_) return {};
    return fmt::format("only {} of {} calls came about", far_.speakers(), legs_);
  }

  /// Processor time of one channel-second, in µs.
  double measure(Duration time) {
    run(time / 4, true);
    const Duration before = thread_time();
    run(time, true);
    const std::chrono::duration<double, std::micro> spent = thread_time() - before;
    return spent.count() / (legs_ * std::chrono::duration<double>(time).count());
  }

 private:
  static constexpr WallTime kWall = WallTime{} + std::chrono::hours(500'000);

  void tell(call::CommandBody body) {
    commands_.push_back(std::make_unique<call::Command>());
    commands_.back()->id = commands_.size();
    commands_.back()->body = std::move(body);
    rings_.commands.push(commands_.back().get());
  }
  void dial(std::uint32_t index) {
    call::Originate originate;
    originate.leg = {1000 + index};
    originate.trunks = {"far"};
    originate.from = "+4930555";
    originate.to = "+4930556";
    originate.plan.detects = index % kDetectEvery == 0;
    originate.plan.detect.decide_by = 1h;
    originate.plan.detect.wait_for_beep = true;  // it listens to the end
    originate.plan.detect.beep_wait_max = 1h;
    call::PlanState state;
    state.action = call::PlanState::Action::kPlay;
    state.prompts = {&prompt_};
    state.loops = 0;
    originate.plan.states = {state};
    tell(std::move(originate));
  }
  void run(Duration time, bool speech) {
    const TimePoint end = now_ + time;
    for (; now_ < end; now_ += kStep) {
      if (speech) {
        owed_ += legs_ * kPacketsPerSecond * std::chrono::duration<double>(kStep).count();
        far_.speech_due(static_cast<std::size_t>(owed_));
        owed_ -= std::floor(owed_);
      }
      far_.now = now_;
      // time of steps is told as none: a gate must not close in here
      do shard_->note_step(Duration{0}, shard_->step(now_, kWall), now_);
      while (shard_->deadline() <= now_);
      for (call::Event event; rings_.events.pop(event);) {
      }
      for (call::Command* back = nullptr; rings_.returned.pop(back);) {
      }
    }
  }

  const std::uint32_t legs_;
  TimePoint now_ = TimePoint{} + 1h;
  double owed_ = 0;
  FarSide far_;
  call::ShardRings rings_;
  NoRecordings recordings_;
  call::TrunkBoard trunks_;
  shard::Mesh mesh_{1};
  const media::Prompt prompt_ = media::Prompt::from_samples(two_seconds(), "self-test");
  std::vector<std::unique_ptr<call::Command>> commands_;
  std::unique_ptr<shard::Shard> shard_;
};

}  // namespace

Result<ShardCost, std::string> shard_cost(std::uint32_t legs) {
  const std::int64_t before = resident();
  World world(legs);
  if (std::string fault = world.set_up(); !fault.empty()) return fault;
  ShardCost cost;
  cost.legs = legs;
  cost.bytes_per_leg = static_cast<double>(std::max<std::int64_t>(0, resident() - before)) / legs;
  std::vector<double> runs;
  for (int run = 0; run < kRuns; ++run) runs.push_back(world.measure(kRun));
  std::ranges::sort(runs);
  cost.us_per_channel_second = runs[kRuns / 2];
  return cost;
}

}  // namespace carillon::self_test
