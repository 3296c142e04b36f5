#include "control/live/live.h"

#include <spdlog/spdlog.h>

#include "control/api/json/walker.h"
#include "control/link/plan.h"
#include "control/model/queue.h"

namespace carillon::control {
namespace {

std::optional<Call> call_of(const CallRow& row) {
  json::Faults faults;
  const auto body = json::parse(row.body, faults);
  Call call;
  if (!body || !json::read(*body, call, json::Mode::kStore).empty()) return std::nullopt;
  return call;
}

wire::NumberRule rule_to_wire(const NumberRule& rule) {
  wire::NumberRule out;
  out.set_strip(rule.strip);
  out.set_prefix(rule.prefix);
  out.set_plus(static_cast<wire::NumberRule::Plus>(rule.plus));
  return out;
}

}  // namespace

wire::PutTrunk trunk_to_wire(const Trunk& trunk) {
  wire::PutTrunk out;
  out.set_id(trunk.id);
  out.set_name(trunk.name);
  for (const Gateway& gateway : trunk.gateways) {
    auto* added = out.add_gateways();
    added->set_address(gateway.address);
    added->set_port(gateway.port);
  }
  out.set_username(trunk.username);
  out.set_password(trunk.password);
  out.set_domain(trunk.domain);
  out.set_register_(trunk.register_);
  out.set_register_expires_s(trunk.register_expires_s);
  *out.mutable_to_rule() = rule_to_wire(trunk.to_rule);
  *out.mutable_from_rule() = rule_to_wire(trunk.from_rule);
  out.set_calls_per_second_max(trunk.calls_per_second_max);
  out.set_channels_max(trunk.channels_max);
  out.set_options_interval_s(trunk.options_interval_s);
  out.set_local_address(trunk.local_address);
  out.set_advertised_address(trunk.advertised_address);
  out.set_behind_nat(trunk.behind_nat);
  for (const auto& codec : trunk.codecs) out.add_codecs(codec);
  out.set_follow_redirects(trunk.follow_redirects);
  return out;
}

wire::PutEndpoint endpoint_to_wire(const PhoneEndpoint& endpoint) {
  wire::PutEndpoint out;
  out.set_id(endpoint.id);
  out.set_username(endpoint.username);
  out.set_ha1_md5(endpoint.ha1_md5);
  out.set_ha1_sha256(endpoint.ha1_sha256);
  out.set_behind_nat(endpoint.behind_nat);
  return out;
}

Live::Live(Store& store, IdMaker& ids, EventHub& hub, std::string data_folder, std::function<WallTime()> clock)
    : store_(store), ids_(ids), hub_(hub), folder_(std::move(data_folder)), clock_(std::move(clock)) {
  std::filesystem::create_directories(folder_ + "/recordings");
  std::filesystem::create_directories(folder_ + "/prompts");
  for (const CallRow& row : store_.open_calls())
    if (auto call = call_of(row)) enter(std::move(*call));
}

Live::~Live() = default;

void Live::add(const std::string& name, std::shared_ptr<Engine> engine) {
  const std::lock_guard lock(mutex_);
  const auto at = resume(name);
  engines_[name] = Connection{.engine = std::move(engine), .epoch = at.epoch, .sequence = at.sequence};
}

Resume Live::resume(const std::string& engine) {
  const auto row = store_.engine(engine);
  return row ? Resume{row->epoch, row->sequence} : Resume{};
}

// ------------------------------------------------------------------ the link thread

bool Live::on_event(const std::string& engine, const wire::FromEngine& event) {
  const std::lock_guard lock(mutex_);
  Connection& connection = engines_.at(engine);
  if (event.sequence() != 0) {
    if (event.sequence() <= connection.sequence) return true;
    connection.sequence = event.sequence();
  }
  apply(engine, event);
  return true;
}

bool Live::on_commit(const std::string& engine) {
  const std::lock_guard lock(mutex_);
  const Connection& connection = engines_.at(engine);
  if (!changes_.empty() || !touched_.empty() || !ended_.empty())
    changes_.engines.push_back({engine, connection.epoch, connection.sequence});
  return commit();
}

void Live::on_connected(const std::string& engine, const wire::Welcome& welcome) {
  std::set<std::uint64_t> before;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    Connection& connection = engines_.at(engine);
    if (connection.epoch != welcome.epoch()) connection.sequence = 0;
    connection.epoch = welcome.epoch();
    connection.ready = false;
    number = ++connection.connected;
    if (std::exchange(connection.boot, welcome.boot()) != welcome.boot())  // a new process: who registers there tells
      std::erase_if(endpoint_states_, [&](const auto& phone) { return phone.second.engine == engine; });
    for (const auto& [leg, call] : calls_)
      if (leg.first == engine && !placing_.contains(leg)) before.insert(leg.second);
  }
  spdlog::info("engine {} connected: {} {}", engine, welcome.engine(), welcome.back_end());
  errands_.add_first([this, engine, number, before] { bring_up_to_date(engine, number, before); });
}

