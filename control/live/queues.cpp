// Callers of inbound queues: from the answer to the end of their call. The engine's plan greets them, plays music and
// ends the wait by itself; here they stand in the dialer's line and are bridged to the agent that it names. Every visit
// of a queue is an attempt in the books, without a lead.

#include <algorithm>

#include "control/api/json/walker.h"
#include "control/live/campaigns.h"
#include "control/live/stored.h"

namespace carillon::control {
namespace {

std::uint64_t ms_between(WallTime from, WallTime to) {
  return to > from ? static_cast<std::uint64_t>((to - from).count()) : 0;
}

}  // namespace

// ------------------------------------------------------------------ the queues themselves

Campaigns::QueueRun& Campaigns::enter(const std::string& project, Queue body) {
  const bool is_new = !queues_.contains(body.id);
  QueueRun& run = queues_[body.id];
  const bool is_judged_anew = run.body.service_level_s != body.service_level_s;
  run.project = project;
  run.body = std::move(body);
  if (is_new || is_judged_anew) load_visits(run);
  auto config = config_of(run.body);
  run.number = config.id;
  dialer_.put_campaign(std::move(config));
  return run;
}

void Campaigns::changed(const Queue& queue) {
  const Lock lock(mutex_);
  const auto row = parts_.store.find_any(Kind::kQueues, queue.id);
  if (row) enter(row->project, queue);
}

void Campaigns::removed_queue(const std::string& id) {
  const Lock lock(mutex_);
  const auto run = queues_.find(id);
  if (run == queues_.end()) return;
  dialer_.remove_campaign(run->second.number);
  parts_.hub.drop_figure(id);
  queues_.erase(run);
}

bool Campaigns::has_callers(const std::string& queue) {
  const Lock lock(mutex_);
  return std::ranges::any_of(flights_, [&](const auto& entry) { return entry.second.body.queue == queue; });
}

// ------------------------------------------------------------------ a visit

// 0: the queue is gone; the call's plan goes on without agents.
std::uint64_t Campaigns::begin_visit(const Call& call, std::size_t index) {
  const auto run = queues_.find(call.queue_chain.at(index));
  if (run == queues_.end()) return 0;
  const auto id = dialer_.on_incoming(run->second.number, call.from, parts_.mono(), false);
  if (!id) return 0;
  Attempt attempt;
  attempt.id = parts_.ids.make("att", parts_.wall());
  attempt.project = call.project;
  attempt.queue = run->first;
  attempt.call = call.id;
  attempt.number = attempt.dialed.phone = call.from;
  attempt.placed_at = call.created_at;
  attempt.answered_at = call.answered_at;
  attempt.serial = id.value;
  flights_[id.value] = Flight{.body = attempt, .campaign = run->second.number, .caller = Caller{.index = index}};
  by_call_[call.id] = id.value;
  note(attempt);
  return id.value;
}

void Campaigns::on_caller(std::uint64_t serial, const CallNews& news) {
  Flight& flight = flights_.at(serial);
  if (news.type == "call.marked" && !news.call.marks.empty())
    on_caller_mark(serial, news.call, news.call.marks.back());
  else if (news.type == "call.bridged" && flight.body.agent)
    on_connected(flight);
  else if (news.type == "bridge.refused")
    not_connected(flight);
}

// Told twice, a mark changes nothing.
void Campaigns::on_caller_mark(std::uint64_t serial, const Call& call, const Mark& mark) {
  Flight& flight = flights_.at(serial);
  if (const auto index = waiting_in(mark.mark); index && *index < call.queue_chain.size()) {
    if (*index == flight.caller->index) begin_wait(flight, mark.at);
    if (*index > flight.caller->index) pass_on(serial, call, *index, mark.at);
  } else if (mark.mark == "overflow") {
    overflow(flight, mark.at);
  } else if (mark.mark == "connected" || (mark.mark == "transferred" && flight.body.agent)) {
    on_connected(flight);
    if (!flight.body.agent) dialer_.on_overflow({serial});  // joined in a former life: nobody else is asked
  }
}

void Campaigns::begin_wait(Flight& flight, WallTime at) {
  if (flight.body.waiting_at) return;
  flight.body.waiting_at = at;
  dialer_.on_person({flight.body.serial}, true, parts_.mono(), parts_.wall());
  note(flight.body);
}

void Campaigns::overflow(Flight& flight, WallTime at) {
  if (flight.caller->is_overflowed || flight.body.connected_at) return;
  flight.caller->is_overflowed = true;
  flight.body.waited_ms = ms_between(flight.body.waiting_at.value_or(at), at);
  dialer_.on_overflow({flight.body.serial});
  note(flight.body);
  if (!flight.body.agent) ring_overflow(flight);  // else the agent on the way is waited for
}

// The overflow led to another queue: one visit is over, the next one begins.
void Campaigns::pass_on(std::uint64_t serial, const Call& call, std::size_t index, WallTime at) {
  Flight& flight = flights_.at(serial);
  if (flight.body.connected_at) return;
  if (flight.body.agent) {  // an agent is being joined: whoever comes first
    flight.caller->next = index;
    return;
  }
  const auto next = begin_visit(call, index);
  if (next == 0) return;  // the next queue is gone
  end_visit(serial, nullptr, dialer::CallerOutcome::kOverflowed, at);
  begin_wait(flights_.at(next), at);
}

void Campaigns::caller_not_connected(std::uint64_t serial) {
  Flight& flight = flights_.at(serial);
  flight.agent_call.clear();
  parts_.live.set_agent(flight.body.call, "");
  if (const auto next = std::exchange(flight.caller->next, std::nullopt)) {
    if (const auto call = parts_.live.live_call(flight.body.call)) pass_on(serial, *call, *next, parts_.wall());
  } else if (flight.caller->is_overflowed) {
    ring_overflow(flight);
  }
}

void Campaigns::finish_caller(std::uint64_t serial, const Call& call) {
  Flight& flight = flights_.at(serial);
  const WallTime at = call.ended_at.value_or(parts_.wall());
  if (has_mark(call, "connected")) on_connected(flight);  // heard of only now
  const dialer::CallerFacts facts{.connected = flight.body.connected_at.has_value(),
                                  .overflowed = flight.caller->is_overflowed,
                                  .engine_fault = call.error.has_value()};
  if (!facts.connected && !facts.overflowed && flight.body.waiting_at)
    flight.body.waited_ms = ms_between(*flight.body.waiting_at, at);
  drop_leg(flight, "caller gone");
  by_call_.erase(call.id);
  end_visit(serial, &call, dialer::classify(facts), at);
}

// `call`: where the call is over, too.
void Campaigns::end_visit(std::uint64_t serial, const Call* call, dialer::CallerOutcome outcome, WallTime at) {
  auto node = flights_.extract(serial);
  Attempt& attempt = node.mapped().body;
  if (call != nullptr) attempt.recording = call->recording;
  attempt.ended_at = at;
  attempt.outcome = dialer::text(outcome);
  attempt.state = AttemptStatus::kSettled;
  for (auto& [id, seat] : seats_)
    if (seat.serial == serial) {
      seat.serial = 0;
      seat.last_attempt = attempt.id;
    }
  const bool is_connected = outcome == dialer::CallerOutcome::kAnswered;
  dialer_.on_ended({serial}, {.answered = true, .connected = is_connected}, parts_.mono(), parts_.wall());
  if (const auto run = queues_.find(attempt.queue.value_or("")); run != queues_.end())
    run->second.account.count(at, outcome, std::chrono::milliseconds(attempt.waited_ms));
  note(attempt);
  announce(attempt.project, "attempt.finished", json::write(attempt, json::Mode::kApi));
}

// ------------------------------------------------------------------ overflow to a phone or a number

void Campaigns::ring_overflow(Flight& flight) {
  const auto run = queues_.find(flight.body.queue.value_or(""));
  const auto customer = parts_.live.live_call(flight.body.call);
  if (run == queues_.end() || !customer || !run->second.body.overflow || !flight.agent_call.empty()) return;
  std::vector<Placement> placements(1);
  Placement& placement = placements[0];
  Call& call = placement.call;
  if (const auto* phone = std::get_if<EndpointOverflow>(&*run->second.body.overflow)) {
    call.from = flight.body.number;
    call.to = phone_user(flight.body.project, phone->endpoint);
    call.endpoint = phone->endpoint;
    placement.ring_time_s = phone->ring_time_s;
  } else if (const auto* number = std::get_if<NumberOverflow>(&*run->second.body.overflow)) {
    const auto row = parts_.store.find(Kind::kTrunks, flight.body.project, number->trunk);
    const auto trunk = row ? read_stored<Trunk>(row->body) : std::nullopt;
    if (!trunk || is_emergency(number->number) || is_emergency(trunk->to_rule.apply(number->number))) return;
    call.from = customer->to;  // ours: a carrier refuses a caller's number that is not
    call.to = number->number;
    call.trunk = number->trunk;
    placement.trunks = {number->trunk};
    placement.ring_time_s = number->ring_time_s;
  } else {
    return;
  }
  call.id = parts_.ids.make("call", parts_.wall());
  call.project = flight.body.project;
  call.created_at = parts_.wall();
  call.engine = customer->engine;
  call.bridged_with = customer->id;
  placement.plan = talking_plan(false);
  placement.bridge_to = customer->leg;
  flight.agent_call = call.id;
  by_overflow_call_[call.id] = flight.body.serial;
  if (parts_.live.place_all(placements)) return;
  by_overflow_call_.erase(call.id);
  flight.agent_call.clear();
}

void Campaigns::on_overflow_leg(const CallNews& news) {
  if (news.type != "call.ended") return;
  const auto flight = flights_.find(by_overflow_call_.at(news.call.id));
  by_overflow_call_.erase(news.call.id);
  if (flight == flights_.end() || flight->second.agent_call != news.call.id) return;
  flight->second.agent_call.clear();
  if (!news.call.answered_at) parts_.live.hang_up(flight->second.body.call, "overflow did not answer");
}

// Whom the caller was still waiting for need not answer any more; an agent on the line is let go by the engine's plan.
void Campaigns::drop_leg(Flight& flight, const std::string& why) {
  if (flight.agent_call.empty()) return;
  const auto leg = parts_.live.live_call(flight.agent_call);
  by_overflow_call_.erase(flight.agent_call);
  by_agent_call_.erase(flight.agent_call);
  if (leg && !flight.body.connected_at) parts_.live.hang_up(leg->id, why);
}

}  // namespace carillon::control
