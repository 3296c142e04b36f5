#include "engine/shard/shard.h"

#include <algorithm>

#include "engine/sip/steer.h"

namespace carillon::shard {
namespace {

Endpoint or_else(const Endpoint& wanted, const Endpoint& otherwise) {
  return wanted.is_unspecified() ? otherwise : wanted;
}

/// By rtp::Drop.
constexpr std::array<std::string_view, rtp::kDrops> kRtpDropNames = {"",         "rtp_malformed", "rtp_foreign",
                                                                     "rtp_held", "rtp_type",      "rtp_duplicate",
                                                                     "rtp_late", "rtp_too_long",  "rtp_too_far"};

}  // namespace

Shard::Shard(const ShardConfig& config, const ShardParts& parts, std::uint64_t seed, TimePoint now, WallTime wall)
    : config_(config),
      parts_(parts),
      random_(seed),
      trace_(config.trace_messages, config.legs_max * 2 + 1024),
      gate_(config.admission, now),
      crossings_(parts.mesh, config.index, config.legs_max + 64),
      passed_(std::make_unique<Passed>()),
      report_at_(now) {
  CHECK(config.index < config.count);
  batch_.reserve(std::max<std::size_t>(kOutboxMax, 3 * config.legs_max + 64));  // as many as either can hold
  pairs_ = std::make_unique<PairPool>(parts.port, config.rtp, or_else(config.rtp_advertised, config.rtp),
                                      config.rtp_port_first, config.rtp_pairs);
  for (const Endpoint& more : config.rtp_more) pairs_->add_usual(more);
  start_wall_ = wall;
  start_ = now;
}

Shard::~Shard() = default;

std::string Shard::open() {
  const auto socket = parts_.port.open(config_.sip, true);
  if (!socket) return "SIP address " + config_.sip.text() + " cannot be bound";
  sip_socket_ = *socket;
  sip::UserAgentConfig sip;
  sip.shard = config_.index;
  sip.shards = config_.count;
  sip.bound = parts_.port.local(sip_socket_);
  sip.advertised = or_else(config_.sip_advertised, sip.bound);
  if (sip.advertised.port == 0) sip.advertised.port = sip.bound.port;
  sip.realm = config_.realm;
  sip.offers_sha256 = config_.offers_sha256;
  sip.dialogs_max = 2 * config_.legs_max + 64;  // those that wait for the answer to their BYE too
  sip.transactions_max = 4 * config_.legs_max + 4096;
  sip.outbox_max = kOutboxMax;
  sip.events_max = 2048;
  sip.timing = config_.sip_timing;
  sip.nonce_key = config_.nonce_key;
  if (const std::string fault = sip.fault(); !fault.empty()) return fault;
  agent_ = std::make_unique<sip::UserAgent>(sip, random_, start_);

  const call::CallsConfig calls{
      .shard = config_.index, .shards = config_.count, .sip_port = sip.advertised.port, .legs_max = config_.legs_max};
  const call::CallsPorts ports{*agent_,    *pairs_, parts_.recordings, parts_.trunks, parts_.rings,
                               crossings_, trace_,  random_,           gate_};
  calls_ = std::make_unique<call::Calls>(calls, ports, start_, start_wall_);
  return {};
}

Endpoint Shard::sip_address() const { return parts_.port.local(sip_socket_); }

bool Shard::step(TimePoint now, WallTime wall) {
  has_more_ = has_worked_ = false;
  if (now >= report_at_) {
    calls_->set_wall(now, wall);
    report(now);
    remind(now);
    report_at_ = now + 1s;
  }
  calls_->begin_step(now);
  take_commands(now);
  take_passed(now);
  crossings_.flush();
  take_crossings(now);
  take_packets(now);
  agent_->fire(now);
  pump_sip(now);
  calls_->fire(now, kTimersPerStep);
  calls_->run_media(now, [&] { send_media(); });
  if (!stopping_.empty()) {
    calls_->end_some(stopping_, 64, now);
    has_more_ = has_more_ || calls_->legs() > 64;
  }
  pump_sip(now);
  send_media();
  calls_->flush_events();
  return has_worked_;
}

TimePoint Shard::deadline() const {
  if (has_more_ || crossings_.waiting() != 0) return TimePoint::min();
  return std::min({calls_->deadline(), agent_->deadline(), report_at_});
}

bool Shard::is_silent() const { return !stopping_.empty() && calls_->legs() == 0 && agent_->dialogs() == 0; }

// ---- in

void Shard::take_commands(TimePoint now) {
  call::Command* command = nullptr;
  int count = 0;
  while (count < kCommandsPerStep && parts_.rings.commands.pop(command)) {
    const auto* put = std::get_if<call::PutTrunk>(&command->body);
    const char* fault = put ? bind_trunk(put->trunk) : nullptr;
    if (fault)
      calls_->refuse(*command, fault, now);
    else
      calls_->apply(*command, now);
    if (++count % 16 == 0) pump_sip(now);
  }
  has_worked_ = has_worked_ || count != 0;
  has_more_ = has_more_ || count == kCommandsPerStep;
}

/// A trunk with a local address of its own: its SIP and RTP leave from there.
const char* Shard::bind_trunk(const call::Trunk& trunk) {
  std::erase_if(routes_, [&](const SipRoute& route) { return route.trunk == trunk.id; });
  const Endpoint main = sip_address();
  if (trunk.local_address.empty()) return nullptr;
  const auto local = Endpoint::parse(trunk.local_address, main.port);
  if (!local) return "trunk: local_address is no IP address";
  if (*local == main) return nullptr;
  if (!local->same_address(main)) pairs_->add_address(*local);
  auto known = std::ranges::find(trunk_sockets_, *local, &SipSocket::local);
  if (known == trunk_sockets_.end()) {
    if (trunk_sockets_.size() == kTrunkSocketsMax) return "trunk: too many local addresses";
    const auto socket = parts_.port.open(*local, true);
    if (!socket) return "trunk: local_address cannot be bound";
    known = trunk_sockets_.insert(trunk_sockets_.end(), {*local, *socket});
  }
  for (const Endpoint& gateway : trunk.gateways) routes_.push_back({trunk.id, gateway, known->socket});
  return nullptr;
}

bool Shard::is_sip(io::SocketId socket) const {
  return socket == sip_socket_ ||
         (!trunk_sockets_.empty() &&
          std::ranges::find(trunk_sockets_, socket, &SipSocket::socket) != trunk_sockets_.end());
}

io::SocketId Shard::sip_socket(const Endpoint& to) const {
  for (const SipRoute& route : routes_)
    if (route.gateway == to) return route.socket;
  return sip_socket_;
}

void Shard::take_passed(TimePoint now) {
  for (std::uint32_t from = 0; from < config_.count; ++from) {
    if (from == config_.index) continue;
    int count = 0;
    while (count < kPassedPerStep && parts_.mesh.pop(from, config_.index, *passed_)) {
      ++count;
      if (passed_->kind == Passed::Kind::kBinding)
        agent_->apply_binding(
            {passed_->endpoint, passed_->contact, passed_->peer, passed_->expires, passed_->q, passed_->is_reminder},
            now);
      else
        take_sip(ByteView(passed_->data).first(passed_->size), passed_->peer, now);
    }
    has_worked_ = has_worked_ || count != 0;
    has_more_ = has_more_ || count == kPassedPerStep;
  }
}

/// Before the beats, so that what is here is heard at once.
void Shard::take_crossings(TimePoint now) {
  for (std::uint32_t from = 0; from < config_.count; ++from) {
    if (from == config_.index) continue;
    int count = 0;
    for (; count < kCrossingsPerStep && parts_.mesh.crossings(from, config_.index).pop(crossing_); ++count)
      calls_->on_crossing(crossing_, now);
    has_worked_ = has_worked_ || count != 0;
    has_more_ = has_more_ || count == kCrossingsPerStep;
  }
}

void Shard::take_packets(TimePoint now) {
  const auto received = parts_.port.receive(kBurst);
  has_worked_ = has_worked_ || !received.empty();
  has_more_ = has_more_ || received.size() == kBurst;
  for (std::size_t i = 0; i < received.size(); ++i) {
    // whose a packet is, is looked up in time for the leg's memory to be here when its turn comes
    if (i + kOwnersAhead < received.size()) pairs_->prefetch(received[i + kOwnersAhead].socket);
    if (i + kLegsAhead < received.size()) calls_->prefetch(pairs_->owner(received[i + kLegsAhead].socket).leg);
    if (i + kBuffersAhead < received.size())
      calls_->prefetch_audio(pairs_->owner(received[i + kBuffersAhead].socket).leg);
    const io::Received& packet = received[i];
    if (is_sip(packet.socket)) {
      const auto owner = config_.count > 1 ? sip::steer(packet.data, config_.count) : std::nullopt;
      if (owner && *owner != config_.index)
        pass_on(*owner, packet.data, packet.peer);
      else
        take_sip(packet.data, packet.peer, now);
      continue;
    }
    const auto owner = pairs_->owner(packet.socket);
    if (owner.leg)
      calls_->on_media(owner.leg, owner.is_rtcp, packet.data, packet.peer, packet.arrival);
    else
      ++counters_.nobody;
  }
}

void Shard::take_sip(ByteView data, const Endpoint& from, TimePoint now) {
  trace_.message(true, from, data, calls_->wall(now));
  agent_->receive(data, from, now);
  pump_sip(now);
}

void Shard::pass_on(std::uint32_t to, ByteView data, const Endpoint& from) {
  if (data.size() > passed_->data.size()) {
    ++counters_.passed_long;
    return;
  }
  passed_->kind = Passed::Kind::kDatagram;
  passed_->peer = from;
  passed_->size = static_cast<std::uint32_t>(data.size());
  std::ranges::copy(data, passed_->data.begin());
  ++(parts_.mesh.push(config_.index, to, *passed_) ? counters_.passed_on : counters_.passed_full);
}

/// A phone that registered here is registered everywhere.
void Shard::pass_binding(const sip::BindingNews& news) {
  passed_->kind = Passed::Kind::kBinding;
  passed_->peer = news.destination;
  passed_->endpoint.assign(news.endpoint);
  passed_->contact.assign(news.contact);
  passed_->expires = news.expires;
  passed_->q = news.q;
  passed_->is_reminder = news.is_reminder;
  for (std::uint32_t to = 0; to < config_.count; ++to)
    if (to != config_.index && !parts_.mesh.push(config_.index, to, *passed_)) ++counters_.passed_full;
}

/// News of a phone is lost when the other's ring is full, or when it is told of the phone only later. So all that was
/// learned here is told again, some of it each second.
void Shard::remind(TimePoint now) {
  if (config_.count == 1) return;
  for (int i = 0; i < kRemindersPerSecond; ++i) {
    const auto news = agent_->remind(reminded_, now);
    if (!news) return;
    pass_binding(*news);
  }
}

// ---- SIP: what the agent has to tell, what it has to send

void Shard::pump_sip(TimePoint now) {
  // handling an event may raise further ones; by index, since the list may move
  for (std::size_t i = 0; i < agent_->events().size(); ++i) {
    const sip::Event event = agent_->events()[i];
    if (event.kind == sip::EventKind::kRegistration)
      pass_binding({event.endpoint, event.contact, event.source, event.expires, event.q, false});
    calls_->on_sip(event, now);
  }
  agent_->clear_events();
  send_sip(now);
}

void Shard::send_sip(TimePoint now) {
  if (agent_->outbox().empty()) return;
  has_worked_ = true;
  send_media();  // speech that was said before a BYE goes before it
  batch_.clear();
  for (const sip::Datagram& datagram : agent_->outbox()) {
    trace_.message(false, datagram.to, datagram.data, calls_->wall(now));
    batch_.push_back({sip_socket(datagram.to), datagram.to, datagram.data, {}});
  }
  parts_.port.transmit(batch_);
  agent_->clear_outbox();
}

void Shard::send_media() {
  if (calls_->media_out().empty()) return;
  has_worked_ = true;
  batch_.clear();
  const auto media = calls_->media_out();
  for (std::size_t i = 0; i < media.size(); ++i) {
    if (i + kPairsAhead < media.size()) pairs_->prefetch_pair(media[i + kPairsAhead].pair);
    batch_.push_back({pairs_->socket(media[i].pair, media[i].is_rtcp), media[i].to, media[i].head, media[i].body});
  }
  parts_.port.transmit(batch_);
  calls_->clear_media();
}

// ---- books

void Shard::report_load(call::ShardStats& stats, TimePoint now) {
  const auto us = [](Duration time) { return static_cast<std::uint32_t>(time / 1us); };
  stats.busy_ns = static_cast<std::uint64_t>(load_.busy.count());
  stats.steps = load_.steps;
  stats.steps_idle = load_.steps_idle;
  stats.step_longest_us = us(load_.step_longest);
  stats.beat_latest_us = us(calls_->take_beat_latest());
  const Duration elapsed = now - std::max(load_.reported_at, start_);
  stats.headroom_rate = static_cast<float>(call::headroom_rate(load_.busy - load_.busy_reported, elapsed));
  stats.refuses = gate_.refuses();
  load_.busy_reported = load_.busy;
  load_.step_longest = 0ns;
  load_.reported_at = now;
  const auto depth = [&](std::string_view name, std::size_t used, std::size_t room) {
    stats.depths[stats.depths_count++] = {name, static_cast<std::uint32_t>(used), static_cast<std::uint32_t>(room)};
  };
  load_.buffers = parts_.port.buffers();
  if (load_.buffers.room != 0) depth("buffers", load_.buffers.used, load_.buffers.room);
  depth("legs", calls_->legs(), config_.legs_max);
  depth("commands", parts_.rings.commands.size(), parts_.rings.capacity);
  depth("events", calls_->events_waiting(), calls_->events_room());
  depth("crossings", crossings_.waiting(), config_.legs_max + 64);
  depth("ports", pairs_->lent(), config_.rtp_pairs * (1 + config_.rtp_more.size()));
}

void Shard::report(TimePoint now) {
  call::Event event;
  event.kind = call::EventKind::kStats;
  event.at = calls_->wall(now);
  call::ShardStats stats;
  const auto& calls = calls_->counters();
  const auto& port = parts_.port.counters();
  const auto& sip = agent_->counters();
  stats.shard = config_.index;
  stats.legs = static_cast<std::uint32_t>(calls_->legs());
  stats.bridges = calls_->bridges();
  stats.recordings = calls_->recordings();
  stats.packets_in = port.packets_in;
  stats.packets_out = port.packets_out;
  stats.late_frames = calls.late_frames + calls.frames_skipped;
  stats.originated = calls.originated;
  stats.answered = calls.answered;
  stats.incoming = calls.incoming;
  report_load(stats, now);
  const auto drop = [&](std::string_view reason, std::uint64_t count) {
    if (count != 0 && stats.drops_count < stats.drops.size()) stats.drops[stats.drops_count++] = {reason, count};
  };
  drop("sip_unparsable", sip.unparsable + sip.bad_request);
  drop("sip_no_transaction", sip.no_transaction + sip.no_dialog);
  drop("sip_full", sip.events_full + sip.outbox_full + sip.dialogs_full + sip.transactions_full);
  drop("sip_credentials", sip.bad_credentials + sip.foreign_challenge);
  drop("sip_passed_full", counters_.passed_full + counters_.passed_long);
  drop("rtp_nobody", counters_.nobody);
  drop("bridge_full", crossings_.frames_full() + crossings_.messages_full());
  drop("bridge_late", calls.partner_missed + calls.partner_dropped);
  for (const auto reason : {rtp::Drop::kForeign, rtp::Drop::kMalformed, rtp::Drop::kType, rtp::Drop::kLate,
                            rtp::Drop::kDuplicate, rtp::Drop::kHeld})
    drop(kRtpDropNames[static_cast<std::size_t>(reason)], calls.rtp_drops[static_cast<std::size_t>(reason)]);
  drop("send_refused", port.send_refused);
  drop("calls_full", calls.refused_full + calls.media_full);
  drop("calls_no_brain", calls.refused_no_brain);
  drop("calls_overload", gate_.refused());
  std::array<io::NamedCount, 16> port_drops;
  const std::size_t port_drops_count = parts_.port.drops(port_drops);
  for (const auto& [name, count] : std::span(port_drops).first(port_drops_count)) drop(name, count);
  drop("events", calls_->events_dropped() + calls.recordings_refused);
  event.body.stats = stats;
  calls_->push_event(event);
}

}  // namespace carillon::shard
