#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

#include "control/link/engine_link.h"
#include "engine/link/server.h"
#include "tests/control/link/fake_shard.h"
#include "tests/engine/link/folder.h"

namespace carillon::control {

/// What an owner of an EngineLink would have in its store, and what it was told.
class Owner {
 public:
  EngineLinkHandlers handlers() {
    return {.event = [this](const wire::FromEngine& message) { return take(message); },
            .commit = {},
            .connected = [this](const wire::Welcome& welcome) { connected(welcome); },
            .lost = {}};
  }
  template <class Holds>
  bool wait_for(Holds&& holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return holds(*this); });
  }
  Resume resume() {
    const std::lock_guard lock(mutex_);
    return resume_;
  }
  void refuse_commits(bool on) {
    const std::lock_guard lock(mutex_);
    refuses_ = on;
  }

  // Under wait_for's lock, or when the link is stopped.
  std::vector<wire::FromEngine> events_;
  std::map<std::uint64_t, wire::LegState> ended_;  // by leg
  std::map<std::uint64_t, int> ends_per_leg_;
  std::map<std::uint64_t, std::vector<wire::Done>> done_;  // by command
  std::vector<wire::Welcome> welcomes_;
  std::vector<wire::Stats> stats_;
  int refused_ = 0;

 private:
  bool take(const wire::FromEngine& message) {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
    if (message.has_done()) done_[message.answers()].push_back(message.done());
    if (message.has_stats()) stats_.push_back(message.stats());
    if (message.sequence() == 0) return true;
    const bool is_end = message.has_leg() && message.leg().state() == wire::LegState::ENDED;
    if (is_end && refuses_) {
      ++refused_;
      return false;
    }
    events_.push_back(message);
    if (is_end) {
      ended_[message.leg().leg()] = message.leg();
      ++ends_per_leg_[message.leg().leg()];
    }
    resume_.sequence = message.sequence();
    return true;
  }
  void connected(const wire::Welcome& welcome) {
    const std::lock_guard lock(mutex_);
    welcomes_.push_back(welcome);
    if (resume_.epoch != welcome.epoch()) resume_ = {welcome.epoch(), 0};
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Resume resume_;
  bool refuses_ = false;
};

/// An engine's link with two shards that the test plays.
struct Engine {
  Engine(const link::Folder& folder, std::string listen, link::TlsConfig tls = {}, link::RecordedSource recorded = {}) {
    std::filesystem::create_directories(folder / "recordings");
    std::vector<link::ShardPort> ports;
    for (auto& shard : shards) ports.push_back(shard.port());
    auto made = link::Server::make({.listen = std::move(listen),
                                    .tls = std::move(tls),
                                    .data_dir = folder / "data",
                                    .recordings_dir = folder / "recordings",
                                    .engine = "engine-1",
                                    .back_end = "sim",
                                    .legs_max = 1000,
                                    .brain_grace = 50ms},
                                   std::move(ports), std::move(recorded));
    EXPECT_TRUE(made) << made.error();
    server = std::move(*made);
    server->start();
  }
  ~Engine() {
    for (auto& shard : shards) shard.stop();
    server.reset();
  }
  link::FakeShard& of(std::uint64_t leg) { return shards[call::shard_of(LegId{leg}, 2)]; }

  link::FakeShard shards[2];
  std::unique_ptr<link::Server> server;
};

inline wire::ToEngine originate(std::uint64_t leg) {
  wire::ToEngine message;
  message.mutable_originate()->set_leg(leg);
  message.mutable_originate()->add_trunks("carrier");
  message.mutable_originate()->set_to("+15550100");
  return message;
}
inline wire::ToEngine hangup(std::uint64_t leg) {
  wire::ToEngine message;
  message.mutable_hangup()->set_leg(leg);
  message.mutable_hangup()->set_why("over");
  return message;
}

inline std::unique_ptr<EngineLink> connect(Owner& owner, std::string address, link::TlsConfig tls = {},
                                           Duration unsent_max = 30s) {
  EngineLinkConfig config;
  config.address = std::move(address);
  config.tls = std::move(tls);
  config.back_off_min = 1ms;
  config.back_off_max = 20ms;
  config.acknowledge_every = 1ms;
  config.unsent_max = unsent_max;
  auto link = std::make_unique<EngineLink>(std::move(config), owner.handlers(), owner.resume());
  link->start();
  return link;
}

}  // namespace carillon::control
