// What campaigns and agents live through: an engine that is killed, control that is killed, links that break. Judged by
// what the engine was told.

#include "tests/control/agents_fixture.h"

namespace carillon::control {
namespace {

class Recovery : public AgentTest {
 protected:
  std::string agent(const std::string& campaign, const std::string& leg = "kept_up") {
    phones.push_back(phone());
    registers(phones.back());
    return agent_at(phones.back(), campaign, leg);
  }
  void registers(const std::string& phone) {
    wire::FromEngine news;
    news.mutable_endpoint()->set_id(phone);
    news.mutable_endpoint()->set_registered(true);
    control->event(news);
  }
  std::uint64_t person() {
    for (int i = 0; i < 8; ++i) {
      step();
      for (const auto& call : new_calls()) {
        answer(call.leg());
        detect(call.leg(), "human");
        mark(call.leg(), "person");
        return call.leg();
      }
    }
    ADD_FAILURE() << "nobody was called";
    return 0;
  }

  // A new control over the same folder, its engine not yet heard of.
  void kill_control() {
    const auto token = control->token;
    const auto now = control->now;
    const auto sequence = control->sequence;
    const auto engine = control->engine;
    engine->is_connected = false;
    control.reset();
    control = std::make_unique<ControlProcess>(folder.path(), engine, ++seed, now);
    control->token = token;
    control->sequence = sequence;
  }
  void engine_is_there(const std::vector<std::uint64_t>& living, const std::string& boot = "") {
    control->engine->is_connected = true;
    control->engine->snapshot.clear_legs();
    for (const auto number : living) *control->engine->snapshot.add_legs() = control->leg(number, Leg::ANSWERED);
    wire::Welcome welcome;
    welcome.set_engine("fake");
    welcome.set_epoch("epoch-1");
    welcome.set_boot(boot);
    control->live.on_connected("e1", welcome);
    control->live.settle();
  }
  // kill -9 of the engine and its return: the journal ends what lived, phones have still to register.
  void restart_engine(const std::vector<std::uint64_t>& living) {
    control->engine->is_connected = false;
    control->live.on_lost("e1");
    for (int i = 0; i < 8; ++i) step();
    wire::Welcome welcome;
    welcome.set_engine("fake");
    welcome.set_epoch("epoch-1");
    welcome.set_boot("boot-" + std::to_string(++boots));
    control->engine->is_connected = true;
    control->engine->snapshot.clear_legs();
    control->live.on_connected("e1", welcome);
    for (const auto number : living) {
      auto news = control->leg(number, Leg::ENDED);
      news.set_reason("engine restarted");
      news.set_cause(41);
      news.set_ended_by(Leg::ENGINE);
      control->leg_event(news);
    }
    control->live.settle();
  }

