// What happens to calls, told to the dialer in its own words.

#include "control/live/campaigns.h"

namespace carillon::control {

void Campaigns::on_news(const CallNews& news) {
  if (const auto serial = by_call_.find(news.call.id); serial != by_call_.end()) {
    if (news.type == "call.ended") return finish(serial->second, news.call);
    if (flights_.at(serial->second).caller) return on_caller(serial->second, news);
    return on_customer(flights_.at(serial->second), news);
  }
  if (!news.call.queue_chain.empty() && news.call.answered_at && news.type != "call.ended") {
    if (const auto serial = begin_visit(news.call, 0)) on_caller(serial, news);
    return;
  }
  if (by_overflow_call_.contains(news.call.id)) return on_overflow_leg(news);
  const auto agent = by_agent_call_.find(news.call.id);
  if (agent == by_agent_call_.end()) return;
  if (const auto seat = seats_.find(agent->second); seat != seats_.end()) on_agent_leg(seat->second, news);
}

void Campaigns::on_customer(Flight& flight, const CallNews& news) {
  const dialer::AttemptId id{flight.body.serial};
  const TimePoint now = parts_.mono();
  const Run* run = find_run(flight.campaign);
  if (news.type == "call.answered") {
    flight.body.answered_at = news.call.answered_at;
    dialer_.on_answered(id, now);
  } else if (news.type == "call.detected") {
    flight.body.verdict = news.call.verdict;
    const std::string verdict = news.call.verdict.value_or("");
    const bool is_broadcast = run != nullptr && run->body.mode == CampaignMode::kBroadcast;
    if (verdict == "human" && is_broadcast)
      dialer_.on_person(id, false, now, parts_.wall());
    else if (verdict != "human" && verdict != "not_sure" && !verdict.empty())
      dialer_.on_machine(id, now);
  } else if (news.type == "call.marked" && !news.call.marks.empty()) {
    on_mark(flight, news.call.marks.back().mark);
  } else if (news.type == "call.bridged") {
    on_connected(flight);
  } else if (news.type == "bridge.refused") {
    not_connected(flight);
  }
}

// The agent could not be had: the person waits again, at the head.
void Campaigns::not_connected(Flight& flight) {
  for (auto& [id, seat] : seats_)
    if (seat.serial == flight.body.serial) seat.serial = 0;
  if (flight.body.agent) {
    flight.body.agent.reset();
    note(flight.body);
  }
  dialer_.on_connect_failed({flight.body.serial}, parts_.mono());
  if (flight.caller) caller_not_connected(flight.body.serial);
}

void Campaigns::on_mark(Flight& flight, const std::string& mark) {
  const dialer::AttemptId id{flight.body.serial};
  if (mark == "person" || mark == "wants_agent")
    dialer_.on_person(id, true, parts_.mono(), parts_.wall());
  else if (mark == "safe_harbour" || mark == "abandoned")
    dialer_.on_abandoned(id, parts_.mono(), parts_.wall());
  else if (mark == "connected")
    on_connected(flight);
  else if (mark == "opt_out")
    opt_out(flight.body.project, flight.body.number);
}

void Campaigns::on_connected(Flight& flight) {
  if (flight.body.connected_at) return;
  flight.body.connected_at = parts_.wall();
  if (flight.body.waiting_at && *flight.body.connected_at > *flight.body.waiting_at)
    flight.body.waited_ms = static_cast<std::uint64_t>((*flight.body.connected_at - *flight.body.waiting_at).count());
  dialer_.on_connected({flight.body.serial}, parts_.mono());
  note(flight.body);
}

void Campaigns::finish(std::uint64_t serial, const Call& call) {
  Flight& flight = flights_.at(serial);
  if (flight.caller) return finish_caller(serial, call);
  flight.body.answered_at = call.answered_at;
  flight.body.ended_at = call.ended_at;
  flight.body.verdict = call.verdict;
  flight.body.recording = call.recording;
  by_call_.erase(call.id);
  for (auto& [id, seat] : seats_)
    if (seat.serial == serial) {
      seat.serial = 0;
      seat.last_attempt = flight.body.id;
    }
  dialer::EndFacts facts = facts_of(call);
  if (facts.connected) on_connected(flight);  // heard of only now
  facts.connected = facts.connected || flight.body.connected_at.has_value();
  if (facts.connected) facts.abandoned = false;
  dialer_.on_ended({serial}, facts, parts_.mono(), parts_.wall());
}

// Blocks the number for every campaign of the project, now and for good.
void Campaigns::opt_out(const std::string& project, const std::string& number) {
  block(project, number);
  parts_.leads.block(project, number, "opted out", parts_.wall());
}

// ------------------------------------------------------------------ do-not-call and lists

void Campaigns::block(const std::string& project, const std::string& number) {
  const Lock lock(mutex_);
  for (const auto& [id, run] : runs_)
    if (run.project == project) dialer_.block(run.number, number);
}

void Campaigns::unblock(const std::string& project, const std::string& number) {
  const Lock lock(mutex_);
  for (const auto& [id, run] : runs_)
    if (run.project == project) dialer_.unblock(run.number, number);
}

void Campaigns::leads_added(const std::string& list) {
  const Lock lock(mutex_);
  for (const auto& [id, run] : runs_)
    if (std::find(run.body.lists.begin(), run.body.lists.end(), list) != run.body.lists.end())
      dialer_.leads_arrived(run.number);
}

}  // namespace carillon::control
