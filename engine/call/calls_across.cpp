// A leg of ours joined with one of another shard: asked for, taken or refused, and then a frame each way at each beat.

#include <algorithm>

#include "engine/call/calls.h"
#include "engine/call/cause.h"

namespace carillon::call {
namespace {

/// The asker's beat follows the partner's by this much: either shard may be so late before a frame is missed.
constexpr Duration kBeatApart = MediaWheel::kBeat / 2;

}  // namespace

std::uint32_t Calls::home_of(LegId leg, std::uint32_t said) const {
  return said == kShardById ? shard_of(leg, config_.shards) : said;
}

// ---- asking

const char* Calls::ask_across(Leg& leg, LegId other, std::uint32_t shard, Command* command, TimePoint now) {
  if (shard >= config_.shards) return "bridge: the other leg does not exist";
  if (!leg.is_answered() || !leg.hears) return "bridge: both legs must be answered";
  if (leg.across.is_joined() && leg.across.other == other) return nullptr;
  if (leg.partner || !leg.across.is_free()) return "bridge: a leg is bridged already";
  AcrossEnd& end = leg.across;
  end = {};
  end.state = AcrossEnd::State::kAsked;
  end.is_owner = true;
  end.other = other;
  end.shard = shard;
  end.bridge = std::uint64_t{config_.shard} << 48 | ++bridge_counter_;
  end.command = command;
  end.ask_ends = now + config_.ask_wait_max;
  send_across(leg, Crossing::Kind::kAsk);
  return kLater;
}

/// Tells whoever asked for the bridge how it went; once.
void Calls::answer_bridge(Leg& leg, const char* error, TimePoint now) {
  leg.across.ask_ends = TimePoint::max();
  if (!leg.across.command) return;
  done(*leg.across.command, error, now);
  give_back(leg.across.command);
}

/// There will be no bridge. A leg that was placed for it has nothing to do here any more.
void Calls::on_refused(Leg& leg, const char* why, TimePoint now) {
  const bool was_placed_for_it = leg.across.command == nullptr;
  send_across(leg, Crossing::Kind::kPart);  // should it be taken after all
  answer_bridge(leg, why, now);
  leg.across = {};
  if (was_placed_for_it) hang_up(leg, {EndedBy::kEngine, kCauseNormal, 0, "the leg to bridge with is gone"}, now);
}

// ---- asked

void Calls::on_crossing(const Crossing& crossing, TimePoint now) {
  using Kind = Crossing::Kind;
  if (crossing.kind == Kind::kAsk) return on_asked(crossing, now);
  Leg* leg = find(crossing.to);
  const bool is_ours =
      leg && !leg->is_ended && leg->across.other == crossing.from && leg->across.is_named(crossing.bridge);
  if (!is_ours) {
    // the partner believes in a bridge that is none (any more); what ends one needs no answer
    if (crossing.kind != Kind::kTaken && crossing.kind != Kind::kFrame) return;
    Crossing over{.kind = Kind::kPart,
                  .shard = config_.shard,
                  .bridge = crossing.bridge,
                  .from = crossing.to,
                  .to = crossing.from};
    return ports_.crossings.send(crossing.shard, over);
  }
  switch (crossing.kind) {
    case Kind::kAsk:
      return;
    case Kind::kTaken:
      if (leg->across.is_joined()) return;
      move_beat(*leg, crossing.at);
      join_across(*leg, now);
      break;
    case Kind::kRefused:
      if (!leg->across.is_joined()) on_refused(*leg, text(crossing.refusal), now);
      break;
    case Kind::kPart:
      if (leg->across.is_joined())
        part_across(*leg, Kind::kFrame, now);
      else
        on_refused(*leg, text(Crossing::Refusal::kGone), now);
      break;
    case Kind::kLost:
      if (!leg->across.is_joined()) {
        on_refused(*leg, text(Crossing::Refusal::kGone), now);
        break;
      }
      part_across(*leg, Kind::kFrame, now);
      bridge_lost(*leg, now);
      break;
    case Kind::kFrame:
      if (!leg->across.is_joined()) join_across(*leg, now);  // kTaken was lost
      leg->across.frames.put(crossing);
      return;  // no deadline changed
    case Kind::kDigit:
      (void)send_digits(*leg, {&crossing.digit, 1}, crossing.duration);
      return;
  }
  arm(*leg);
}

void Calls::on_asked(const Crossing& asked, TimePoint now) {
  using Refusal = Crossing::Refusal;
  Leg* leg = find(asked.to);
  Refusal refusal = Refusal::kNone;
  if (!leg || leg->is_ended)
    refusal = Refusal::kGone;
  else if (!leg->is_answered() || !leg->hears)
    refusal = Refusal::kNotAnswered;
  else if (leg->partner || (!leg->across.is_free() && leg->across.other != asked.from) || leg->across.is_joined())
    refusal = Refusal::kBusy;
  if (refusal != Refusal::kNone) {
    const Crossing answer{.kind = Crossing::Kind::kRefused,
                          .refusal = refusal,
                          .shard = config_.shard,
                          .bridge = asked.bridge,
                          .from = asked.to,
                          .to = asked.from};
    return ports_.crossings.send(asked.shard, answer);
  }
  AcrossEnd& end = leg->across;
  if (end.is_free()) {
    end = {};
    end.other = asked.from;
    end.shard = asked.shard;
    end.bridge = asked.bridge;
    send_across(*leg, Crossing::Kind::kTaken);
  } else {  // each asked the other at once: both hear of it, and keep the lower name
    end.alias = std::max(end.bridge, asked.bridge);
    end.is_owner = end.bridge < asked.bridge;
    end.bridge = std::min(end.bridge, asked.bridge);
    if (end.is_owner) move_beat(*leg, asked.at);
  }
  join_across(*leg, now);
  arm(*leg);
}

// ---- joined

void Calls::join_across(Leg& leg, TimePoint now) {
  answer_bridge(leg, nullptr, now);
  if (leg.player.is_playing()) play_over(leg, false, now);
  leg.across.state = AcrossEnd::State::kJoined;
  if (leg.across.is_owner) ++bridges_;
  tell_bridge(leg, leg.across.other, true, now);
  plan_event(leg, PlanEvent::kBridged, now);
}

/// The bridge, or the wish for it, is over. The partner is told by `kind`; kFrame: it knows.
void Calls::part_across(Leg& leg, Crossing::Kind kind, TimePoint now) {
  const AcrossEnd& end = leg.across;
  if (kind != Crossing::Kind::kFrame) send_across(leg, kind);
  if (end.is_joined()) {
    if (end.is_owner) --bridges_;
    tell_bridge(leg, end.other, false, now);
    counters_.partner_missed += end.frames.missed();
    counters_.partner_dropped += end.frames.dropped();
  }
  answer_bridge(leg, "bridge: given up before the other leg had answered", now);
  leg.across = {};
}

/// So that the partner's frames are there in the middle of our beat, whatever slot the leg had.
void Calls::move_beat(Leg& leg, TimePoint theirs) {
  const int slot = wheel_.slot_at(theirs + kBeatApart);
  if (slot == leg.place.slot) return;
  leave_wheel(leg);
  join_wheel(leg, slot);
  leg.hears = true;
}

Crossing Calls::crossing(const Leg& leg, Crossing::Kind kind) const {
  Crossing made;
  made.kind = kind;
  made.shard = config_.shard;
  made.bridge = leg.across.bridge;
  made.from = leg.id;
  made.to = leg.across.other;
  return made;
}

void Calls::send_across(const Leg& leg, Crossing::Kind kind) {
  Crossing message = crossing(leg, kind);
  if (leg.place.slot >= 0) message.at = wheel_.beat_of(leg.place.slot);
  ports_.crossings.send(leg.across.shard, message);
}

void Calls::send_frame_across(const Leg& leg, TimePoint now) {
  Crossing frame = crossing(leg, Crossing::Kind::kFrame);
  frame.has_audio = leg.has_heard;
  frame.codec = leg.heard_codec;
  frame.at = now;
  if (leg.has_heard) frame.frame = leg.heard;
  ports_.crossings.send(leg.across.shard, frame);
}

/// A digit that the leg's peer pressed goes to whom it is bridged with.
void Calls::pass_digit(const Leg& leg, char digit, Duration duration) {
  if (Leg* partner = legs_.find(leg.partner)) (void)send_digits(*partner, {&digit, 1}, duration);
  if (!leg.across.is_joined()) return;
  Crossing message = crossing(leg, Crossing::Kind::kDigit);
  message.digit = digit;
  message.duration = duration;
  ports_.crossings.send(leg.across.shard, message);
}

}  // namespace carillon::call
