#pragma once
// Agents and their phones for the campaigns' tests.

#include "tests/control/campaigns_fixture.h"

namespace carillon::control {

class AgentTest : public CampaignTest {
 protected:
  std::string phone() {
    const auto number = std::to_string(++phones_made);
    return control->made("/v1/endpoints", R"({"name":"desk)" + number + R"(","username":"agent)" + number +
                                              R"(","password":"longenough"})");
  }
  std::string agent_at(const std::string& phone, const std::string& campaign, const std::string& leg) {
    return control->made("/v1/agents", R"({"name":"Ada )" + std::to_string(phones_made) + R"(","endpoint":")" + phone +
                                           R"(","campaigns":[")" + campaign + R"("],"leg":")" + leg + "\"}");
  }
  void act_agent(const std::string& id, const std::string& action, int status = 202) {
    const auto response = control->send("POST", "/v1/agents/" + id + "/actions/" + action, "{}");
    EXPECT_EQ(response.status, status) << response.body;
  }
  boost::json::value shown(const std::string& id) {
    return ControlProcess::json_of(control->send("GET", "/v1/agents/" + id));
  }
  std::string status(const std::string& id) { return std::string(shown(id).at("status").as_string()); }
  // Logs in and lets the phone answer; the leg's number.
  std::uint64_t seat(const std::string& id) {
    act_agent(id, "log_in");
    const auto calls = new_calls();
    EXPECT_EQ(calls.size(), 1u);
    answer(calls.at(0).leg());
    step();
    EXPECT_EQ(status(id), "ready");
    return calls.at(0).leg();
  }
  int phones_made = 0;
};

}  // namespace carillon::control
