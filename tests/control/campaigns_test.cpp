// Broadcasts from start to finish: books balance, the law holds, a kill in the middle loses and doubles nothing.

#include "tests/control/campaigns_fixture.h"

namespace carillon::control {
namespace {

using Broadcast = CampaignTest;

TEST_F(Broadcast, RunsToItsEndAndTheBooksBalance) {
  const auto list = fill(30);
  const auto id =
      campaign(list, "broadcast", R"(,"retry":{"busy":{"times":0},"machine":{"times":0}},"calls_per_second_max":20)");
  act(id, "start");
  int turns = 0, calls = 0;
  while (state(id) == "running" && ++turns < 200) {
    step();
    for (const auto& call : new_calls()) {
      switch (calls++ % 3) {
        case 0:
          hear(call.leg());
          break;
        case 1:
          end(call.leg(), 486, 17);
          break;
        default:
          answer(call.leg());
          detect(call.leg(), "machine");
          end(call.leg());
      }
    }
  }
  EXPECT_EQ(state(id), "finished");
  const auto now = live(id);
  EXPECT_EQ(number(now.at("leads")), 30);
  EXPECT_EQ(number(now.at("outcomes").at("message_heard")), 10);
  EXPECT_EQ(number(now.at("outcomes").at("busy")), 10);
  EXPECT_EQ(number(now.at("machines")), number(now.at("outcomes").at("machine")));
  EXPECT_EQ(number(now.at("attempts")), calls);
  EXPECT_EQ(sum(now.at("outcomes")), calls);
  EXPECT_EQ(number(now.at("answered_by_person")), 10);
  EXPECT_EQ(number(now.at("in_hand")), 0);
}

TEST_F(Broadcast, AnAttemptShowsTheRecordingThatWasReadyAfterItsEnd) {
  const auto id = campaign(fill(1), "broadcast");
  act(id, "start");
  step();
  const auto leg = new_calls().at(0).leg();
  hear(leg);
  step();
  wire::FromEngine news;
  news.mutable_record_done()->set_leg(leg);
  news.mutable_record_done()->set_path("a.wav");
  control->event(news);
  control->live.settle();
  const auto attempts = ControlProcess::json_of(control->send("GET", "/v1/attempts?campaign=" + id)).at("data");
  const auto& attempt = attempts.at(0);
  ASSERT_TRUE(attempt.at("recording").is_string());
  EXPECT_TRUE(attempt.at("recording").as_string().starts_with("rec_"));
  const std::string one(attempt.at("id").as_string()), lead(attempt.at("lead").as_string());
  EXPECT_EQ(ControlProcess::json_of(control->send("GET", "/v1/attempts/" + one)).at("recording"),
            attempt.at("recording"));
  const auto shown = ControlProcess::json_of(control->send("GET", "/v1/leads/" + lead));
  EXPECT_EQ(shown.at("history").at(0).at("recording"), attempt.at("recording"));
}

TEST_F(Broadcast, AnAttemptIsOnDiskBeforeItsCallLeaves) {
  const auto list = fill(1);
  const auto id = campaign(list, "broadcast");
  act(id, "start");
  step();
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  const auto rows = control->store.open_attempts();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].state, "dialing");
  EXPECT_TRUE(control->store.call(project(), rows[0].call).has_value());
  EXPECT_EQ(calls[0].ring_time_ms(), 20'000u);
  EXPECT_TRUE(calls[0].plan().record());
  hear(calls[0].leg());
  step();
  step();
  EXPECT_TRUE(control->store.open_attempts().empty());
  const auto page = ControlProcess::json_of(control->send("GET", "/v1/attempts?campaign=" + id)).at("data").as_array();
  ASSERT_EQ(page.size(), 1u);
  EXPECT_EQ(page[0].at("outcome").as_string(), "message_heard");
  EXPECT_TRUE(page[0].at("lead").as_string().starts_with("lead_"));
}

TEST_F(Broadcast, AnOptOutDigitBlocksTheNumberAtOnceEverywhere) {
  const auto first = fill(1, "a"), second = fill(1, "b");  // the same person in two lists
  const auto one = campaign(first, "broadcast"), two = campaign(second, "broadcast");
  act(one, "start");
  step();
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  answer(calls[0].leg());
  mark(calls[0].leg(), "message_started");
  mark(calls[0].leg(), "opt_out");
  step();
  EXPECT_TRUE(control->store.leads().blocked(project(), calls[0].to()).has_value());
  act(two, "start");
  end(calls[0].leg());
  for (int i = 0; i < 8; ++i) step();
  EXPECT_TRUE(new_calls().empty());
  EXPECT_EQ(number(live(one).at("outcomes").at("opted_out")), 1);
  EXPECT_EQ(state(two), "finished");
  EXPECT_EQ(number(live(two).at("attempts")), 0);
}

TEST_F(Broadcast, ANumberBlockedASecondBeforeItsTurnIsNotDialed) {
  const auto list = fill(3);
  const auto id = campaign(list, "broadcast", R"(,"channels_max":1)");
  act(id, "start");
  step();
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string phone = "+1212555" + std::to_string(1000 + i);
    if (phone != calls[0].to()) control->store.leads().block(project(), std::span(&phone, 1), "asked", control->now);
  }
  hear(calls[0].leg());
  for (int i = 0; i < 12; ++i) step();
  EXPECT_TRUE(new_calls().empty());
  EXPECT_EQ(state(id), "finished");
  EXPECT_EQ(number(live(id).at("attempts")), 1);
}

