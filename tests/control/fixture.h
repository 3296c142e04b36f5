#pragma once
// The plane without sockets: a store in a temporary folder, an engine that only notes what it is told, a clock that
// stands still until it is moved.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <fstream>

#include "control/api/json/walker.h"
#include "control/api/plane.h"
#include "control/live/stored_leads.h"
#include "control/live/zones.h"
#include "tests/control/folder.h"

namespace carillon::control {

/// Takes every command, answers what a call plan's tests need, delivers events that the test makes up.
class FakeEngine : public Engine {
 public:
  bool connected() const override { return is_connected; }
  std::uint64_t send(wire::ToEngine command) override {
    const std::lock_guard lock(mutex);
    if (is_full) return 0;
    command.set_id(++last_id);
    sent.push_back(command);
    return command.id();
  }
  Result<wire::FromEngine, LinkFault> call(wire::ToEngine command, Duration) override {
    wire::FromEngine answer;
    if (command.has_snapshot()) {
      if (snapshots_to_fail > 0) {
        --snapshots_to_fail;
        return LinkFault{LinkError::kTimeout, "no answer in time"};
      }
      *answer.mutable_snapshot() = snapshot;
    } else if (command.has_trace()) {
      answer.mutable_trace()->set_leg(command.trace().leg());
      answer.mutable_trace()->set_found(true);
      answer.mutable_trace()->set_text("INVITE ->\n<- 486\n");
    }
    return answer;
  }
  Result<wire::PromptState, LinkFault> upload_prompt(std::string_view sha256, std::string_view) override {
    wire::PromptState state;
    state.set_sha256(std::string(sha256));
    state.set_present(prompt_error.empty());
    state.set_error(prompt_error);
    prompts.push_back(std::string(sha256));
    return state;
  }
  Result<std::uint64_t, LinkFault> fetch_recording(std::string_view path, std::string_view,
                                                   const std::filesystem::path& file) override {
    if (fetch_error) return *fetch_error;
    std::ofstream(file, std::ios::binary) << "RIFF" << path << "0123456789";
    return std::filesystem::file_size(file);
  }
  LinkHealth health() const override {
    LinkHealth health;
    health.connected = is_connected;
    return health;
  }

  /// The last command of that kind, or an empty one.
  wire::ToEngine last(wire::ToEngine::BodyCase kind) {
    const std::lock_guard lock(mutex);
    for (auto command = sent.rbegin(); command != sent.rend(); ++command)
      if (command->body_case() == kind) return *command;
    return {};
  }
  std::size_t count(wire::ToEngine::BodyCase kind) {
    const std::lock_guard lock(mutex);
    return static_cast<std::size_t>(
        std::count_if(sent.begin(), sent.end(), [&](const auto& command) { return command.body_case() == kind; }));
  }

  std::mutex mutex;
  std::vector<wire::ToEngine> sent;
  std::uint64_t last_id = 0;
  std::vector<std::string> prompts;
  std::string prompt_error;
  std::optional<LinkFault> fetch_error;
  wire::SnapshotState snapshot;
  int snapshots_to_fail = 0;
  bool is_connected = true, is_full = false;
};

/// One control process; a second one over the same folder is the first after a kill.
class ControlProcess {
 public:
  explicit ControlProcess(const std::string& folder,
                          std::shared_ptr<FakeEngine> engine = std::make_shared<FakeEngine>(), std::uint64_t seed = 1,
                          WallTime start = WallTime(std::chrono::milliseconds(1'800'000'000'000)))
      : now(start),
        engine(std::move(engine)),
        ids(seed),
        store(folder),
        service(store, ids, clock()),
        live(store, ids, hub, folder, clock()),
        importer(store, ids, hub, folder, clock()),
        leads(store.leads()),
        campaigns({store, ids, hub, live, leads, test_zones(), clock(), mono()}),
        ear(store.leads(), campaigns),
        plane{store, ids, hub, live, service, clock(), importer, &campaigns} {
    if (const auto path = first_start(store, ids, folder, now)) {
      std::ifstream in(*path);
      std::getline(in, token);
    }
    add_operations(plane);
    live.add("e1", this->engine);
  }

  /// The engine's greeting; the snapshot is taken before this returns.
  void connect(const std::string& epoch = "epoch-1") {
    wire::Welcome welcome;
    welcome.set_engine("fake");
    welcome.set_epoch(epoch);
    live.on_connected("e1", welcome);
    live.settle();
  }

  Response send(std::string method, std::string target, std::string body = {}, HeaderList headers = {}) {
    Request request{.method = std::move(method),
                    .target = std::move(target),
                    .headers = std::move(headers),
                    .body = std::move(body)};
    if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
    if (!request.body.empty() && request.header("Content-Type").empty())
      request.headers.emplace_back("Content-Type", "application/json");
    return service.handle(request);
  }
  static boost::json::value json_of(const Response& response) { return boost::json::parse(response.body); }
  static std::string code_of(const Response& response) {
    return std::to_string(response.status) + " " + std::string(json_of(response).at("code").as_string());
  }
  std::string made(const std::string& path, const std::string& body) {
    const auto response = send("POST", path, body);
    EXPECT_EQ(response.status, 201) << response.body;
    return std::string(json_of(response).at("id").as_string());
  }

  /// Delivers one journaled event and lets it be committed.
  bool event(wire::FromEngine event) {
    event.set_sequence(++sequence);
    event.set_wall_ms(now.time_since_epoch().count());
    live.on_event("e1", event);
    return live.on_commit("e1");
  }
  wire::LegState leg(std::uint64_t number, wire::LegState::State state) {
    wire::LegState leg;
    leg.set_leg(number);
    leg.set_state(state);
    leg.set_call_id("sip-" + std::to_string(number));
    return leg;
  }
  void leg_event(const wire::LegState& state) {
    wire::FromEngine news;
    *news.mutable_leg() = state;
    event(news);
  }

  std::function<WallTime()> clock() {
    return [this] { return now; };
  }

  /// Moves with the wall clock.
  std::function<TimePoint()> mono() {
    return [this] { return TimePoint(now.time_since_epoch()); };
  }
  static const dialer::Zones& test_zones() {
    static const dialer::Zones zones = load_zones();
    return zones;
  }

  WallTime now;
  std::shared_ptr<FakeEngine> engine;
  IdMaker ids;
  Store store;
  EventHub hub;
  Service service;
  Live live;
  Importer importer;
  StoredLeads leads;
  Campaigns campaigns;
  LeadEar ear;
  Plane plane;
  std::string token;
  std::uint64_t sequence = 0;
};

/// A second of a quiet tone as 8 kHz 16-bit WAV.
inline std::string wav(std::size_t samples = 8000) {
  const auto little = [](std::uint32_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
    return text;
  };
  const auto size = static_cast<std::uint32_t>(samples * 2);
  std::string file = "RIFF" + little(36 + size, 4) + "WAVEfmt " + little(16, 4) + little(1, 2) + little(1, 2) +
                     little(8000, 4) + little(16000, 4) + little(2, 2) + little(16, 2) + "data" + little(size, 4);
  for (std::size_t i = 0; i < samples; ++i) file += little(static_cast<std::uint32_t>(i % 32 * 100), 2);
  return file;
}

}  // namespace carillon::control
