// After a restart: callers who wait are found again, stand where they stood, and hear nothing of it.

#include <algorithm>

#include "control/live/campaigns.h"
#include "control/live/stored.h"

namespace carillon::control {

void Campaigns::recover_queues() {
  for (const Document& row : parts_.store.all(Kind::kQueues))
    if (auto body = read_stored<Queue>(row.body)) enter(row.project, std::move(*body));
}

// What the queue did within the last day.
void Campaigns::load_visits(QueueRun& run) {
  constexpr std::size_t kPage = 500, kVisitsMax = 50'000;  // more than that in a day: the older ones go uncounted
  run.account = dialer::QueueAccount(std::chrono::seconds(run.body.service_level_s));
  const auto day_ago = (parts_.wall() - std::chrono::hours(24)).time_since_epoch().count();
  AttemptFilter filter{.project = run.project, .campaign = run.body.id, .limit = kPage};
  for (std::size_t seen = 0; seen < kVisitsMax;) {
    const auto rows = parts_.store.attempts(filter);
    for (const AttemptRow& visit : rows) {
      const auto attempt = read_stored<Attempt>(visit.body);
      if (!attempt || !attempt->ended_at) continue;
      for (const auto outcome : {dialer::CallerOutcome::kAnswered, dialer::CallerOutcome::kAbandoned,
                                 dialer::CallerOutcome::kOverflowed, dialer::CallerOutcome::kFailed})
        if (dialer::text(outcome) == visit.outcome)
          run.account.count(*attempt->ended_at, outcome, std::chrono::milliseconds(attempt->waited_ms));
    }
    seen += rows.size();
    if (rows.size() < kPage || rows.back().placed_ms < day_ago) return;
    filter.before = rows.back().number;
  }
}

void Campaigns::recover_caller(const AttemptRow& row, Attempt attempt) {
  using Phase = dialer::Attempt::Phase;
  const auto run = queues_.find(*attempt.queue);
  if (run == queues_.end()) {
    attempt.state = AttemptStatus::kSettled;
    attempt.outcome = dialer::text(dialer::CallerOutcome::kFailed);
    note(attempt);
    return;
  }
  const auto call = parts_.live.live_call(row.call);
  Caller caller;
  caller.announced.reset();  // a former life has told it
  if (call) {
    const auto at = std::ranges::find(call->queue_chain, *attempt.queue);
    if (at != call->queue_chain.end()) caller.index = static_cast<std::size_t>(at - call->queue_chain.begin());
  }
  // an attempt still open with a wait counted and nobody joined: its time was up
  caller.is_overflowed = !attempt.connected_at && attempt.waited_ms != 0;
  auto phase = Phase::kAnswered;
  if (attempt.waiting_at) phase = Phase::kWaiting;
  if (caller.is_overflowed) phase = Phase::kLost;
  if (attempt.agent && !attempt.connected_at && phase == Phase::kWaiting) phase = Phase::kConnecting;
  if (attempt.connected_at) phase = Phase::kTalking;
  dialer::AgentId agent{};
  if (attempt.agent && seats_.contains(*attempt.agent) && phase >= Phase::kConnecting && phase != Phase::kLost) {
    agent = {dialer_number(*attempt.agent)};
    seats_.at(*attempt.agent).serial = row.number;
  } else if (phase == Phase::kConnecting) {
    phase = Phase::kWaiting;
    attempt.agent.reset();
  }
  const auto waited = attempt.waiting_at ? parts_.wall() - *attempt.waiting_at : WallTime::duration(0);
  dialer::Lead lead;
  lead.number = attempt.number;
  Flight& flight = flights_[row.number] = Flight{.body = attempt, .campaign = run->second.number, .caller = caller};
  find_leg(flight, phase);
  dialer_.restore(run->second.number, {row.number}, std::move(lead), phase, agent, parts_.mono() - waited);
  if (call) {
    by_call_[row.call] = row.number;
    return replay_marks(row.number, *call);
  }
  const auto ended = parts_.store.call(row.project, row.call);
  auto body = ended ? read_stored<Call>(ended->body) : std::nullopt;
  if (!body) {
    body.emplace();
    body->error = "lost: the call of this attempt is not known";
  }
  finish_caller(row.number, *body);
}

// Whose phone rings for the caller, or who is still to be joined.
void Campaigns::find_leg(Flight& flight, dialer::Attempt::Phase phase) {
  using Phase = dialer::Attempt::Phase;
  const auto phone = parts_.live.phone_called_for(flight.body.call);
  if (phone && (phase == Phase::kConnecting || phase == Phase::kTalking) && flight.body.agent) {
    flight.agent_call = phone->id;
    by_agent_call_[phone->id] = *flight.body.agent;
  } else if (phone && flight.caller->is_overflowed) {
    flight.agent_call = phone->id;
    by_overflow_call_[phone->id] = flight.body.serial;
  } else if (phase == Phase::kConnecting) {
    joining_.push_back(flight.body.serial);  // the same bridge twice is one
  }
}

// What the call's plan reported after the attempt's row was written.
void Campaigns::replay_marks(std::uint64_t serial, const Call& call) {
  std::size_t overflows = 0;
  for (const Mark& mark : call.marks) {
    const auto now = by_call_.find(call.id);  // a mark may open the visit of the next queue
    if (now == by_call_.end() || !flights_.contains(now->second)) return;
    serial = now->second;
    const bool is_earlier = mark.mark == "overflow" && overflows++ < flights_.at(serial).caller->index;
    if (!is_earlier) on_caller_mark(serial, call, mark);
  }
}

// Callers whose visit was not on disk yet.
void Campaigns::adopt_callers() {
  for (const Call& call : parts_.live.queue_calls()) {
    if (by_call_.contains(call.id)) continue;
    if (const auto serial = begin_visit(call, 0)) replay_marks(serial, call);
  }
}

}  // namespace carillon::control