  std::vector<std::string> phones;
  int boots = 0;
};

TEST_F(Recovery, WhoGetsWhomIsOnDiskBeforeTheBridgeLeaves) {
  const auto id = campaign(fill(5), "predictive");
  const auto ada = agent(id);
  seat(ada);
  act(id, "start");
  person();
  step();
  ASSERT_EQ(control->engine->count(wire::ToEngine::kBridge), 1u);
  const auto rows = control->store.open_attempts();
  ASSERT_FALSE(rows.empty());
  EXPECT_NE(rows[0].body.find(ada), std::string::npos);
}

TEST_F(Recovery, APersonKeepsHisAgentWhenControlIsBackBeforeItsEngine) {
  const auto id = campaign(fill(9), "predictive");
  const auto ada = agent(id), bob = agent(id);
  const std::map<std::uint64_t, std::string> desks{{seat(ada), ada}, {seat(bob), bob}};
  act(id, "start");
  const auto leg = person();
  step();
  const auto desk = control->engine->last(wire::ToEngine::kBridge).bridge().other();
  const auto bridges = control->engine->count(wire::ToEngine::kBridge);
  kill_control();
  for (int i = 0; i < 4; ++i) step();
  EXPECT_EQ(control->engine->count(wire::ToEngine::kBridge), bridges);
  EXPECT_EQ(status(desks.at(desk)), "reserved");
  engine_is_there({leg, desks.begin()->first, desks.rbegin()->first});
  step();
  EXPECT_EQ(control->engine->count(wire::ToEngine::kBridge), bridges + 1);  // the same once more: the engine knows it
  EXPECT_EQ(control->engine->last(wire::ToEngine::kBridge).bridge().leg(), leg);
  EXPECT_EQ(control->engine->last(wire::ToEngine::kBridge).bridge().other(), desk);
  mark(leg, "connected");
  step();
  EXPECT_EQ(status(desks.at(desk)), "talking");
}

TEST_F(Recovery, AMarkThatCameWhileControlWasAwayIsLearnedFromTheSnapshot) {
  const auto id = campaign(fill(5), "predictive");
  const auto ada = agent(id);
  const auto desk = seat(ada);
  act(id, "start");
  const auto leg = person();
  step();
  kill_control();
  control->engine->is_connected = true;
  control->engine->snapshot.clear_legs();
  *control->engine->snapshot.add_legs() = control->leg(desk, Leg::ANSWERED);
  auto state = control->leg(leg, Leg::ANSWERED);
  state.set_last_mark("connected");
  *control->engine->snapshot.add_legs() = state;
  control->connect();
  step();
  EXPECT_EQ(status(ada), "talking");
  auto news = control->leg(leg, Leg::ENDED);
  news.set_sip_status(200);
  news.set_last_mark("connected");
  news.set_ended_by(Leg::PEER);
  control->leg_event(news);
  step();
  EXPECT_EQ(status(ada), "wrap_up");
  EXPECT_EQ(number(live(id).at("outcomes").at("connected")), 1);
}

TEST_F(Recovery, AConnectionThatOnlyItsEndTellsOfIsWrappedUp) {
  const auto id = campaign(fill(5), "predictive");
  const auto ada = agent(id);
  seat(ada);
  act(id, "start");
  const auto leg = person();
  step();
  auto news = control->leg(leg, Leg::ENDED);
  news.set_sip_status(200);
  news.set_last_mark("connected");
  news.set_ended_by(Leg::PEER);
  control->leg_event(news);
  step();
  EXPECT_EQ(status(ada), "wrap_up");
}

TEST_F(Recovery, AnEnginesEndCallsItsAgentsAgainAndTheCampaignGoesOn) {
  const auto id = campaign(fill(5), "predictive", R"(,"wrap_up_s":5)");
  const auto ada = agent(id), bob = agent(id);
  const auto first = seat(ada), second = seat(bob);
  act_agent(bob, "break");
  act(id, "start");
  const auto leg = person();
  step();
  bridged(leg, first);
  step();
  ASSERT_EQ(status(ada), "talking");
  new_calls();
  restart_engine({leg, first, second});
  step();
  EXPECT_EQ(status(ada), "offline");
  EXPECT_TRUE(new_calls().empty());  // no phone has registered yet, no agent: nobody is called
  EXPECT_EQ(number(live(id).at("outcomes").at("connected")), 1);
  for (const auto& phone : phones) registers(phone);
  step(6s);
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 2u);
  for (const auto& call : calls) {
    EXPECT_TRUE(call.to().starts_with("agent")) << call.to();
    answer(call.leg());
  }
  step();
  EXPECT_EQ(status(ada), "ready");
  EXPECT_EQ(status(bob), "break");
  person();
  step();
  EXPECT_EQ(status(ada), "reserved");
}

TEST_F(Recovery, AControlKilledBeforeItHeardOfTheEnginesEndCallsAgentsAgainToo) {
  const auto id = campaign(fill(5), "predictive");
  const auto ada = agent(id);
  const auto desk = seat(ada);
  kill_control();
  restart_engine({desk});
  step();
  EXPECT_EQ(status(ada), "offline");
  kill_control();  // and once more, after the end was committed
  engine_is_there({}, "boot-1");
  registers(phones[0]);
  step(6s);
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  answer(calls[0].leg());
  step();
  EXPECT_EQ(status(ada), "ready");
}

TEST_F(Recovery, APhoneThatDoesNotComeBackLeavesItsAgentOffline) {
  const auto id = campaign(fill(5), "predictive");
  const auto ada = agent(id), bob = agent(id);
  const auto first = seat(ada), second = seat(bob);
  restart_engine({first, second});
  registers(phones[0]);  // rings, and nobody answers
  for (int i = 0; i < 20; ++i) {
    step(6s);
    for (const auto& call : new_calls()) {
      if (i > 2) control->leg_event(control->leg(call.leg(), Leg::RINGING));
      end(call.leg(), i > 2 ? 480 : 486, 19);  // first it is busy with its dead call
    }
    if (i == 3) {
      EXPECT_EQ(control->store.seats().size(), 2u);
    }
  }
  EXPECT_EQ(control->store.seats().size(), 1u);
  step(16min);
  EXPECT_TRUE(control->store.seats().empty());
  registers(phones[1]);
  step(6s);
  EXPECT_TRUE(new_calls().empty());
  EXPECT_EQ(status(bob), "offline");
}

TEST_F(Recovery, AnOnDemandPhoneRingsOnceWhateverControlDoes) {
  const auto id = campaign(fill(3), "progressive");
  const auto ada = agent(id, "on_demand");
  act_agent(ada, "log_in");
  act(id, "start");
  const auto leg = person();
  step();
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].bridge_to(), leg);
  kill_control();
  engine_is_there({leg, calls[0].leg()});
  for (int i = 0; i < 4; ++i) step();
  EXPECT_TRUE(new_calls().empty());
}

TEST_F(Recovery, AnOnDemandPhoneThatTheEngineNeverCalledIsCalledAgain) {
  const auto id = campaign(fill(3), "progressive");
  const auto ada = agent(id, "on_demand");
  act_agent(ada, "log_in");
  act(id, "start");
  const auto leg = person();
  step();
  ASSERT_EQ(new_calls().size(), 1u);
  kill_control();
  engine_is_there({leg});  // the phone's leg is unknown there: its Originate was lost with control
  for (int i = 0; i < 4; ++i) step();
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].bridge_to(), leg);
  EXPECT_NE(status(ada), "offline");
}

