#pragma once
// A carrier and its people for the campaigns' tests: looks at what the engine was told, answers as the test wants.

#include <map>

#include "tests/control/fixture.h"

namespace carillon::control {

class CampaignTest : public testing::Test {
 protected:
  using Leg = wire::LegState;

  CampaignTest() {
    control = std::make_unique<ControlProcess>(folder.path());
    control->now = WallTime(std::chrono::milliseconds(1'800'014'400'000));  // 2027-01-15 12:00 UTC
    control->connect();
    trunk = control->made("/v1/trunks", R"({"name":"carrier","gateways":[{"address":"127.0.0.1"}]})");
    prompt = upload("hello", 8000);
    harbour = upload("harbour", 4000);
  }
  std::string upload(const std::string& name, std::size_t samples) {
    const auto response =
        control->send("POST", "/v1/prompts?name=" + name, wav(samples), {{"Content-Type", "audio/wav"}});
    return std::string(ControlProcess::json_of(response).at("id").as_string());
  }
  // kill -9 and a new start over the same folder and the same engine.
  void restart() {
    const auto token = control->token;
    const auto now = control->now;
    const auto sequence = control->sequence;
    const auto engine = control->engine;
    control.reset();
    control = std::make_unique<ControlProcess>(folder.path(), engine, ++seed, now);
    control->token = token;
    control->sequence = sequence;
    control->connect();
  }

  std::string project() { return control->store.find_by_key(Kind::kProjects, "default")->id; }
  LeadList fill(std::size_t leads, const std::string& name = "people") {
    LeadList list;
    list.id = control->ids.make("list", control->now);
    list.project = project();
    list.name = name;
    EXPECT_TRUE(control->store.leads().add_list(list));
    std::vector<NewLead> rows;
    for (std::size_t i = 0; i < leads; ++i) rows.push_back({.phone = "+1212555" + std::to_string(1000 + i)});
    control->store.leads().add(list, rows, AddMode::kSkip, control->now);
    return list;
  }
  std::string campaign(const LeadList& list, const std::string& mode, const std::string& more = "") {
    return control->made("/v1/campaigns",
                         R"({"name":"drive)" + std::to_string(++campaigns) + R"(","mode":")" + mode + R"(","list":")" +
                             list.id + R"(","trunks":[")" + trunk + R"("],"from":"+12125550000","prompt":")" + prompt +
                             R"(","safe_harbour_prompt":")" + harbour + R"(","opt_out_digit":"9")" +
                             (more.find("time_zone") == more.npos ? R"(,"time_zone":"UTC")" : "") + more + "}");
  }
  void act(const std::string& id, const std::string& action, int status = 202) {
    const auto response = control->send("POST", "/v1/campaigns/" + id + "/actions/" + action, "{}");
    EXPECT_EQ(response.status, status) << response.body;
  }
  boost::json::value live(const std::string& id) {
    const auto response = control->send("GET", "/v1/campaigns/" + id + "/live");
    EXPECT_EQ(response.status, 200) << response.body;
    return ControlProcess::json_of(response);
  }
  std::string state(const std::string& id) {
    return std::string(ControlProcess::json_of(control->send("GET", "/v1/campaigns/" + id)).at("state").as_string());
  }
  static std::int64_t number(const boost::json::value& value) { return value.to_number<std::int64_t>(); }

  void step(std::chrono::milliseconds pass = 250ms) {
    control->now += pass;
    control->campaigns.step();
  }
  // The calls that the engine was told of since the last look.
  std::vector<wire::Originate> new_calls() {
    const std::lock_guard lock(control->engine->mutex);
    std::vector<wire::Originate> calls;
    for (; seen < control->engine->sent.size(); ++seen)
      if (control->engine->sent[seen].has_originate()) {
        calls.push_back(control->engine->sent[seen].originate());
        ++dialed[calls.back().to()];
      }
    return calls;
  }

  void answer(std::uint64_t leg) {
    auto news = control->leg(leg, Leg::ANSWERED);
    news.set_answered_ms(control->now.time_since_epoch().count());
    control->leg_event(news);
  }
  void detect(std::uint64_t leg, const std::string& verdict) {
    wire::FromEngine news;
    news.mutable_detection()->set_leg(leg);
    news.mutable_detection()->set_verdict(verdict);
    control->event(news);
  }
  void mark(std::uint64_t leg, const std::string& mark) {
    wire::FromEngine news;
    news.mutable_mark()->set_leg(leg);
    news.mutable_mark()->set_mark(mark);
    control->event(news);
  }
  void bridged(std::uint64_t leg, std::uint64_t other) {
    wire::FromEngine news;
    news.mutable_bridge()->set_leg(leg);
    news.mutable_bridge()->set_other(other);
    news.mutable_bridge()->set_bridged(true);
    control->event(news);
    mark(leg, "connected");
  }
  void end(std::uint64_t leg, std::uint32_t status = 200, std::uint32_t cause = 16) {
    auto news = control->leg(leg, Leg::ENDED);
    news.set_sip_status(status);
    news.set_cause(cause);
    news.set_ended_by(Leg::PEER);
    news.set_ended_ms(control->now.time_since_epoch().count());
    control->leg_event(news);
  }
  // A person who hears a broadcast to its end.
  void hear(std::uint64_t leg) {
    answer(leg);
    detect(leg, "human");
    mark(leg, "message_started");
    mark(leg, "message_done");
    end(leg);
  }
  std::int64_t sum(const boost::json::value& outcomes) {
    std::int64_t total = 0;
    for (const auto& item : outcomes.as_object()) total += number(item.value());
    return total;
  }

  Folder folder;
  std::unique_ptr<ControlProcess> control;
  std::string trunk, prompt, harbour;
  std::uint64_t seed = 1;
  int campaigns = 0;
  std::size_t seen = 0;
  std::map<std::string, int> dialed;
};

}  // namespace carillon::control
