#include "tests/engine/steps/bed.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <vector>

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

record::DiskConfig disk_config(const Folder& folder) {
  record::DiskConfig config;
  config.folder = (folder.path / "recordings").string();
  config.recordings_per_shard = Node::kLegs;
  return config;
}

}  // namespace

call::Plan playing(const media::Prompt& prompt) {
  call::Plan plan;
  plan.states.emplace_back();
  plan.states[0].action = call::PlanState::Action::kPlay;
  plan.states[0].prompts = {&prompt};
  plan.states[0].loops = 0;
  return plan;
}

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

Peer::Peer(const std::string& socket) {
  pid_ = ::fork();
  if (pid_ != 0) return;
  ::setenv("CARILLON_STEPS_PEER", socket.c_str(), 1);
  ::execl("/proc/self/exe", "steps-peer", nullptr);
  ::_exit(127);
}

Peer::~Peer() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

Folder::Folder() : path(std::filesystem::temp_directory_path() / fmt::format("carillon-steps-{}", ::getpid())) {
  std::filesystem::create_directories(path);
}
Folder::~Folder() { std::filesystem::remove_all(path); }

Bed::Bed() : prompt(tone()) {
  auto started = record::Disk::start(disk_config(folder), {});
  CHECK(started);
  disk = std::move(*started);
  recorder = std::make_unique<shard::Recorder>(disk->channel(0), Node::kLegs);
  const std::string socket = (folder.path / "memif.sock").string();
  node = std::make_unique<Node>(socket, "server", 1, *recorder);
  if (!node->fault.empty()) return;
  node->tell(call::BrainState{true});
  node->trunk("far", address(2));
  peer = std::make_unique<Peer>(socket);
}

Bed& the_bed() {
  static Bed bed;
  return bed;
}

}  // namespace carillon::steps

int main(int argc, char** argv) {
  if (const char* socket = std::getenv("CARILLON_STEPS_PEER")) return carillon::steps::run_peer(socket);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