TEST_F(Recovery, HundredsInFlightWhenTheEngineDiesAreTriedAgainAndAreNobodysRefusal) {
  const auto list = fill(300);
  const auto id = campaign(list, "broadcast", R"(,"channels_max":300,"calls_per_second_max":1000)");
  act(id, "start");
  std::vector<std::uint64_t> living;
  for (int i = 0; i < 8; ++i) {
    step();
    for (const auto& call : new_calls()) living.push_back(call.leg());
  }
  ASSERT_EQ(living.size(), 300u);
  for (std::size_t i = 0; i < 100; ++i) answer(living[i]);
  for (std::size_t i = 0; i < 50; ++i) {
    detect(living[i], "human");
    mark(living[i], "message_started");
  }
  step();
  restart_engine(living);
  step();
  auto now = live(id);
  EXPECT_EQ(number(now.at("outcomes").at("failed")), 300);
  EXPECT_EQ(sum(now.at("outcomes")), 300);
  EXPECT_EQ(number(now.at("answered_by_person")), 0);  // a failed call is nobody's answer
  EXPECT_EQ(number(now.at("pending")), 300);
  EXPECT_EQ(state(id), "running");
  EXPECT_TRUE(new_calls().empty());  // the rule says: in a minute
  int turns = 0;
  while (state(id) == "running" && ++turns < 400) {
    step(1s);
    for (const auto& call : new_calls()) hear(call.leg());
  }
  now = live(id);
  EXPECT_EQ(state(id), "finished");
  EXPECT_EQ(number(now.at("outcomes").at("message_heard")), 300);
  EXPECT_EQ(number(now.at("attempts")), 600);
  for (const auto& [number, times] : dialed) EXPECT_EQ(times, 2) << number;
}

TEST_F(Recovery, WhatACampaignHasDoneIsCountedAfterARestartToo) {
  const auto id = campaign(fill(20), "predictive", R"(,"channels_max":1,"wrap_up_s":0)");
  const auto ada = agent(id);
  const auto desk = seat(ada);
  act(id, "start");
  for (int i = 0; i < 3; ++i) {
    const auto leg = person();
    step();
    if (i == 0) {
      mark(leg, "safe_harbour");
    } else {
      bridged(leg, desk);
      step();
    }
    end(leg);
    step();
    step();
  }
  const auto before = live(id);
  ASSERT_EQ(number(before.at("answered_by_person")), 3);
  ASSERT_EQ(number(before.at("abandoned")), 1);
  kill_control();
  engine_is_there({desk});
  const auto after = live(id);
  for (const char* figure : {"attempts", "outcomes", "answered_by_person", "connected", "abandoned",
                             "abandoned_rate_day", "abandoned_rate_30_days"})
    EXPECT_EQ(before.at(figure), after.at(figure)) << figure;
}

TEST_F(Recovery, AnOriginateThatTheEngineTookWithItIsEndedByTheJournalAlone) {
  const auto id = campaign(fill(1), "broadcast");
  act(id, "start");
  step();
  const auto command = control->engine->last(wire::ToEngine::kOriginate);
  wire::FromEngine done;
  done.set_answers(command.id());
  done.mutable_done()->set_ok(false);
  done.mutable_done()->set_error(kEngineRestarted);
  control->live.on_event("e1", done);
  control->live.on_commit("e1");
  step();
  EXPECT_EQ(number(live(id).at("calls")), 1);  // not over yet: the journal may know more
  auto news = control->leg(command.originate().leg(), Leg::ENDED);
  news.set_answered_ms(control->now.time_since_epoch().count());
  news.set_reason("engine restarted");
  news.set_ended_by(Leg::ENGINE);
  control->leg_event(news);
  control->leg_event(news);
  step();
  EXPECT_EQ(number(live(id).at("outcomes").at("failed")), 1);
  EXPECT_EQ(ControlProcess::json_of(control->send("GET", "/v1/calls")).at("data").as_array().size(), 1u);
}

TEST_F(Recovery, ALegWhoseBooksAreClosedIsHungUp) {
  const auto id = campaign(fill(1), "broadcast");
  act(id, "start");
  step();
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  hear(calls[0].leg());
  step();
  engine_is_there({calls[0].leg()});
  EXPECT_EQ(control->engine->last(wire::ToEngine::kHangup).hangup().leg(), calls[0].leg());
  EXPECT_EQ(ControlProcess::json_of(control->send("GET", "/v1/calls")).at("data").as_array().size(), 1u);
}

TEST_F(Recovery, ASnapshotThatFailsIsAskedForAgain) {
  control->engine->snapshots_to_fail = 2;
  engine_is_there({}, "boot-2");
  EXPECT_EQ(control->engine->snapshots_to_fail, 0);
  EXPECT_TRUE(control->live.ready());
}

}  // namespace
}  // namespace carillon::control
