// What a running campaign, or an agent, needs does not go while it is needed.

#include "tests/control/campaigns_fixture.h"

namespace carillon::control {
namespace {

class InUse : public CampaignTest {
 protected:
  int remove(const std::string& path) { return control->send("DELETE", path).status; }
  std::string phone() {
    return control->made("/v1/endpoints", R"({"name":"desk","username":"desk","password":"longenough"})");
  }
  std::string agent(const std::string& name, const std::string& endpoint) {
    return control->made("/v1/agents", R"({"name":")" + name + R"(","endpoint":")" + endpoint + R"(","campaigns":[]})");
  }
};

TEST_F(InUse, ARunningCampaignKeepsItsListTrunkAndPrompts) {
  const auto list = fill(3);
  const auto id = campaign(list, "broadcast");
  act(id, "start");
  const std::vector<std::string> needed{"/v1/lists/" + list.id, "/v1/trunks/" + trunk, "/v1/prompts/" + prompt,
                                        "/v1/prompts/" + harbour};
  for (const auto& path : needed) EXPECT_EQ(remove(path), 409) << path;
  const auto patched = control->send("PATCH", "/v1/campaigns/" + id, R"({"prompt":null})");
  EXPECT_EQ(patched.status, 422);
  EXPECT_THAT(patched.body, testing::HasSubstr("/prompt"));
  EXPECT_EQ(control->send("PATCH", "/v1/campaigns/" + id, R"({"channels_max":7})").status, 200);
  act(id, "stop");
  for (const auto& path : needed) EXPECT_EQ(remove(path), 204) << path;
}

TEST_F(InUse, AnAgentKeepsThePhone) {
  const auto endpoint = phone();
  const auto ada = agent("Ada", endpoint);
  EXPECT_EQ(remove("/v1/endpoints/" + endpoint), 409);
  EXPECT_EQ(remove("/v1/agents/" + ada), 204);
  EXPECT_EQ(remove("/v1/endpoints/" + endpoint), 204);
}

TEST_F(InUse, TwoAgentsDoNotSitAtOnePhone) {
  const auto endpoint = phone();
  const auto ada = agent("Ada", endpoint), ben = agent("Ben", endpoint);
  EXPECT_EQ(control->send("POST", "/v1/agents/" + ada + "/actions/log_in", "{}").status, 202);
  const auto refused = control->send("POST", "/v1/agents/" + ben + "/actions/log_in", "{}");
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, testing::HasSubstr("Ada"));
}

TEST_F(InUse, AnAgentWhoseKeptUpPhoneDoesNotAnswerIsToldSo) {
  const auto ada = agent("Ada", phone());
  const auto shown = [&] { return ControlProcess::json_of(control->send("GET", "/v1/agents/" + ada)); };
  EXPECT_EQ(shown().at("status_reason"), "");
  EXPECT_EQ(control->send("POST", "/v1/agents/" + ada + "/actions/log_in", "{}").status, 202);
  end(new_calls().at(0).leg(), 480, 19);
  step();
  EXPECT_EQ(shown().at("status"), "offline");
  EXPECT_EQ(shown().at("status_reason"), "phone did not answer");
}

}  // namespace
}  // namespace carillon::control
