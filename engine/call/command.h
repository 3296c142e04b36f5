#pragma once
// What the link thread tells a shard. A Command is made and destroyed on the link thread; the shard gets a pointer by
// ring, keeps it as long as it needs what is inside (a leg keeps the Command that carries its plan) and gives it back
// by a second ring. So a shard neither allocates nor frees.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/base/endpoint.h"
#include "engine/base/time.h"
#include "engine/base/units.h"
#include "engine/call/across.h"
#include "engine/call/event.h"
#include "engine/call/plan.h"

namespace carillon::call {

struct Header {
  std::string name, value;
};

struct Originate {
  LegId leg;
  std::vector<std::string> trunks;  ///< candidates in order; empty when `endpoint` is set
  std::string endpoint;
  std::string from, from_name, to;
  std::vector<Header> headers;
  Duration ring_time = 60s;
  Plan plan;
  LegId bridge_to;
  std::uint32_t bridge_shard = kShardById;  ///< where that leg lives
};
struct Answer {
  LegId leg;
  Plan plan;
};
struct Progress {
  LegId leg;
  bool early_media = false;
  const media::Prompt* prompt = nullptr;  ///< with early media: this, or ringback
};
struct Reject {
  LegId leg;
  int status = 480;
  std::string reason;
  std::uint32_t retry_after_s = 0;
};
struct Bridge {
  LegId leg, other;  ///< `leg` counts the bridge where the two live on different shards
  std::uint32_t other_shard = kShardById;
};
struct Unbridge {
  LegId leg;
};
struct Play {
  LegId leg;
  std::vector<const media::Prompt*> prompts;
  std::uint32_t loops = 1;  ///< 0: for ever
};
struct StopPlay {
  LegId leg;
};
struct Gather {
  LegId leg;
  std::uint8_t digits_max = 1;
  Duration timeout = 5s;
  char terminator = '#';
};
struct SendDtmf {
  LegId leg;
  std::string digits;
  Duration duration = 100ms;
};
struct Record {
  LegId leg;
  bool on = true;
};
struct Detect {
  LegId leg;
  DetectConfig config;
};
struct Hold {
  LegId leg;
  bool on = true;
};
struct Hangup {
  LegId leg;
  std::uint8_t cause = 16;
  std::string why;
};
struct Join {
  LegId leg, target;
  enum class Mode : std::uint8_t { kMonitor, kWhisper, kBarge } mode = Mode::kMonitor;
};
struct Leave {
  LegId leg;
};

/// How a trunk writes a number: strip leading digits, add a prefix, then see to the plus sign.
struct NumberRule {
  std::uint32_t strip = 0;
  std::string prefix;
  enum class Plus : std::uint8_t { kKeep, kAdd, kRemove } plus = Plus::kKeep;
};
struct Trunk {
  std::string id, name;
  std::vector<Endpoint> gateways;
  std::string username, password, domain;
  bool registers = false;
  Duration register_expires = 300s;
  NumberRule to_rule, from_rule;
  std::uint32_t calls_per_second_max = 0, channels_max = 0;  ///< 0: no limit
  Duration options_interval{0};                              ///< 0: no probing
  std::string local_address, advertised_address;             ///< empty: the engine's
  bool behind_nat = false;
  std::vector<std::string> codecs;  ///< "PCMU", "PCMA"; empty: both
  bool follow_redirects = false;
};
struct PutTrunk {
  Trunk trunk;
};
struct RemoveTrunk {
  std::string id;
};
/// Where a phone was reached before the engine restarted.
struct Bound {
  std::string contact;
  Endpoint source;
  Duration expires{0};
  bool tells = false;  ///< this shard reports when it runs out
};
struct PutEndpoint {
  std::string id, username, ha1_md5, ha1_sha256;
  bool behind_nat = false;
  std::optional<Bound> bound = {};  ///< applied unless the phone has registered meanwhile
};
struct RemoveEndpoint {
  std::string id;
};
struct Drain {
  bool on = true;
};
/// The link to control was lost (false) or is back (true).
struct BrainState {
  bool present = true;
};
/// Answered inside the command: the link thread reserved room, the shard fills it and gives the command back.
struct Snapshot {
  std::vector<Event> legs;  ///< LegState events, one per living leg; capacity reserved by the sender
};
struct Trace {
  LegId leg;
  std::string text;  ///< capacity reserved by the sender; cut there
  bool found = false;
};

using CommandBody = std::variant<Originate, Answer, Progress, Reject, Bridge, Unbridge, Play, StopPlay, Gather,
                                 SendDtmf, Record, Detect, Hold, Hangup, Join, Leave, PutTrunk, RemoveTrunk,
                                 PutEndpoint, RemoveEndpoint, Drain, BrainState, Snapshot, Trace>;

struct Command {
  std::uint64_t id = 0;
  CommandBody body;
  bool ok = true;         ///< written by the shard before it answers: was it taken?
  FixedText<96> error;    ///< why not
  bool answered = false;  ///< the shard has sent its kDone event; the command may still be held (its plan is in use)
  /// Keeps alive what `body` points to (prompts). Touched by the link thread only.
  std::vector<std::shared_ptr<const void>> keeps;
};

/// The shard that owns a leg, for every thread that must send to it. Legs that came in carry it in their id.
inline std::uint32_t shard_of(LegId leg, std::uint32_t shards) {
  if (leg.value >> 63) return static_cast<std::uint32_t>(leg.value >> 52 & 0x7FF) % shards;
  std::uint64_t mixed = leg.value * 0x9E3779B97F4A7C15u;
  return static_cast<std::uint32_t>(mixed >> 33) % shards;
}
inline LegId incoming_leg(std::uint32_t shard, std::uint64_t counter) {
  return {std::uint64_t{1} << 63 | std::uint64_t{shard} << 52 | (counter & ((std::uint64_t{1} << 52) - 1))};
}

}  // namespace carillon::call
