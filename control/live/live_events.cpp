// What an engine says becomes state and rows here. The mutex is held throughout; commands that follow from an event
// wait until its rows are on disk.

#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/api/json/walker.h"
#include "control/link/plan.h"
#include "control/live/live.h"
#include "control/model/attempt.h"
#include "control/model/queue.h"

namespace carillon::control {
namespace {

WallTime wall(std::int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }

template <class T>
std::optional<T> read_document(const std::optional<Document>& document) {
  json::Faults faults;
  const auto body = document ? json::parse(document->body, faults) : std::nullopt;
  T value;
  if (!body || !json::read(*body, value, json::Mode::kStore).empty()) return std::nullopt;
  return value;
}

RtpSummary rtp_of(const wire::RtpStats& stats) {
  return {.packets_in = stats.packets_in(),
          .packets_out = stats.packets_out(),
          .lost = stats.lost(),
          .discarded = stats.discarded(),
          .foreign = stats.foreign(),
          .jitter_us = stats.jitter_us(),
          .remote_lost = stats.remote_lost(),
          .remote_jitter_us = stats.remote_jitter_us(),
          .round_trip_us = stats.round_trip_us()};
}

// What every LegState tells, whatever its phase.
void take_in(Call& call, const wire::LegState& state) {
  if (!state.call_id().empty()) call.sip_call_id = state.call_id();
  if (!state.trunk().empty()) call.trunk = state.trunk();
  if (!state.codec().empty()) call.codec = state.codec();
  if (state.ringing_ms() != 0 && !call.ringing_at) call.ringing_at = wall(state.ringing_ms());
  if (state.answered_ms() != 0 && !call.answered_at) call.answered_at = wall(state.answered_ms());
  if (!state.verdict().empty() && state.verdict() != "beep" && !call.verdict) call.verdict = state.verdict();
  if (state.state() != wire::LegState::ENDED) return;
  call.trunks_tried.assign(state.trunks_tried().begin(), state.trunks_tried().end());
  call.sip_status = state.sip_status();
  call.reason = state.reason();
  call.cause = state.cause();
  call.ended_by = static_cast<EndedBy>(state.ended_by());
  if (state.ended_ms() != 0) call.ended_at = wall(state.ended_ms());
  if (state.has_rtp()) call.rtp = rtp_of(state.rtp());
}

// A mark whose own event was lost with the link.
bool learn_mark(Call& call, const wire::LegState& state, WallTime at) {
  const auto is_of_plan = [](const Mark& mark) { return mark.mark != "beep"; };
  const auto last = std::find_if(call.marks.rbegin(), call.marks.rend(), is_of_plan);
  const bool missed = !state.last_mark().empty() && (last == call.marks.rend() || last->mark != state.last_mark());
  if (missed) take_mark(call, state.last_mark(), call.ended_at.value_or(at));
  return missed;
}

}  // namespace

void Live::apply(const std::string& engine, const wire::FromEngine& event) {
  const WallTime at = event.wall_ms() != 0 ? wall(event.wall_ms()) : clock_();
  switch (event.body_case()) {
    case wire::FromEngine::kLeg:
      return on_leg(engine, event.leg(), at);
    case wire::FromEngine::kRecordDone:
      return on_recording(engine, event.record_done());
    case wire::FromEngine::kDone:
      return on_done(engine, event.answers(), event.done(), at);
    case wire::FromEngine::kEndpoint:
      return on_endpoint(engine, event.endpoint(), at);
    case wire::FromEngine::kTrunk:
      return on_trunk(event.trunk(), at);
    case wire::FromEngine::kStats:
      engines_.at(engine).stats = event.stats();
      return;
    default:
      return on_talk(engine, event, at);
  }
}

void Live::on_leg(const std::string& engine, const wire::LegState& state, WallTime at) {
  Call* call = find(engine, state.leg());
  const bool other = call != nullptr && call->direction == Direction::kInbound && !call->sip_call_id.empty() &&
                     !state.call_id().empty() && call->sip_call_id != state.call_id();
  if (other) {  // an engine that restarted counts its incoming legs anew
    call->error = "lost: the engine restarted";
    call->ended_by = EndedBy::kEngine;
    end_call({engine, state.leg()}, at);
    call = nullptr;
  }
  const bool is_new = call == nullptr;
  if (is_new) call = adopt(engine, state);
  if (call == nullptr) return;
  take_in(*call, state);
  if (learn_mark(*call, state, at)) announce(*call, "call.marked", at);
  touch(*call);
  switch (state.state()) {
    case wire::LegState::INCOMING:
      // or one that a former life had not got to answering
      if (is_new || (call->state == CallStatus::kDialing && !call->bridged_with)) on_incoming(*call);
      return;
    case wire::LegState::RINGING:
    case wire::LegState::EARLY:
      if (call->state != CallStatus::kDialing) return;
      call->state = CallStatus::kRinging;
      if (!call->ringing_at) call->ringing_at = at;
      return announce(*call, "call.ringing", at);
    case wire::LegState::ANSWERED:
      if (call->state == CallStatus::kAnswered) return;
      call->state = CallStatus::kAnswered;
      if (!call->answered_at) call->answered_at = at;
      announce(*call, "call.answered", at);
      return on_answered(*call);
    case wire::LegState::ENDED:
      return end_call({engine, state.leg()}, at);
    default:
      return;
  }
}

// Legs that we placed are numbered by us, so a number is one call for ever; an engine that restarted counts its
// incoming legs anew.
bool Live::is_over(const std::string& engine, const wire::LegState& state) {
  const auto is_this = [&](const Call& call) {
    return call.leg == state.leg() && call.engine == engine && call.state == CallStatus::kEnded &&
           (call.direction == Direction::kOutbound || call.sip_call_id == state.call_id());
  };
  if (std::ranges::any_of(ended_, is_this)) return true;
  return std::ranges::any_of(store_.calls_by_leg(engine, state.leg()), [&](const CallRow& row) {
    json::Faults faults;
    Call known;
    const auto body = json::parse(row.body, faults);
    return body && json::read(*body, known, json::Mode::kStore).empty() && is_this(known);
  });
}

// A leg nobody here knows: it came in, now or while control was away.
Call* Live::adopt(const std::string& engine, const wire::LegState& state) {
  if (is_over(engine, state)) {
    if (state.state() == wire::LegState::ENDED) return nullptr;
    wire::ToEngine command;  // its books are closed: nobody would ever end it
    command.mutable_hangup()->set_leg(state.leg());
    command.mutable_hangup()->set_why("its call has ended");
    send_later(engine, command);
    return nullptr;
  }
  std::optional<Document> owner;
  if (!state.trunk().empty()) owner = store_.find_any(Kind::kTrunks, state.trunk());
  if (!owner && !state.endpoint().empty()) owner = store_.find_any(Kind::kEndpoints, state.endpoint());
  if (!owner) {
    spdlog::warn("engine {}: a leg of no trunk or phone of ours: {}", engine, state.call_id());
    return nullptr;
  }
  Call call;
  call.id = ids_.make("call", clock_());
  call.project = owner->project;
  call.direction =
      state.inbound() || state.state() == wire::LegState::INCOMING ? Direction::kInbound : Direction::kOutbound;
  call.from = state.from();
  call.to = state.to();
  if (!state.endpoint().empty()) call.endpoint = state.endpoint();
  call.created_at = state.started_ms() != 0 ? wall(state.started_ms()) : clock_();
  call.engine = engine;
  call.leg = state.leg();
  Call& entered = enter(std::move(call));
  announce(entered, "call.incoming", entered.created_at);
  const auto orphan = orphans_.find({engine, state.leg()});
  if (orphan != orphans_.end()) {
    const auto done = orphan->second;
    orphans_.erase(orphan);
    on_recording(engine, done);
  }
  return find(engine, state.leg());
}

void Live::on_incoming(Call& call) {
  auto number = read_document<Number>(store_.find_by_key(Kind::kNumbers, call.to));
  if (!number) number = read_document<Number>(store_.find_by_key(Kind::kNumbers, "+" + call.to));
  wire::ToEngine command;
  const auto reject = [&](std::uint32_t status, const char* reason) {
    command.mutable_reject()->set_leg(call.leg);
    command.mutable_reject()->set_status(status);
    command.mutable_reject()->set_reason(reason);
    send_later(call.engine, command);
  };
  if (!number || !call.trunk || number->trunk != *call.trunk) return reject(404, "Not Found");
  call.record = number->record;
  if (const auto* route = std::get_if<PromptRoute>(&number->route)) {
    const auto prompt = read_document<Prompt>(store_.find(Kind::kPrompts, call.project, route->prompt));
    if (!prompt) return reject(480, "Temporarily Unavailable");
    command.mutable_answer()->set_leg(call.leg);
    *command.mutable_answer()->mutable_plan() = plan_to_wire(prompt_plan(prompt->sha256, number->record));
    return send_later(call.engine, command);
  }
  if (const auto* route = std::get_if<QueueRoute>(&number->route)) {
    command = answer_of_queue(call, *route);
    if (call.queue_chain.empty()) return reject(480, "Temporarily Unavailable");
    return send_later(call.engine, command);
  }
  command.mutable_progress()->set_leg(call.leg);
  send_later(call.engine, command);
  ring_agent(call, std::get<EndpointRoute>(number->route));
}

// All that a caller of a queue hears goes with the answer; the campaigns' driver brings the agent.
wire::ToEngine Live::answer_of_queue(Call& call, const QueueRoute& route) {
  const QueueNames queues = [&](const std::string& id) {
    return read_document<Queue>(store_.find(Kind::kQueues, call.project, id));
  };
  const PromptNames prompts = [&](const std::string& id) {
    const auto prompt = read_document<Prompt>(store_.find(Kind::kPrompts, call.project, id));
    return prompt && prompt->state != PromptStatus::kFailed ? prompt->sha256 : std::string();
  };
  const auto chain = queue_chain(route.queue, queues);
  call.queue_chain.clear();
  for (const Queue& queue : chain) call.queue_chain.push_back(queue.id);
  wire::ToEngine command;
  if (chain.empty()) return command;
  call.queue = route.queue;
  call.has_harbour = true;  // an agent's phone that does not answer ends nothing
  command.mutable_answer()->set_leg(call.leg);
  *command.mutable_answer()->mutable_plan() = plan_to_wire(queue_plan(chain, prompts, call.record));
  return command;
}

// The agent's side of a call: an intent of its own, bridged to the customer when the phone answers.
void Live::ring_agent(Call& customer, const EndpointRoute& route) {
  const auto phone = read_document<PhoneEndpoint>(store_.find(Kind::kEndpoints, customer.project, route.endpoint));
  Call agent;
  agent.id = ids_.make("call", clock_());
  agent.project = customer.project;
  agent.from = customer.direction == Direction::kInbound ? customer.from : customer.to;
  agent.to = phone ? phone->username : route.endpoint;
  agent.endpoint = route.endpoint;
  agent.created_at = clock_();
  agent.engine = customer.engine;
  agent.leg = ids_.make_leg(clock_());
  agent.bridged_with = customer.id;
  customer.bridged_with = agent.id;
  touch(customer);

  wire::ToEngine command;
  auto* originate = command.mutable_originate();
  originate->set_leg(agent.leg);
  originate->set_endpoint(route.endpoint);
  originate->set_from(agent.from);
  originate->set_to(agent.to);
  originate->set_ring_time_ms(route.ring_time_s * 1000);
  *originate->mutable_plan() = plan_to_wire(talking_plan(false));
  if (customer.state == CallStatus::kAnswered) originate->set_bridge_to(customer.leg);
  const Call& entered = enter(std::move(agent));
  touch(entered);
  announce(entered, "call.dialing", entered.created_at);
  send_later(entered.engine, command, entered.id);
}

void Live::on_answered(Call& call) {
  if (call.direction == Direction::kOutbound && call.connect && !call.bridged_with)
    return ring_agent(call, *call.connect);
  if (!call.endpoint || !call.bridged_with) return;
  const Call* customer = find_call(*call.bridged_with);
  wire::ToEngine command;
  if (customer == nullptr) {
    command.mutable_hangup()->set_leg(call.leg);
    command.mutable_hangup()->set_why("caller gone");
    return send_later(call.engine, command);
  }
  if (customer->state == CallStatus::kAnswered) return;  // the engine bridged them itself
  command.mutable_answer()->set_leg(customer->leg);
  *command.mutable_answer()->mutable_plan() = plan_to_wire(talking_plan(customer->record));
  send_later(call.engine, command);
  wire::ToEngine bridge;
  bridge.mutable_bridge()->set_leg(customer->leg);
  bridge.mutable_bridge()->set_other(call.leg);
  send_later(call.engine, bridge);
}

// Either side's end ends both.
void Live::on_ended(Call& call) {
  const Call* other = call.bridged_with ? find_call(*call.bridged_with) : nullptr;
  if (other == nullptr) return;
  wire::ToEngine command;
  const bool waits = other->direction == Direction::kInbound && other->state != CallStatus::kAnswered;
  if (waits) {
    const bool passes = call.sip_status == 486 || call.sip_status == 480 || call.sip_status == 603;
    command.mutable_reject()->set_leg(other->leg);
    command.mutable_reject()->set_status(passes ? call.sip_status : 480);
    command.mutable_reject()->set_reason(passes ? call.reason : "Temporarily Unavailable");
  } else {
    if (!call.answered_at && other->has_harbour) return;  // its plan will speak
    command.mutable_hangup()->set_leg(other->leg);
    command.mutable_hangup()->set_cause(16);
    command.mutable_hangup()->set_why("other side ended");
  }
  send_later(other->engine, command);
}

void Live::on_talk(const std::string& engine, const wire::FromEngine& event, WallTime at) {
  const auto call_by = [&](std::uint64_t leg) { return find(engine, leg); };
  if (event.has_detection()) {
    const auto& detection = event.detection();
    Call* call = call_by(detection.leg());
    if (call == nullptr) return;
    if (detection.verdict() == "beep") {
      call->marks.push_back({"beep", at});
    } else {
      call->verdict = detection.verdict();
      call->verdict_confidence = detection.confidence();
      call->verdict_latency_ms = detection.since_answer_ms();
      call->verdict_why = detection.why();
    }
    touch(*call);
    announce(*call, "call.detected", at);
  } else if (event.has_dtmf()) {
    Call* call = call_by(event.dtmf().leg());
    if (call == nullptr || call->digits.size() >= 256) return;
    call->digits += event.dtmf().digit();
    touch(*call);
    announce(*call, "call.digit", at);
  } else if (event.has_mark()) {
    Call* call = call_by(event.mark().leg());
    if (call == nullptr || call->marks.size() >= 256) return;
    take_mark(*call, event.mark().mark(), at);
    touch(*call);
    announce(*call, "call.marked", at);
  } else if (event.has_bridge()) {
    if (const Call* call = call_by(event.bridge().leg()))
      announce(*call, event.bridge().bridged() ? "call.bridged" : "call.unbridged", at);
  } else if (event.has_play_done()) {
    if (const Call* call = call_by(event.play_done().leg())) announce(*call, "call.play_done", at);
  }
}

void Live::on_endpoint(const std::string& engine, const wire::EndpointState& state, WallTime at) {
  const auto known = endpoint_states_.find(state.id());
  const bool changed = known == endpoint_states_.end() || known->second.state.registered() != state.registered();
  endpoint_states_[state.id()] = {engine, state};
  const auto document = changed ? store_.find_any(Kind::kEndpoints, state.id()) : std::nullopt;
  if (!document) return;
  const boost::json::object data{
      {"endpoint", state.id()}, {"registered", state.registered()}, {"contact", state.contact()}};
  announce(document->project, "endpoint.state_changed", json::text(data), at);
}

void Live::on_trunk(const wire::TrunkState& state, WallTime at) {
  TrunkLive& live = trunk_states_[state.id()];
  const bool changed = live.reachable != state.reachable() || live.registered != state.registered();
  live = {.reachable = state.reachable(),
          .registered = state.registered(),
          .sip_status = state.sip_status(),
          .reason = state.reason(),
          .channels = state.channels()};
  const auto document = changed ? store_.find_any(Kind::kTrunks, state.id()) : std::nullopt;
  if (!document) return;
  const boost::json::object data{{"trunk", state.id()}, {"state", json::write(live, json::Mode::kApi)}};
  announce(document->project, "trunk.state_changed", json::text(data), at);
}

void Live::on_done(const std::string& engine, std::uint64_t command, const wire::Done& done, WallTime at) {
  const auto found = originating_.find(command);
  if (found == originating_.end()) {
    const auto joined = bridging_.find(command);
    if (joined != bridging_.end()) {
      const Call* customer = done.ok() ? nullptr : find_call(joined->second);
      if (customer != nullptr && hear_) news_.push_back({"bridge.refused", *customer});
      bridging_.erase(joined);
    }
    if (!done.ok()) spdlog::info("engine {} refused command {}: {}", engine, command, done.error());
    return;
  }
  const std::string id = found->second;
  originating_.erase(found);
  if (!done.ok() && done.error() == kEngineRestarted) return;  // its journal or its silence ends the call
  Call* call = done.ok() ? nullptr : find_call(id);
  if (call == nullptr) return;
  call->error = done.error();
  call->reason = done.error();
  call->cause = 41;  // temporary failure
  call->ended_by = EndedBy::kEngine;
  end_call({call->engine, call->leg}, at);
}

}  // namespace carillon::control