void Live::on_lost(const std::string& engine) {
  const std::lock_guard lock(mutex_);
  engines_.at(engine).ready = false;
  engines_.at(engine).stats.clear_shards();  // a new process counts anew
  spdlog::warn("engine {} lost", engine);
}

// ------------------------------------------------------------------ registry and rows

Call* Live::find(const std::string& engine, std::uint64_t leg) {
  const auto found = calls_.find({engine, leg});
  return found == calls_.end() ? nullptr : &found->second;
}

Call* Live::find_call(const std::string& id) {
  const auto leg = legs_.find(id);
  return leg == legs_.end() ? nullptr : find(leg->second.first, leg->second.second);
}

Call& Live::enter(Call call) {
  const Leg leg{call.engine, call.leg};
  legs_[call.id] = leg;
  return calls_[leg] = std::move(call);
}

CallRow Live::row_of(const Call& call) const {
  return {.id = call.id,
          .project = call.project,
          .engine = call.engine,
          .leg = call.leg,
          .state = json::enum_text(call.state),
          .from = call.from,
          .to = call.to,
          .created_ms = call.created_at.time_since_epoch().count(),
          .body = json::text(json::write(call, json::Mode::kStore))};
}

void Live::touch(const Call& call) { touched_.insert(call.id); }

void Live::announce(const std::string& project, const std::string& type, std::string data, WallTime at) {
  changes_.events.push_back({.id = ids_.make("evt", clock_()),
                             .project = project,
                             .type = type,
                             .time_ms = at.time_since_epoch().count(),
                             .data = std::move(data)});
}

void Live::announce(const Call& call, const std::string& type, WallTime at) {
  if (hear_) news_.push_back({type, call});
  announce(call.project, type, json::text(json::write(call, json::Mode::kApi)), at);
}

void Live::end_call(Leg leg, WallTime at) {
  Call& call = calls_.at(leg);
  call.state = CallStatus::kEnded;
  if (!call.ended_at) call.ended_at = at;
  if (call.answered_at && *call.ended_at > *call.answered_at)
    call.talk_ms = static_cast<std::uint64_t>((*call.ended_at - *call.answered_at).count());
  end_visit(call);
  const Cdr cdr = Cdr::of(call, ids_.make("cdr", clock_()));
  changes_.cdrs.push_back({.id = cdr.id,
                           .project = call.project,
                           .call = call.id,
                           .ended_ms = cdr.ended_at.time_since_epoch().count(),
                           .body = json::text(json::write(cdr, json::Mode::kStore))});
  announce(call, "call.ended", *call.ended_at);
  on_ended(call);
  if (!call.answered_at)
    after_commit_.push_back([this, engine = call.engine, number = call.leg, id = call.id] {
      errands_.add([this, engine, number, id] { fetch_trace(engine, number, id); });
    });
  touched_.erase(call.id);
  legs_.erase(call.id);
  ended_.push_back(std::move(call));
  calls_.erase(leg);
}

bool Live::commit() {
  for (const auto& id : touched_)
    if (const Call* call = find_call(id)) changes_.calls.push_back(row_of(*call));
  for (const Call& call : ended_) changes_.calls.push_back(row_of(call));
  const bool has_news = !changes_.events.empty();
  try {
    store_.apply(changes_);
  } catch (const DatabaseError& error) {
    spdlog::error("events could not be committed and will come again: {}", error.what());
    forget();
    return false;
  }
  changes_ = {};
  touched_.clear();
  ended_.clear();
  flush_outgoing();
  tell_news();
  const auto after = std::move(after_commit_);
  after_commit_.clear();
  for (const auto& work : after) work();
  if (has_news) hub_.notify();
  return true;
}

void Live::forget() {
  changes_ = {};
  news_.clear();
  touched_.clear();
  ended_.clear();
  outgoing_.clear();
  after_commit_.clear();
  for (auto& [name, connection] : engines_) {
    const auto row = store_.engine(name);
    connection.sequence = row && row->epoch == connection.epoch ? row->sequence : 0;
  }
  std::map<Leg, Call> placing;  // their intents are on another way to the disk
  for (const Leg& leg : placing_)
    if (const auto found = calls_.find(leg); found != calls_.end()) placing.insert(*found);
  calls_.clear();
  legs_.clear();
  for (auto& [leg, call] : placing) enter(call);
  for (const CallRow& row : store_.open_calls())
    if (auto call = call_of(row)) enter(std::move(*call));
}

void Live::send_later(const std::string& engine, wire::ToEngine command, std::string for_call) {
  outgoing_.push_back({engine, std::move(command), std::move(for_call)});
}

void Live::flush_outgoing() {
  for (auto& out : outgoing_) {
    const auto id = engines_.at(out.engine).engine->send(std::move(out.command));
    if (!out.for_call.empty() && id != 0) originating_[id] = out.for_call;
  }
  outgoing_.clear();
}

// ------------------------------------------------------------------ API threads

