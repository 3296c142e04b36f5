#include "engine/call/calls.h"

#include <algorithm>

#include "engine/call/cause.h"

namespace carillon::call {
namespace {

media::Prompt supervisory(media::Tone tone) {
  return media::tone_prompt(media::tone_spec(tone, media::national_plan("US")));
}

/// Legs that come in are counted from the second in which the shard began, with room for a million in each: a leg that
/// a killed engine left in journal and recordings is then never taken for one of the next.
std::uint64_t first_incoming(WallTime wall) {
  const auto second = static_cast<std::uint64_t>(wall.time_since_epoch() / 1s);
  return (second & 0xFFFF'FFFF) << 20;
}

RtpStats stats_of(const rtp::StreamStats& from) {
  return {.packets_in = from.packets_in,
          .packets_out = from.packets_out,
          .lost = from.lost,
          .discarded = from.discarded,
          .foreign = from.foreign,
          .jitter_us = from.jitter_us,
          .remote_lost = from.remote_lost,
          .remote_jitter_us = from.remote_jitter_us,
          .round_trip_us = from.round_trip_us};
}

}  // namespace

Calls::Calls(const CallsConfig& config, const CallsPorts& ports, TimePoint now, WallTime wall)
    : config_(config),
      ports_(ports),
      legs_(config.legs_max),
      by_id_(config.legs_max),
      timers_(config.legs_max + 16, now),
      wheel_(config.legs_max, now),
      events_(3 * config.legs_max + 4096),
      tones_{supervisory(media::Tone::kRingback), supervisory(media::Tone::kBusy),
             supervisory(media::Tone::kCongestion)},
      tone_list_{&tones_[0], &tones_[1], &tones_[2]},
      incoming_counter_(first_incoming(wall)),
      wall_at_(now),
      wall_(wall) {
  slot_.reserve(config.legs_max);
  detecting_.reserve(config.legs_max);
  detect_inputs_.reserve(config.legs_max);
  ended_.reserve(config.legs_max);
  returned_.reserve(ports.rings.capacity);               // all that may be out
  const std::size_t packets = 3 * config.legs_max + 64;  // two of audio and RTCP of every leg in one slot
  media_out_.reserve(packets);
  packets_.resize(packets);
}

Leg* Calls::find(LegId id) { return id ? legs_.find(by_id_.find(id)) : nullptr; }

Calls::TrunkEntry* Calls::find_trunk(std::string_view id) {
  const auto found = std::ranges::find_if(trunks_, [&](const TrunkEntry& entry) { return entry.trunk.id == id; });
  return found == trunks_.end() ? nullptr : &*found;
}

Leg* Calls::make_leg(LegId id, TimePoint now) {
  const Handle handle = legs_.add(ports_.random);
  if (!handle) return nullptr;
  Leg& leg = *legs_.find(handle);
  leg.self = handle;
  leg.id = id;
  leg.session.origin.session_id = ports_.random.next() >> 2;
  leg.cdr.started = wall(now);
  by_id_.add(id, handle);
  return &leg;
}

// ---- news

Event Calls::news(EventKind kind, const Leg& leg, TimePoint now) const {
  Event event;
  event.kind = kind;
  event.leg = leg.id;
  event.at = wall(now);
  return event;
}

void Calls::report(Leg& leg, LegPhase phase, TimePoint now) {
  leg.cdr.phase = phase;
  leg.cdr.rtp = stats_of(leg.stream.stats());
  Event event = news(EventKind::kLegState, leg, now);
  event.body.leg = leg.cdr;
  events_.push(event);
  ports_.trace.note(leg.id, leg.cdr);
}

void Calls::flush_events() {
  while (!events_.empty() && ports_.rings.events.push(events_.front())) events_.pop();
  reap();
}

// ---- commands

void Calls::apply(Command& command, TimePoint now) {
  const char* error = run(command, now);
  if (error == kLater) return;  // answered and given back by answer_bridge()
  done(command, error, now);
  // what a leg holds on to comes back when the leg lets go of it
  const bool is_held =
      !error && (std::holds_alternative<Originate>(command.body) || std::holds_alternative<Answer>(command.body) ||
                 std::holds_alternative<Play>(command.body));
  if (!is_held) {
    Command* mine = &command;
    give_back(mine);
  }
}

void Calls::refuse(Command& command, const char* error, TimePoint now) {
  done(command, error, now);
  Command* mine = &command;
  give_back(mine);
}

void Calls::done(Command& command, const char* error, TimePoint now) {
  command.ok = error == nullptr;
  if (error) command.error.assign(error);
  command.answered = true;
  Event event;
  event.kind = EventKind::kDone;
  event.command = command.id;
  event.at = wall(now);
  event.body.done.ok = command.ok;
  if (error) event.body.done.error.assign(error);
  events_.push(event);
}

void Calls::give_back(Command*& command) {
  if (!command) return;
  returned_.push_back(command);
  command = nullptr;
}

namespace {

/// The leg that a command names; nothing for those that name none.
struct LegOf {
  template <class T>
  LegId operator()(const T& body) const {
    if constexpr (requires { body.leg; })
      return body.leg;
    else
      return {};
  }
};

}  // namespace

const char* Calls::run(Command& command, TimePoint now) {
  const char* error = nullptr;
  CommandBody& body = command.body;
  if (std::holds_alternative<Originate>(body)) return originate(command, now);
  if (const auto* put = std::get_if<PutTrunk>(&body)) {
    put_trunk(put->trunk, error, now);
    return error;
  }
  if (const auto* remove = std::get_if<RemoveTrunk>(&body)) {
    ports_.agent.remove_trunk(remove->id, now);
    std::erase_if(trunks_, [&](const TrunkEntry& entry) { return entry.trunk.id == remove->id; });
    return nullptr;
  }
  if (const auto* put = std::get_if<PutEndpoint>(&body)) {
    if (!ports_.agent.put_endpoint({put->id, put->username, put->ha1_md5, put->ha1_sha256}))
      return "endpoint: too many, or a field is too long";
    std::erase_if(phones_, [&](const PhoneEntry& phone) { return phone.id == put->id; });
    phones_.push_back({put->id, put->behind_nat});
    if (const auto& bound = put->bound; bound && !ports_.agent.find_binding(put->id, now))
      ports_.agent.apply_binding({put->id, bound->contact, bound->source, bound->expires}, now, bound->tells);
    return nullptr;
  }
  if (const auto* remove = std::get_if<RemoveEndpoint>(&body)) {
    ports_.agent.remove_endpoint(remove->id);
    std::erase_if(phones_, [&](const PhoneEntry& phone) { return phone.id == remove->id; });
    return nullptr;
  }
  if (const auto* drain = std::get_if<Drain>(&body)) return is_draining_ = drain->on, nullptr;
  if (const auto* state = std::get_if<BrainState>(&body)) return brain(state->present, now), nullptr;
  if (auto* wanted = std::get_if<Snapshot>(&body)) return snapshot(*wanted, now), nullptr;
  if (auto* trace = std::get_if<Trace>(&body)) {
    trace->found = ports_.trace.write(trace->leg, trace->text);
    return nullptr;
  }
  Leg* leg = find(std::visit(LegOf{}, body));
  if (!leg || leg->is_ended) return "no such leg";
  error = run_on_leg(*leg, command, now);
  arm(*leg);
  return error;
}

const char* Calls::run_on_leg(Leg& leg, Command& command, TimePoint now) {
  CommandBody& body = command.body;
  if (std::holds_alternative<Answer>(body)) return answer(leg, command, now);
  if (const auto* wanted = std::get_if<Progress>(&body)) return progress(leg, *wanted, now);
  if (const auto* wanted = std::get_if<Reject>(&body)) return reject(leg, *wanted, now);
  if (const auto* wanted = std::get_if<Hangup>(&body)) {
    hang_up(leg, {EndedBy::kControl, wanted->cause, 0, wanted->why}, now);
    return nullptr;
  }
  if (!leg.is_answered()) return "leg is not answered";
  if (const auto* wanted = std::get_if<Bridge>(&body))
    return bridge(leg, wanted->other, wanted->other_shard, &command, now);
  if (std::holds_alternative<Unbridge>(body)) return unbridge(leg, now);
  if (std::holds_alternative<Play>(body)) return play(leg, command, now);
  if (std::holds_alternative<StopPlay>(body)) return play_over(leg, false, now), nullptr;
  if (const auto* wanted = std::get_if<Gather>(&body)) return gather(leg, *wanted, now);
  if (const auto* wanted = std::get_if<SendDtmf>(&body)) return send_digits(leg, wanted->digits, wanted->duration);
  if (const auto* wanted = std::get_if<Record>(&body)) return record(leg, wanted->on, now);
  if (const auto* wanted = std::get_if<Detect>(&body)) return start_detector(leg, wanted->config, false), nullptr;
  if (const auto* wanted = std::get_if<Hold>(&body)) return hold(leg, wanted->on, now);
  return "conferences are not in this engine";  // Join, Leave
}

void Calls::put_trunk(const Trunk& trunk, const char*& error, TimePoint now) {
  TrunkLimits* limits = ports_.trunks.find(trunk.id);
  if (!limits || trunk.gateways.empty()) {
    error = limits ? "trunk: no gateway" : "too many trunks";
    return;
  }
  sip::TrunkConfig sip{.id = trunk.id,
                       .gateways = trunk.gateways,
                       .username = trunk.username,
                       .password = trunk.password,
                       .domain = trunk.domain,
                       .realm = {},
                       .registers = trunk.registers,
                       .register_expires = trunk.register_expires,
                       .options_interval = trunk.options_interval,
                       .advertised = std::nullopt};
  const Endpoint local = Endpoint::parse(trunk.local_address, config_.sip_port).value_or(Endpoint{});
  if (!trunk.advertised_address.empty())
    sip.advertised = Endpoint::parse(trunk.advertised_address, config_.sip_port);
  else if (!local.is_unspecified())
    sip.advertised = local;
  if (!ports_.agent.put_trunk(sip, now)) {
    error = "trunk: too many, or a field is too long";
    return;
  }
  if (TrunkEntry* known = find_trunk(trunk.id))
    known->trunk = trunk, known->local = local;
  else
    trunks_.push_back({trunk, limits, local});
}

void Calls::snapshot(Snapshot& snapshot, TimePoint now) {
  legs_.each([&](Handle, Leg& leg) {
    if (leg.is_ended || snapshot.legs.size() == snapshot.legs.capacity()) return;
    leg.cdr.rtp = stats_of(leg.stream.stats());
    Event event = news(EventKind::kLegState, leg, now);
    event.body.leg = leg.cdr;
    snapshot.legs.push_back(event);
  });
}

void Calls::brain(bool present, TimePoint now) {
  const bool is_lost = has_brain_ && !present;
  has_brain_ = present;
  if (!is_lost) return;
  legs_.each([&](Handle, Leg& leg) {
    if (leg.is_ended) return;
    if (!leg.is_answered() && leg.cdr.inbound)
      hang_up(leg, {EndedBy::kEngine, kCauseTemporary, 480, "control is away"}, now);
    else if (leg.is_answered() && leg.plan && leg.plan->hang_up_without_brain)
      hang_up(leg, {EndedBy::kPlan, kCauseTemporary, 0, "control was lost"}, now);
    else
      plan_event(leg, PlanEvent::kBrainLost, now);
  });
}

void Calls::end_some(std::string_view why, int most, TimePoint now) {
  is_draining_ = true;
  // round and round, some places each time: a walk over all legs would keep them from their speech
  for (int looked = 0; looked < kEndScan && most > 0; ++looked) {
    Leg* leg = legs_.at(end_at_++ % static_cast<std::uint32_t>(legs_.capacity()));
    if (!leg || leg->is_ended) continue;
    --most;
    const bool is_waiting = leg->cdr.inbound && !leg->is_answered();
    end(*leg, {EndedBy::kEngine, kCauseTemporary, static_cast<std::uint16_t>(is_waiting ? 503 : 0), why}, now);
  }
}

}  // namespace carillon::call