TEST_F(Broadcast, StartNamesAllThatIsMissing) {
  LeadList empty = fill(0);
  const auto id = control->made("/v1/campaigns", R"({"name":"bare","mode":"predictive","list":")" + empty.id + "\"}");
  const auto response = control->send("POST", "/v1/campaigns/" + id + "/actions/start", "{}");
  EXPECT_EQ(response.status, 422) << response.body;
  for (const char* pointer : {"/safe_harbour_prompt", "/from", "/trunks", "/lists"})
    EXPECT_NE(response.body.find(pointer), std::string::npos) << pointer;
  EXPECT_EQ(state(id), "stopped");
}

TEST_F(Broadcast, OutsideTheWindowNobodyIsCalled) {
  const auto list = fill(2);
  const auto id = campaign(list, "broadcast", R"(,"window":{"sat":[{"from":"08:00","until":"21:00"}]})");
  act(id, "start");
  for (int i = 0; i < 8; ++i) step();
  EXPECT_TRUE(new_calls().empty());  // it is Friday
  const auto text = std::string(live(id).at("text").as_string());
  EXPECT_NE(text.find("0 dialable because"), std::string::npos) << text;
  EXPECT_EQ(number(live(id).at("refusals").at("outside_window")), 2);
  step(20h);
  for (int i = 0; i < 8; ++i) step(1s);
  EXPECT_EQ(new_calls().size(), 2u);
}

TEST_F(Broadcast, PauseStopAndStopAll) {
  const auto list = fill(20);
  const auto id = campaign(list, "broadcast", R"(,"channels_max":4,"calls_per_second_max":100)");
  act(id, "start");
  step();
  EXPECT_EQ(new_calls().size(), 4u);
  act(id, "pause");
  for (int i = 0; i < 4; ++i) step();
  EXPECT_TRUE(new_calls().empty());
  EXPECT_EQ(state(id), "paused");
  act(id, "start");
  const auto response = control->send("POST", "/v1/actions/stop_all", R"({"hang_up":true})");
  EXPECT_EQ(ControlProcess::json_of(response).at("paused").as_int64(), 1);
  EXPECT_EQ(control->engine->count(wire::ToEngine::kHangup), 4u);
  act(id, "stop");
  step();
  EXPECT_EQ(number(live(id).at("in_hand")), 4);  // what the dialer held is back in its list
  EXPECT_EQ(control->send("DELETE", "/v1/campaigns/" + id).status, 409);
}

