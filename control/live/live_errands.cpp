// What waits for an engine: bringing it up to date after a connection, recordings, traces. Runs on the errands' thread;
// the mutex is taken only where state is touched.

#include <spdlog/spdlog.h>

#include <fstream>
#include <iterator>
#include <thread>

#include "control/api/json/walker.h"
#include "control/live/live.h"

namespace carillon::control {
namespace {

template <class T>
std::vector<T> read_all(Store& store, Kind kind) {
  std::vector<T> values;
  for (const Document& document : store.all(kind)) {
    json::Faults faults;
    T value;
    const auto body = json::parse(document.body, faults);
    if (body && json::read(*body, value, json::Mode::kStore).empty()) values.push_back(std::move(value));
  }
  return values;
}

std::string file_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

constexpr auto kSnapshotPause = std::chrono::milliseconds(100);

Recording read_recording(const RecordingRow& row) {
  json::Faults faults;
  Recording recording;
  if (const auto body = json::parse(row.body, faults)) json::read(*body, recording, json::Mode::kStore);
  return recording;
}

}  // namespace

void Live::bring_up_to_date(const std::string& name, std::uint64_t connection, std::set<std::uint64_t> before) {
  const auto engine = engine_of(name);
  if (engine == nullptr) return;
  for (const auto& trunk : read_all<Trunk>(store_, Kind::kTrunks)) {
    wire::ToEngine command;
    *command.mutable_put_trunk() = trunk_to_wire(trunk);
    engine->send(command);
  }
  for (const auto& endpoint : read_all<PhoneEndpoint>(store_, Kind::kEndpoints)) {
    wire::ToEngine command;
    *command.mutable_put_endpoint() = endpoint_to_wire(endpoint);
    engine->send(command);
  }
  for (const auto& prompt : read_all<Prompt>(store_, Kind::kPrompts)) {
    const auto state = engine->upload_prompt(prompt.sha256, file_bytes(prompt_file(prompt.sha256)));
    if (state) continue;
    if (state.error().error == LinkError::kNotConnected || state.error().error == LinkError::kStopped) return;
    spdlog::warn("engine {}: prompt {}: {}", name, prompt.id, state.error().text);
  }
  if (!take_snapshot(name, connection, before)) {
    if (!engine->connected()) return;  // the next connection begins anew
    std::this_thread::sleep_for(kSnapshotPause);
    errands_.add_first([this, name, connection, before] { bring_up_to_date(name, connection, before); });
    return;
  }
  for (const RecordingRow& row : store_.recordings_in("fetching"))
    if (row.engine == name) errands_.add([this, row] { fetch(row); });
}

// What lives there. True: calls may be placed, or another connection has taken over.
bool Live::take_snapshot(const std::string& name, std::uint64_t connection, const std::set<std::uint64_t>& before) {
  const auto engine = engine_of(name);
  wire::ToEngine ask;
  ask.mutable_snapshot();
  const auto answer = engine->call(std::move(ask), 10s);
  if (!answer || !answer->has_snapshot()) {
    spdlog::warn("engine {}: no snapshot: {}", name, answer ? "another answer came" : answer.error().text);
    return false;
  }
  const std::lock_guard lock(mutex_);
  if (engines_.at(name).connected != connection) return true;
  std::set<std::uint64_t> known;
  const WallTime now = clock_();
  for (const auto& leg : answer->snapshot().legs()) {
    known.insert(leg.leg());
    on_leg(name, leg, now);
  }
  for (const auto& endpoint : answer->snapshot().endpoints()) on_endpoint(name, endpoint, now);
  for (const auto& trunk : answer->snapshot().trunks()) on_trunk(trunk, now);
  close_lost(name, known, before);
  if (!commit()) return false;
  engines_.at(name).ready = engine->connected();
  return true;
}

// Calls that were ours before the connection, have no CDR after the replay and are unknown to the engine.
void Live::close_lost(const std::string& engine, const std::set<std::uint64_t>& known,
                      const std::set<std::uint64_t>& before) {
  std::vector<Leg> lost;
  for (const auto& [leg, call] : calls_)
    if (leg.first == engine && before.contains(leg.second) && !known.contains(leg.second)) lost.push_back(leg);
  for (const Leg& leg : lost) {
    Call& call = calls_.at(leg);
    call.error = "lost: neither the engine nor its journal knows this call";
    call.reason = "lost";
    call.cause = 41;
    call.ended_by = EndedBy::kEngine;
    end_call(leg, clock_());
  }
}

void Live::on_recording(const std::string& engine, const wire::RecordDone& done) {
  if (store_.recording_at(engine, done.path())) return;  // replayed
  std::optional<Call> ended;
  const Call* call = find(engine, done.leg());
  for (const Call& other : ended_)
    if (call == nullptr && other.engine == engine && other.leg == done.leg()) call = &other;
  if (call == nullptr) {
    const auto rows = store_.calls_by_leg(engine, done.leg());
    json::Faults faults;
    if (const auto body = rows.empty() ? std::nullopt : json::parse(rows[0].body, faults)) {
      ended.emplace();
      json::read(*body, *ended, json::Mode::kStore);
      call = &*ended;
    }
  }
  if (call == nullptr) {
    constexpr std::size_t kOrphansMax = 10'000;
    if (orphans_.size() < kOrphansMax) orphans_[{engine, done.leg()}] = done;
    return;
  }
  Recording recording;
  recording.id = ids_.make("rec", clock_());
  recording.project = call->project;
  recording.call = call->id;
  recording.duration_ms = done.duration_ms();
  recording.size = done.size();
  recording.sha256 = done.sha256();
  recording.repaired = done.repaired();
  recording.started_at = WallTime(std::chrono::milliseconds(done.started_ms()));
  recording.engine = engine;
  recording.path = done.path();
  const RecordingRow row{.id = recording.id,
                         .project = recording.project,
                         .call = recording.call,
                         .engine = engine,
                         .path = done.path(),
                         .state = "fetching",
                         .created_ms = clock_().time_since_epoch().count(),
                         .body = json::text(json::write(recording, json::Mode::kStore))};
  changes_.recordings.push_back(row);
  if (ended) {
    ended->recording = recording.id;
    changes_.calls.push_back(row_of(*ended));
  } else {
    attach_recording(call->id, recording.id);
  }
  after_commit_.push_back([this, row] { errands_.add([this, row] { fetch(row); }); });
}

void Live::attach_recording(const std::string& id, const std::string& recording) {
  if (Call* call = find_call(id)) {
    call->recording = recording;
    touch(*call);
  }
  for (Call& call : ended_)
    if (call.id == id) call.recording = recording;
}

void Live::fetch(RecordingRow row) {
  const auto engine = engine_of(row.engine);
  if (engine == nullptr) return;
  // what was replayed at a connection is asked for by the replay and by bring_up_to_date; the engine has it only once
  const auto stored = store_.recording_at(row.engine, row.path);
  if (!stored || stored->state != "fetching") return;
  Recording recording = read_recording(row);
  const auto fetched = engine->fetch_recording(row.path, recording.sha256, recording_file(row.id));
  if (!fetched) {
    const auto error = fetched.error().error;
    const bool final = error == LinkError::kRefused || error == LinkError::kCorrupt;
    spdlog::warn("recording {}: {}", row.id, fetched.error().text);
    if (!final) return;  // fetched at the next connection
    recording.error = fetched.error().text;
  }
  recording.state = fetched ? RecordingStatus::kReady : RecordingStatus::kFailed;
  if (fetched) recording.size = *fetched;
  row.state = json::enum_text(recording.state);
  row.body = json::text(json::write(recording, json::Mode::kStore));
  Changes changes;
  changes.recordings.push_back(row);
  changes.events.push_back({.id = ids_.make("evt", clock_()),
                            .project = row.project,
                            .type = fetched ? "recording.ready" : "recording.failed",
                            .time_ms = clock_().time_since_epoch().count(),
                            .data = json::text(json::write(recording, json::Mode::kApi))});
  store_.apply(changes);
  hub_.notify();
  if (!fetched) return;
  wire::ToEngine command;  // we have it whole
  command.mutable_delete_recording()->set_path(row.path);
  engine->send(std::move(command));
}

void Live::fetch_trace(std::string name, std::uint64_t leg, std::string call) {
  const auto engine = engine_of(name);
  if (engine == nullptr || !engine->connected()) return;
  wire::ToEngine command;
  command.mutable_trace()->set_leg(leg);
  const auto answer = engine->call(std::move(command), 2s);
  if (answer && answer->has_trace() && answer->trace().found()) store_.keep_trace(call, answer->trace().text());
}

std::string Live::trace(const Call& call) {
  const bool ended = call.state == CallStatus::kEnded;
  if (const auto kept = ended ? store_.trace(call.id) : std::nullopt) return *kept;
  fetch_trace(call.engine, call.leg, call.id);
  return store_.trace(call.id).value_or("");
}

std::optional<wire::PromptState> Live::put_prompt(const std::string& sha256, const std::string& bytes) {
  std::vector<std::shared_ptr<Engine>> engines;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, connection] : engines_)
      if (connection.engine->connected()) engines.push_back(connection.engine);
  }
  std::optional<wire::PromptState> worst;
  for (const auto& engine : engines) {
    const auto state = engine->upload_prompt(sha256, bytes);
    if (!state && state.error().error != LinkError::kRefused) continue;  // it gets the prompt when it is back
    wire::PromptState answer;
    if (state)
      answer = *state;
    else
      answer.set_error(state.error().text);
    if (!worst || !answer.error().empty()) worst = answer;
  }
  return worst;
}

}  // namespace carillon::control
