// What the dialer's driver asks of the registry: many calls with one commit, bridges, hang-ups.

#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/api/json/walker.h"
#include "control/link/plan.h"
#include "control/live/live.h"

namespace carillon::control {

wire::ToEngine originate_of(const Placement& placement) {
  const Call& call = placement.call;
  wire::ToEngine command;
  auto* originate = command.mutable_originate();
  originate->set_leg(call.leg);
  for (const auto& trunk : placement.trunks) originate->add_trunks(trunk);
  originate->set_endpoint(call.endpoint.value_or(""));
  originate->set_from(call.from);
  originate->set_from_name(placement.from_name);
  originate->set_to(call.to);
  for (const auto& [name, value] : placement.headers) {
    auto* header = originate->add_headers();
    header->set_name(name);
    header->set_value(value);
  }
  originate->set_ring_time_ms(placement.ring_time_s * 1000);
  originate->set_bridge_to(placement.bridge_to);
  *originate->mutable_plan() = plan_to_wire(placement.plan);
  return command;
}

bool Live::ready() {
  const std::lock_guard lock(mutex_);
  return !ready_engine().empty();
}

bool Live::ready_for(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const Call* call = find_call(id);
  const auto connection = call == nullptr ? engines_.end() : engines_.find(call->engine);
  return connection == engines_.end() || (connection->second.ready && connection->second.engine->connected());
}

std::optional<Call> Live::phone_called_for(const std::string& id) {
  const std::lock_guard lock(mutex_);
  for (const auto& [leg, call] : calls_)
    if (call.bridged_with == id && call.endpoint) return call;
  return std::nullopt;
}

std::optional<Call> Live::live_call(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const Call* call = find_call(id);
  if (call == nullptr) return std::nullopt;
  return *call;
}

Result<std::monostate, LiveFault> Live::place_all(std::vector<Placement>& placements) {
  Changes changes;
  {
    const std::lock_guard lock(mutex_);
    const std::string engine = ready_engine();
    if (engine.empty()) return LiveFault::kNoEngine;
    for (Placement& placement : placements) {
      Call& call = placement.call;
      if (call.engine.empty()) call.engine = engine;
      call.leg = ids_.make_leg(clock_());
      placing_.insert({call.engine, call.leg});
      enter(call);
      changes.calls.push_back(row_of(call));
      if (placement.attempt) changes.attempts.push_back(*placement.attempt);
      changes.events.push_back({.id = ids_.make("evt", clock_()),
                                .project = call.project,
                                .type = "call.dialing",
                                .time_ms = call.created_at.time_since_epoch().count(),
                                .data = json::text(json::write(call, json::Mode::kApi))});
    }
  }
  try {
    store_.apply(changes);
  } catch (const DatabaseError&) {
    const std::lock_guard lock(mutex_);
    for (const Placement& placement : placements) {
      const Leg leg{placement.call.engine, placement.call.leg};
      placing_.erase(leg);
      calls_.erase(leg);
      legs_.erase(placement.call.id);
    }
    throw;
  }
  {
    const std::lock_guard lock(mutex_);
    bool has_failed = false;
    for (const Placement& placement : placements) {
      const Call& call = placement.call;
      placing_.erase({call.engine, call.leg});
      const auto connection = engines_.find(call.engine);
      const auto id = connection == engines_.end() ? 0 : connection->second.engine->send(originate_of(placement));
      if (id != 0) {
        originating_[id] = call.id;
      } else if (Call* refused = find_call(call.id)) {
        refused->error = "the link to the engine is full";
        refused->ended_by = EndedBy::kControl;
        end_call({call.engine, call.leg}, clock_());
        has_failed = true;
      }
    }
    if (has_failed) commit();
  }
  hub_.notify();
  return std::monostate{};
}

bool Live::bridge(const std::string& id, const std::string& other_id) {
  const std::lock_guard lock(mutex_);
  const Call* call = find_call(id);
  const Call* other = find_call(other_id);
  if (call == nullptr || other == nullptr || call->engine != other->engine) return false;
  const auto connection = engines_.find(call->engine);
  if (connection == engines_.end() || !connection->second.engine->connected()) return false;
  wire::ToEngine command;
  command.mutable_bridge()->set_leg(call->leg);
  command.mutable_bridge()->set_other(other->leg);
  const auto sent = connection->second.engine->send(std::move(command));
  if (sent != 0) bridging_[sent] = id;
  return sent != 0;
}

bool Live::hang_up(const std::string& id, const std::string& why) {
  const std::lock_guard lock(mutex_);
  const Call* call = find_call(id);
  if (call == nullptr) return false;
  const auto connection = engines_.find(call->engine);
  if (connection == engines_.end()) return false;
  wire::ToEngine command;
  command.mutable_hangup()->set_leg(call->leg);
  command.mutable_hangup()->set_cause(16);
  command.mutable_hangup()->set_why(why);
  return connection->second.engine->send(std::move(command)) != 0;
}

void Live::set_agent(const std::string& id, const std::string& agent) {
  const std::lock_guard lock(mutex_);
  Call* call = find_call(id);
  if (call == nullptr) return;
  call->agent = agent.empty() ? std::nullopt : std::optional(agent);
  touch(*call);
}

std::vector<Call> Live::queue_calls() {
  const std::lock_guard lock(mutex_);
  std::vector<Call> found;
  for (const auto& [leg, call] : calls_)
    if (!call.queue_chain.empty() && call.state == CallStatus::kAnswered) found.push_back(call);
  std::ranges::sort(found, {}, &Call::created_at);
  return found;
}

void Live::tell_news() {
  if (hear_ && !news_.empty()) hear_(std::move(news_));
  news_.clear();
}

}  // namespace carillon::control