TEST_F(Broadcast, CopyAndTestCall) {
  const auto list = fill(1);
  const auto id = campaign(list, "broadcast");
  const auto copy = control->send("POST", "/v1/campaigns/" + id + "/actions/copy", "{}");
  EXPECT_EQ(copy.status, 201);
  EXPECT_EQ(ControlProcess::json_of(copy).at("state").as_string(), "stopped");
  const auto call = control->send("POST", "/v1/campaigns/" + id + "/actions/test_call", R"({"to":"+12125559999"})");
  EXPECT_EQ(call.status, 201) << call.body;
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].to(), "+12125559999");
  hear(calls[0].leg());
  step();
  EXPECT_EQ(number(live(id).at("attempts")), 0);
  EXPECT_EQ(
      ControlProcess::code_of(control->send("POST", "/v1/campaigns/" + id + "/actions/test_call", R"({"to":"911"})")),
      "403 emergency_number");
}

TEST_F(Broadcast, AKillInTheMiddleLosesNoLeadAndDialsNoneTwice) {
  const auto list = fill(12);
  const auto id = campaign(list, "broadcast", R"(,"channels_max":3,"calls_per_second_max":100)");
  act(id, "start");
  step();
  auto calls = new_calls();
  ASSERT_EQ(calls.size(), 3u);
  hear(calls[0].leg());  // its end is on disk, the campaigns have not seen it
  answer(calls[1].leg());
  control->engine->snapshot.clear_legs();
  *control->engine->snapshot.add_legs() = control->leg(calls[1].leg(), Leg::ANSWERED);  // the third is unknown there
  restart();
  EXPECT_EQ(state(id), "running");
  std::set<std::uint64_t> over{calls[0].leg(), calls[2].leg()};
  step();
  detect(calls[1].leg(), "human");
  mark(calls[1].leg(), "message_started");
  mark(calls[1].leg(), "message_done");
  end(calls[1].leg());
  int turns = 0;
  while (state(id) == "running" && ++turns < 400) {
    step(1s);
    for (const auto& call : new_calls()) hear(call.leg());
  }
  EXPECT_EQ(state(id), "finished");
  EXPECT_EQ(dialed.size(), 12u);
  for (const auto& [number, times] : dialed) EXPECT_EQ(times, number == calls[2].to() ? 2 : 1) << number;
  const auto now = live(id);
  EXPECT_EQ(number(now.at("outcomes").at("message_heard")), 12);
  EXPECT_EQ(number(now.at("outcomes").at("failed")), 1);  // the engine had lost it: tried again by the rules
  EXPECT_EQ(sum(now.at("outcomes")), number(now.at("attempts")));
  EXPECT_EQ(number(now.at("done")), 12);
}

TEST_F(Broadcast, WithoutAnEngineItWaitsAndGoesOn) {
  const auto list = fill(2);
  const auto id = campaign(list, "broadcast");
  control->engine->is_connected = false;
  act(id, "start");
  for (int i = 0; i < 4; ++i) step();
  EXPECT_EQ(number(live(id).at("attempts")), 0);
  EXPECT_EQ(live(id).at("pacing").at("reason").as_string(), "no engine is connected");
  control->engine->is_connected = true;
  control->connect();
  for (int i = 0; i < 4; ++i) step();
  EXPECT_EQ(new_calls().size(), 2u);
}

TEST_F(Broadcast, TheLiveStateIsAFigureForFollowers) {
  const auto list = fill(2);
  const auto id = campaign(list, "broadcast");
  act(id, "start");
  step();
  step(1s);
  const auto response = control->send("GET", "/v1/events");
  ASSERT_TRUE(response.stream);
  const auto text = response.stream->next();
  EXPECT_NE(text.find("event: campaign.live"), std::string::npos) << text;
  EXPECT_NE(text.find(id), std::string::npos);
  EXPECT_EQ(response.stream->next(), "");  // nothing new: nothing said
}

// A page that follows a paused campaign would show its last calls for ever.
TEST_F(Broadcast, TheLastFigureOfAPausedCampaignShowsNoCalls) {
  const auto list = fill(2);
  const auto id = campaign(list, "broadcast", R"(,"channels_max":1)");
  act(id, "start");
  for (int i = 0; i < 4; ++i) step();
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  act(id, "pause");
  step(1s);
  const auto response = control->send("GET", "/v1/events");
  (void)response.stream->next();
  end(calls[0].leg(), 486, 17);
  for (int i = 0; i < 8; ++i) step();
  const auto text = response.stream->next();
  EXPECT_NE(text.find("\"calls\":0"), std::string::npos) << text;
}

}  // namespace
}  // namespace carillon::control
