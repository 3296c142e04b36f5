#pragma once
// Webhooks without sockets: a transport that notes requests and answers when the test says so. A second HookControl
// over the same folder is the first after a kill.

#include "control/connector/signature.h"
#include "control/connector/webhooks.h"
#include "tests/control/fixture.h"

namespace carillon::control {

class FakeTransport : public HookTransport {
 public:
  struct Sent {
    HookRequest request;
    std::function<void(HookAnswer)> done;
    std::string header(std::string_view name) const {
      for (const auto& [key, value] : request.headers)
        if (key == name) return value;
      return {};
    }
    boost::json::value body() const { return boost::json::parse(request.body); }
  };
  void send(HookRequest request, std::function<void(HookAnswer)> done) override {
    sent.push_back({std::move(request), std::move(done)});
  }
  /// Answers everything that was sent so far with that status; 0: nobody answers.
  std::size_t answer_all(int status, HeaderList headers = {}, std::string body = {}) {
    const auto waiting = std::exchange(sent, {});
    for (const auto& one : waiting) {
      seen.push_back(one);
      one.done({.status = status,
                .headers = headers,
                .body = body,
                .error = status == 0 ? "connect: refused" : "",
                .took = 12ms});
    }
    return waiting.size();
  }
  std::vector<Sent> sent;  ///< not answered yet
  std::vector<Sent> seen;
};

struct HookControl {
  explicit HookControl(const std::string& folder,
                       WallTime start = WallTime(std::chrono::milliseconds(1'800'000'000'000)), std::string token = "",
                       WebhookLimits limits = {}, std::uint64_t seed = 1)
      : control(folder, std::make_shared<FakeEngine>(), seed, start),
        hooks(folder),
        webhooks({control.store, hooks, control.ids, control.hub, control.clock(), transport, seed}, limits) {
    control.plane.webhooks = &webhooks;
    control.service.add(webhook_operations(control.plane));
    if (!token.empty()) control.token = std::move(token);
  }

  std::string project() { return control.store.find_by_key(Kind::kProjects, "default")->id; }
  std::string event(const std::string& type = "call.ended", const std::string& of_project = "") {
    const auto id = control.ids.make("evt", control.now);
    Changes changes;
    changes.events.push_back({.id = id,
                              .project = of_project.empty() ? project() : of_project,
                              .type = type,
                              .time_ms = control.now.time_since_epoch().count(),
                              .data = R"({"note":"Zoë"})"});
    control.store.apply(changes);
    control.hub.notify();
    return id;
  }
  boost::json::value hook(const std::string& events = R"(["call.ended"])",
                          const std::string& url = "https://crm.example.com/in?x=1") {
    const auto response = control.send("POST", "/v1/webhooks", R"({"url":")" + url + R"(","events":)" + events + "}");
    EXPECT_EQ(response.status, 201) << response.body;
    return ControlProcess::json_of(response);
  }
  boost::json::value get(const std::string& path) {
    const auto response = control.send("GET", path);
    EXPECT_EQ(response.status, 200) << response.body;
    return ControlProcess::json_of(response);
  }
  boost::json::value shown(const std::string& id) { return get("/v1/webhooks/" + id); }
  boost::json::array deliveries(const std::string& query = "") {
    return get("/v1/webhook_deliveries" + query).at("data").as_array();
  }
  /// Steps at the times that the scheduler names, and answers with `status`, until nothing is due before `until`.
  void run(WallTime until, int status) {
    for (int turn = 0; turn < 10'000; ++turn) {
      const auto next = webhooks.step();
      if (transport.answer_all(status) > 0) continue;
      if (!next || *next > until) return;
      if (*next > control.now) control.now = *next;
    }
    ADD_FAILURE() << "it never rests";
  }

  ControlProcess control;
  HookStore hooks;
  FakeTransport transport;
  Webhooks webhooks;
};

}  // namespace carillon::control