std::string Live::ready_engine() {
  for (const auto& [name, connection] : engines_)
    if (connection.ready && connection.engine->connected()) return name;
  return {};
}

Result<Call, LiveFault> Live::place(Placement placement) {
  Call& call = placement.call;
  {
    const std::lock_guard lock(mutex_);
    call.engine = ready_engine();
    if (call.engine.empty()) return LiveFault::kNoEngine;
    call.leg = ids_.make_leg(clock_());
    placing_.insert({call.engine, call.leg});
    enter(call);
  }
  const std::string shown = json::text(json::write(call, json::Mode::kApi));
  if (placement.idempotency) {
    placement.idempotency->status = 201;
    placement.idempotency->response = shown;
  }
  const auto drop = [&] {
    const std::lock_guard lock(mutex_);
    placing_.erase({call.engine, call.leg});
    calls_.erase({call.engine, call.leg});
    legs_.erase(call.id);
  };
  Result<std::monostate, StoreFault> kept = std::monostate{};
  try {
    kept = store_.commit_intent(row_of(call), placement.idempotency,
                                {.id = ids_.make("evt", clock_()),
                                 .project = call.project,
                                 .type = "call.dialing",
                                 .time_ms = call.created_at.time_since_epoch().count(),
                                 .data = shown});
  } catch (const DatabaseError&) {
    drop();
    throw;
  }
  if (!kept) {
    drop();
    return LiveFault::kConflict;
  }
  wire::ToEngine command = originate_of(placement);
  {
    const std::lock_guard lock(mutex_);
    placing_.erase({call.engine, call.leg});
    const auto id = engines_.at(call.engine).engine->send(std::move(command));
    if (id != 0)
      originating_[id] = call.id;
    else if (Call* refused = find_call(call.id)) {
      refused->error = "the link to the engine is full";
      refused->ended_by = EndedBy::kControl;
      end_call({call.engine, call.leg}, clock_());
      commit();
    }
  }
  hub_.notify();
  return call;
}

Result<std::monostate, LiveFault> Live::act(const Call& call, wire::ToEngine command, bool needs_answer) {
  const std::lock_guard lock(mutex_);
  const Call* live = find_call(call.id);
  if (live == nullptr) return LiveFault::kEnded;
  if (needs_answer && live->state != CallStatus::kAnswered) return LiveFault::kNotAnswered;
  const auto connection = engines_.find(live->engine);
  if (connection == engines_.end() || !connection->second.engine->connected()) return LiveFault::kNoEngine;
  if (connection->second.engine->send(std::move(command)) == 0) return LiveFault::kNoEngine;
  return std::monostate{};
}

std::shared_ptr<Engine> Live::engine_of(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = engines_.find(name);
  return found == engines_.end() ? nullptr : found->second.engine;
}

void Live::broadcast(const wire::ToEngine& command) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, connection] : engines_)
    if (connection.engine->connected()) connection.engine->send(command);
}

void Live::put_trunk(const Trunk& trunk) {
  wire::ToEngine command;
  *command.mutable_put_trunk() = trunk_to_wire(trunk);
  broadcast(command);
}

void Live::remove_trunk(const std::string& id) {
  wire::ToEngine command;
  command.mutable_remove_trunk()->set_id(id);
  broadcast(command);
}

void Live::put_endpoint(const PhoneEndpoint& endpoint) {
  wire::ToEngine command;
  *command.mutable_put_endpoint() = endpoint_to_wire(endpoint);
  broadcast(command);
}

void Live::remove_endpoint(const std::string& id) {
  wire::ToEngine command;
  command.mutable_remove_endpoint()->set_id(id);
  broadcast(command);
}

std::optional<TrunkLive> Live::trunk_state(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = trunk_states_.find(id);
  if (found == trunk_states_.end()) return std::nullopt;
  return found->second;
}

std::optional<wire::EndpointState> Live::endpoint_state(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = endpoint_states_.find(id);
  if (found == endpoint_states_.end()) return std::nullopt;
  return found->second.state;
}

std::vector<Live::EngineView> Live::engines() {
  const std::lock_guard lock(mutex_);
  std::vector<EngineView> views;
  for (const auto& [name, connection] : engines_) {
    views.push_back({name, connection.engine->health(), connection.stats});
    // connected means that calls can be placed: the engine knows the trunks and we know its legs
    views.back().health.connected = views.back().health.connected && connection.ready;
  }
  return views;
}

std::map<std::string, std::size_t> Live::calls_by_state() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::size_t> counts{{"dialing", 0}, {"ringing", 0}, {"answered", 0}};
  for (const auto& [leg, call] : calls_) ++counts[json::enum_text(call.state)];
  return counts;
}

std::string Live::recording_file(const std::string& id) const { return folder_ + "/recordings/" + id + ".wav"; }
std::string Live::prompt_file(const std::string& sha256) const { return folder_ + "/prompts/" + sha256 + ".wav"; }

}  // namespace carillon::control
