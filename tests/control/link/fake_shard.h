#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "engine/call/rings.h"
#include "engine/link/ports.h"

namespace carillon::link {

/// Plays a shard on the other end of the rings: takes commands, keeps legs, answers. What it has performed can be asked
/// from the test's thread.
class FakeShard {
 public:
  FakeShard() : rings_(4096, 4096), thread_([this] { run(); }) {}
  ~FakeShard() { stop(); }
  void stop() {
    stopping_ = true;
    wake();
    if (thread_.joinable()) thread_.join();
  }
  ShardPort port() {
    return {&rings_, [this] { wake(); }};
  }

  /// While held, commands stay on the ring.
  void hold(bool on) {
    held_ = on;
    wake();
  }
  void end_leg(LegId leg) {
    const std::lock_guard lock(mutex_);
    to_end_.push_back(leg);
    ready_.notify_all();
  }
  std::map<std::uint64_t, int> originated() const {
    const std::lock_guard lock(mutex_);
    return originated_;
  }
  template <class Holds>
  bool wait_for(Holds&& holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return holds(*this); });
  }

  // Under wait_for's lock.
  std::map<std::uint64_t, int> originated_;
  std::set<std::uint64_t> living_;
  std::vector<bool> brain_;
  std::vector<std::string> trunks_;
  std::vector<bool> drains_;

 private:
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    ready_.notify_all();
  }
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      ready_.wait(lock, [&] { return stopping_ || woken_ || !to_end_.empty(); });
      woken_ = false;
      call::Command* command = nullptr;
      while (!held_ && rings_.commands.pop(command)) perform(command);
      for (const LegId leg : to_end_) end(leg, "normal");
      to_end_.clear();
      changed_.notify_all();
    }
  }
  void perform(call::Command* command) {
    if (auto* originate = std::get_if<call::Originate>(&command->body)) {
      ++originated_[originate->leg.value];
      living_.insert(originate->leg.value);
      kept_[originate->leg.value] = command;
      command->answered = true;
      done(command->id, true);
      state(originate->leg, call::LegPhase::kTrying, "");
      return;
    }
    if (auto* hangup = std::get_if<call::Hangup>(&command->body)) {
      command->ok = living_.contains(hangup->leg.value);
      if (!command->ok) command->error.assign("no such leg");
      if (command->ok) end(hangup->leg, hangup->why);
    }
    if (auto* snapshot = std::get_if<call::Snapshot>(&command->body))
      for (const auto leg : living_) snapshot->legs.push_back(event(LegId{leg}, call::LegPhase::kTrying, ""));
    if (auto* trace = std::get_if<call::Trace>(&command->body)) {
      trace->text = "INVITE";
      trace->found = true;
    }
    if (auto* brain = std::get_if<call::BrainState>(&command->body)) brain_.push_back(brain->present);
    if (auto* drain = std::get_if<call::Drain>(&command->body)) drains_.push_back(drain->on);
    if (auto* trunk = std::get_if<call::PutTrunk>(&command->body)) trunks_.push_back(trunk->trunk.id);
    rings_.returned.push(command);
  }
  void end(LegId leg, std::string_view reason) {
    if (living_.erase(leg.value) == 0) return;
    state(leg, call::LegPhase::kEnded, reason);
    rings_.returned.push(kept_.at(leg.value));
    kept_.erase(leg.value);
  }
  void done(std::uint64_t id, bool ok) {
    call::Event news;
    news.command = id;
    news.body.done.ok = ok;
    rings_.events.push(news);
  }
  static call::Event event(LegId leg, call::LegPhase phase, std::string_view reason) {
    call::Event news;
    news.kind = call::EventKind::kLegState;
    news.leg = leg;
    new (&news.body.leg) call::LegState{};
    news.body.leg.phase = phase;
    news.body.leg.reason.assign(reason);
    return news;
  }
  void state(LegId leg, call::LegPhase phase, std::string_view reason) {
    rings_.events.push(event(leg, phase, reason));
  }

  call::ShardRings rings_;
  mutable std::mutex mutex_;
  std::condition_variable ready_, changed_;
  std::atomic<bool> stopping_ = false, held_ = false;
  bool woken_ = false;
  std::vector<LegId> to_end_;
  std::map<std::uint64_t, call::Command*> kept_;
  std::thread thread_;
};

}  // namespace carillon::link
