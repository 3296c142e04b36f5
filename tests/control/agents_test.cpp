// Agents: seats that are kept up, people bridged to them, what they say, and what outlives a restart.

#include "tests/control/agents_fixture.h"

namespace carillon::control {
namespace {

class Agents : public AgentTest {
 protected:
  std::string agent(const std::string& campaign, const std::string& leg = "kept_up") {
    return agent_at(phone(), campaign, leg);
  }
  // A predictive campaign's first person, waiting for an agent.
  std::uint64_t person() {
    for (int i = 0; i < 8; ++i) {
      step();
      for (const auto& call : new_calls()) {
        answer(call.leg());
        detect(call.leg(), "human");
        mark(call.leg(), "person");
        step();
        return call.leg();
      }
    }
    ADD_FAILURE() << "nobody was called";
    return 0;
  }
};

TEST_F(Agents, APersonIsBridgedToTheKeptUpLegAndWrapUpFollows) {
  const auto id = campaign(fill(5), "predictive", R"(,"wrap_up_s":5)");
  const auto ada = agent(id);
  const auto desk = seat(ada);
  act(id, "start");
  const auto leg = person();
  const auto bridge = control->engine->last(wire::ToEngine::kBridge).bridge();
  EXPECT_EQ(bridge.leg(), leg);
  EXPECT_EQ(bridge.other(), desk);
  EXPECT_EQ(status(ada), "reserved");
  bridged(leg, desk);
  step();
  EXPECT_EQ(status(ada), "talking");
  const auto current = shown(ada).at("current");
  EXPECT_TRUE(current.at("lead").at("phone").as_string().starts_with("+1212555"));
  end(leg);
  step();
  EXPECT_EQ(status(ada), "wrap_up");
  EXPECT_EQ(shown(ada).at("current").at("attempt"), current.at("attempt"));
  step(6s);
  EXPECT_EQ(status(ada), "ready");
  EXPECT_EQ(number(live(id).at("connected")), 1);
  EXPECT_EQ(number(live(id).at("outcomes").at("connected")), 1);
}

TEST_F(Agents, NobodyFreeInTimeIsAnAbandonedCallInTheBooks) {
  const auto id = campaign(fill(3), "predictive");
  const auto ada = agent(id);
  seat(ada);
  act(id, "start");
  step();
  auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  act_agent(ada, "break");
  answer(calls[0].leg());
  detect(calls[0].leg(), "human");
  mark(calls[0].leg(), "person");
  step();
  EXPECT_EQ(number(live(id).at("waiting")), 1);
  mark(calls[0].leg(), "safe_harbour");
  step();
  end(calls[0].leg());
  step();
  const auto now = live(id);
  EXPECT_EQ(number(now.at("outcomes").at("abandoned")), 1);
  EXPECT_EQ(number(now.at("abandoned")), 1);
  EXPECT_EQ(now.at("abandoned_rate_day").to_number<double>(), 1.0);
  EXPECT_EQ(number(now.at("agents").at("break")), 1);
}

TEST_F(Agents, AnOnDemandPhoneRingsForThePersonAndGoesOfflineWhenItDoesNotAnswer) {
  const auto id = campaign(fill(3), "progressive");
  const auto ada = agent(id, "on_demand");
  act_agent(ada, "log_in");
  EXPECT_EQ(status(ada), "ready");
  act(id, "start");
  const auto leg = person();
  const auto phone = control->engine->last(wire::ToEngine::kOriginate).originate();
  EXPECT_EQ(phone.bridge_to(), leg);
  EXPECT_FALSE(phone.endpoint().empty());
  EXPECT_EQ(phone.to(), "agent1");  // the phone is called by its own name, not the agent's
  end(phone.leg(), 480, 18);
  step();
  EXPECT_EQ(status(ada), "offline");
  EXPECT_EQ(number(live(id).at("waiting")), 1);
}

TEST_F(Agents, APhoneThatHangsUpTakesItsAgentOffline) {
  const auto id = campaign(fill(3), "predictive");
  const auto ada = agent(id);
  const auto desk = seat(ada);
  end(desk);
  step();
  EXPECT_EQ(status(ada), "offline");
  EXPECT_TRUE(control->store.seats().empty());
}

TEST_F(Agents, ARefusedBridgePutsThePersonBackAtTheHead) {
  const auto id = campaign(fill(3), "predictive");
  const auto ada = agent(id);
  seat(ada);
  act(id, "start");
  person();
  const auto command = control->engine->last(wire::ToEngine::kBridge);
  act_agent(ada, "log_out");  // after the call in hand
  wire::FromEngine done;
  done.set_answers(command.id());
  done.mutable_done()->set_ok(false);
  done.mutable_done()->set_error("bridge: a leg is bridged already");
  control->live.on_event("e1", done);
  control->live.on_commit("e1");
  step();
  EXPECT_EQ(number(live(id).at("waiting")), 1);
  EXPECT_EQ(status(ada), "offline");
}

TEST_F(Agents, ADispositionCallsBackBlocksAndIsKept) {
  const auto id = campaign(fill(1), "predictive");
  const auto ada = agent(id);
  const auto desk = seat(ada);
  act(id, "start");
  const auto leg = person();
  bridged(leg, desk);
  end(leg);
  step();
  const auto attempt = std::string(shown(ada).at("current").at("attempt").as_string());
  const auto path = "/v1/attempts/" + attempt + "/actions/disposition";
  auto response = control->send(
      "POST", path,
      R"({"agent":")" + ada + R"(","disposition":"callback","callback_at":")" + rfc3339(control->now + 1h) + "\"}");
  EXPECT_EQ(response.status, 200) << response.body;
  const auto lead = control->store.leads().leads({.project = project()}).at(0);
  EXPECT_EQ(lead.disposition, "callback");
  EXPECT_EQ(lead.state, LeadState::kPending);
  EXPECT_EQ(lead.lead.not_before, control->now + 1h);
  EXPECT_EQ(lead.lead.sticky.value, dialer_number(ada));
  response = control->send("POST", path, R"({"agent":")" + ada + R"(","disposition":"do_not_call"})");
  EXPECT_TRUE(control->store.leads().blocked(project(), lead.lead.number).has_value());
  std::vector<std::string> told;  // followers and webhooks hear of each
  for (const EventRow& event : control->store.events(project(), 0, 1000))
    if (event.type == "disposition.set") {
      const auto data = boost::json::parse(event.data);
      EXPECT_EQ(data.at("id").as_string(), attempt);
      EXPECT_EQ(data.at("attempt").as_string(), attempt);
      told.emplace_back(data.at("disposition").as_string());
    }
  EXPECT_THAT(told, testing::ElementsAre("callback", "do_not_call"));
}

TEST_F(Agents, ARestartKeepsSeatsAndTheirPeople) {
  const auto id = campaign(fill(5), "predictive");
  const auto ada = agent(id), bob = agent(id);
  const auto desk = seat(ada), other = seat(bob);
  act(id, "start");
  const auto leg = person();
  const auto joined = control->engine->last(wire::ToEngine::kBridge).bridge().other();
  bridged(leg, joined);
  control->engine->snapshot.clear_legs();
  for (const auto number : {desk, other, leg})
    *control->engine->snapshot.add_legs() = control->leg(number, Leg::ANSWERED);
  restart();
  step();
  const auto talker = joined == desk ? ada : bob, idle = joined == desk ? bob : ada;
  EXPECT_EQ(status(talker), "talking");
  EXPECT_EQ(status(idle), "ready");
  end(leg);
  step();
  EXPECT_EQ(status(talker), "wrap_up");
  EXPECT_EQ(number(live(id).at("outcomes").at("connected")), 1);
  for (const auto& call : new_calls()) EXPECT_EQ(dialed[call.to()], 1);
}

}  // namespace
}  // namespace carillon::control
