// What engines say becomes rows; what calls need is sent; a killed control goes on where it was.

#include "tests/control/fixture.h"

namespace carillon::control {
namespace {

using Leg = wire::LegState;

class LiveCalls : public testing::Test {
 protected:
  LiveCalls() { start(); }

  // Also a restart after kill -9: nothing of the old process is asked to finish anything.
  void start(const std::string& epoch = "epoch-1") {
    const auto old = control ? std::exchange(control->token, "") : "";
    const auto sequence = control ? control->sequence : 0;
    const auto now = control ? control->now : WallTime(std::chrono::milliseconds(1'800'000'000'000));
    auto engine = control ? control->engine : std::make_shared<FakeEngine>();
    control.reset();
    control = std::make_unique<ControlProcess>(folder.path(), engine, ++seed);
    control->now = now;
    control->sequence = sequence;
    if (!old.empty()) control->token = old;
    control->connect(epoch);
  }
  void setup() {
    trunk = control->made("/v1/trunks", R"({"name":"carrier","gateways":[{"address":"127.0.0.1"}]})");
    phone = control->made("/v1/endpoints", R"({"name":"desk","username":"agent1","password":"longenough"})");
    const auto response = control->send("POST", "/v1/prompts?name=hello", wav(), {{"Content-Type", "audio/wav"}});
    prompt = std::string(ControlProcess::json_of(response).at("id").as_string());
  }
  // Places a call; its id.
  std::string dial(const std::string& plan = R"({"states":[]})") {
    const auto response = control->send(
        "POST", "/v1/calls", R"({"trunk":")" + trunk + R"(","to":"+4930123456","from":"+4930999","plan":)" + plan + "}",
        {{"Idempotency-Key", "key" + std::to_string(++keys)}});
    EXPECT_EQ(response.status, 201) << response.body;
    const auto id = std::string(ControlProcess::json_of(response).at("id").as_string());
    leg = control->engine->last(wire::ToEngine::kOriginate).originate().leg();
    return id;
  }
  boost::json::value call(const std::string& id) {
    return ControlProcess::json_of(control->send("GET", "/v1/calls/" + id));
  }
  std::string state(const std::string& id) { return std::string(call(id).at("state").as_string()); }
  boost::json::array cdrs() { return ControlProcess::json_of(control->send("GET", "/v1/cdrs")).at("data").as_array(); }
  Leg ended(std::uint64_t number, int status, int cause) {
    auto news = control->leg(number, Leg::ENDED);
    news.set_sip_status(static_cast<std::uint32_t>(status));
    news.set_cause(static_cast<std::uint32_t>(cause));
    news.set_ended_by(Leg::PEER);
    news.set_ended_ms(control->now.time_since_epoch().count());
    return news;
  }
  std::string incoming(const std::string& to, std::uint64_t number) {
    auto news = control->leg(number, Leg::INCOMING);
    news.set_inbound(true);
    news.set_trunk(trunk);
    news.set_from("+49111222333");
    news.set_to(to);
    control->leg_event(news);
    const auto page = ControlProcess::json_of(control->send("GET", "/v1/calls?limit=500")).at("data").as_array();
    for (const auto& item : page)
      if (item.at("direction").as_string() == "inbound" && item.at("state").as_string() != "ended")
        return std::string(item.at("id").as_string());
    return {};
  }

  Folder folder;
  std::unique_ptr<ControlProcess> control;
  std::string trunk, phone, prompt;
  std::uint64_t leg = 0, seed = 0;
  int keys = 0;
};

constexpr std::uint64_t kIncoming = std::uint64_t{1} << 63 | 7;

TEST_F(LiveCalls, ACallRunsThroughItsStatesToOneCdr) {
  setup();
  const auto id = dial(R"({"type":"message","prompt":")" + prompt + R"("})");
  control->now += 100ms;
  control->leg_event(control->leg(leg, Leg::RINGING));
  EXPECT_EQ(state(id), "ringing");
  control->now += 2s;
  control->leg_event(control->leg(leg, Leg::ANSWERED));
  EXPECT_EQ(state(id), "answered");
  wire::FromEngine news;
  news.mutable_detection()->set_leg(leg);
  news.mutable_detection()->set_verdict("human");
  news.mutable_detection()->set_confidence(0.9);
  news.mutable_detection()->set_since_answer_ms(900);
  control->event(news);
  news.mutable_mark()->set_leg(leg);
  news.mutable_mark()->set_mark("message_started");
  control->event(news);
  news.mutable_dtmf()->set_leg(leg);
  news.mutable_dtmf()->set_digit("9");
  control->event(news);
  control->now += 5s;
  control->leg_event(ended(leg, 200, 16));
  control->leg_event(ended(leg, 200, 16));  // replayed under another sequence

  const auto json = call(id);
  EXPECT_EQ(json.at("state").as_string(), "ended");
  EXPECT_EQ(json.at("verdict").as_string(), "human");
  EXPECT_EQ(json.at("verdict_latency_ms"), 900);
  EXPECT_EQ(json.at("marks").at(0).at("mark").as_string(), "message_started");
  EXPECT_EQ(json.at("digits").as_string(), "9");
  EXPECT_EQ(json.at("talk_ms"), 5000);
  EXPECT_FALSE(json.as_object().contains("leg"));
  ASSERT_EQ(cdrs().size(), 1u);
  EXPECT_EQ(cdrs()[0].at("call").as_string(), id);
  EXPECT_EQ(cdrs()[0].at("ring_ms"), 2000);
}

TEST_F(LiveCalls, EventsOfAnEpochAreTakenOncePerSequence) {
  setup();
  const auto id = dial();
  wire::FromEngine mark;
  mark.set_sequence(50);
  mark.mutable_mark()->set_leg(leg);
  mark.mutable_mark()->set_mark("once");
  for (int i = 0; i < 3; ++i) control->live.on_event("e1", mark);
  control->live.on_commit("e1");
  EXPECT_EQ(call(id).at("marks").as_array().size(), 1u);
}

TEST_F(LiveCalls, AFailedCallKeepsItsTrace) {
  setup();
  const auto id = dial();
  control->leg_event(ended(leg, 486, 17));
  control->live.settle();
  EXPECT_EQ(call(id).at("sip_status"), 486);
  control->engine->is_connected = false;
  EXPECT_EQ(control->send("GET", "/v1/calls/" + id + "/trace").body, "INVITE ->\n<- 486\n");
}

TEST_F(LiveCalls, ARefusedOriginateEndsTheCallWithTheReason) {
  setup();
  const auto id = dial();
  wire::FromEngine news;
  news.set_answers(control->engine->last(wire::ToEngine::kOriginate).id());
  news.mutable_done()->set_ok(false);
  news.mutable_done()->set_error("no such trunk");
  control->live.on_event("e1", news);
  control->live.on_commit("e1");
  EXPECT_EQ(state(id), "ended");
  EXPECT_EQ(call(id).at("error").as_string(), "no such trunk");
  EXPECT_EQ(cdrs().size(), 1u);
}

TEST_F(LiveCalls, CallsKeepTheirIdsWhenControlIsKilled) {
  setup();
  const auto id = dial();
  control->leg_event(control->leg(leg, Leg::RINGING));
  auto* living = control->engine->snapshot.add_legs();
  *living = control->leg(leg, Leg::ANSWERED);  // it was answered while control was away
  living->set_answered_ms(control->now.time_since_epoch().count() + 500);
  start();
  EXPECT_EQ(state(id), "answered");
  control->now += 3s;
  control->leg_event(ended(leg, 200, 16));
  EXPECT_EQ(state(id), "ended");
  EXPECT_EQ(cdrs().size(), 1u);
}

TEST_F(LiveCalls, ACdrThatCameWhileControlWasAwayArrivesByReplay) {
  setup();
  const auto id = dial();
  const auto news = ended(leg, 200, 16);
  start();                   // the snapshot knows nothing: it was closed as lost ...
  control->leg_event(news);  // ... unless the journal came first; here it came too late to matter
  EXPECT_EQ(cdrs().size(), 1u);
  EXPECT_EQ(state(id), "ended");
}

TEST_F(LiveCalls, TheReplayBeforeTheSnapshotDecidesHowACallEnded) {
  setup();
  const auto id = dial();
  const auto news = ended(leg, 603, 21);
  const auto token = control->token;
  const auto engine = control->engine;
  control.reset();
  control = std::make_unique<ControlProcess>(folder.path(), engine, ++seed);
  control->token = token;
  control->sequence = 100;
  control->leg_event(news);  // replayed right after the greeting
  control->connect();
  EXPECT_EQ(call(id).at("sip_status"), 603);
  EXPECT_TRUE(call(id).at("error").is_null());
  EXPECT_EQ(cdrs().size(), 1u);
}

TEST_F(LiveCalls, ACallThatNobodyKnowsIsClosedAsLost) {
  setup();
  const auto id = dial();
  start("epoch-2");
  EXPECT_EQ(state(id), "ended");
  EXPECT_EQ(call(id).at("reason").as_string(), "lost");
  ASSERT_EQ(cdrs().size(), 1u);
  EXPECT_NE(cdrs()[0].at("error").as_string(), "");
}

TEST_F(LiveCalls, ACallPlacedAfterTheGreetingIsNotLost) {
  setup();
  control->connect();
  const auto id = dial();
  EXPECT_EQ(state(id), "dialing");
}

TEST_F(LiveCalls, ACallOfWhichControlNeverHeardStillGetsItsCdr) {
  setup();
  auto news = ended(kIncoming, 200, 16);
  news.set_inbound(true);
  news.set_trunk(trunk);
  news.set_from("+49111222333");
  news.set_to("+4930123456");
  control->leg_event(news);
  control->leg_event(news);
  ASSERT_EQ(cdrs().size(), 1u);
  EXPECT_EQ(cdrs()[0].at("direction").as_string(), "inbound");
}

TEST_F(LiveCalls, ANumberLeadsToItsPrompt) {
  setup();
  control->made("/v1/numbers", R"({"number":"+4930555555","trunk":")" + trunk +
                                   R"(","record":true,"route":{"type":"prompt","prompt":")" + prompt + R"("}})");
  incoming("4930555555", kIncoming);  // carriers leave the plus away
  const auto answer = control->engine->last(wire::ToEngine::kAnswer).answer();
  EXPECT_EQ(answer.leg(), kIncoming);
  EXPECT_TRUE(answer.plan().record());
  EXPECT_EQ(answer.plan().states(0).play().prompts(0), sha256_hex(wav()));
}

TEST_F(LiveCalls, AnUnknownNumberIs404) {
  setup();
  incoming("+4930000000", kIncoming);
  EXPECT_EQ(control->engine->last(wire::ToEngine::kReject).reject().status(), 404u);
}

class Inbound : public LiveCalls {
 protected:
  Inbound() {
    setup();
    control->made("/v1/numbers", R"({"number":"+4930555555","trunk":")" + trunk +
                                     R"(","route":{"type":"endpoint","endpoint":")" + phone + R"("}})");
    caller = incoming("+4930555555", kIncoming);
    agent_leg = control->engine->last(wire::ToEngine::kOriginate).originate().leg();
    agent = std::string(call(caller).at("bridged_with").as_string());
  }
  std::string caller, agent;
  std::uint64_t agent_leg = 0;
};

TEST_F(Inbound, TheAgentsPhoneRingsAndIsBridgedWhenItAnswers) {
  EXPECT_EQ(control->engine->last(wire::ToEngine::kProgress).progress().leg(), kIncoming);
  EXPECT_EQ(control->engine->last(wire::ToEngine::kOriginate).originate().endpoint(), phone);
  EXPECT_EQ(control->engine->count(wire::ToEngine::kAnswer), 0u);
  control->leg_event(control->leg(agent_leg, Leg::ANSWERED));
  EXPECT_EQ(control->engine->last(wire::ToEngine::kAnswer).answer().leg(), kIncoming);
  const auto bridge = control->engine->last(wire::ToEngine::kBridge).bridge();
  EXPECT_EQ(bridge.leg(), kIncoming);
  EXPECT_EQ(bridge.other(), agent_leg);
}

TEST_F(Inbound, ABusyPhoneIsPassedOn) {
  auto news = ended(agent_leg, 486, 17);
  news.set_reason("Busy Here");
  control->leg_event(news);
  EXPECT_EQ(control->engine->last(wire::ToEngine::kReject).reject().status(), 486u);
}

TEST_F(Inbound, ACallerWhoGivesUpStopsTheRinging) {
  control->leg_event(ended(kIncoming, 487, 16));
  EXPECT_EQ(control->engine->last(wire::ToEngine::kHangup).hangup().leg(), agent_leg);
}

TEST_F(Inbound, EitherSideEndsBoth) {
  control->leg_event(control->leg(agent_leg, Leg::ANSWERED));
  control->leg_event(control->leg(kIncoming, Leg::ANSWERED));
  control->leg_event(ended(agent_leg, 200, 16));
  EXPECT_EQ(control->engine->last(wire::ToEngine::kHangup).hangup().leg(), kIncoming);
}

TEST_F(Inbound, TheBridgeIsMadeEvenWhenControlWasKilledInBetween) {
  *control->engine->snapshot.add_legs() = control->leg(kIncoming, Leg::INCOMING);
  *control->engine->snapshot.add_legs() = control->leg(agent_leg, Leg::ANSWERED);
  start();
  EXPECT_EQ(control->engine->last(wire::ToEngine::kBridge).bridge().other(), agent_leg);
  EXPECT_EQ(call(caller).at("bridged_with").as_string(), agent);
}

TEST_F(LiveCalls, AnOutboundCallRingsTheAgentAtAnswerOnce) {
  setup();
  const auto id = dial(R"({"type":"endpoint","endpoint":")" + phone + R"(","safe_harbour":")" + prompt + R"("})");
  const auto customer = leg;
  EXPECT_EQ(control->engine->count(wire::ToEngine::kOriginate), 1u);
  control->leg_event(control->leg(customer, Leg::ANSWERED));
  control->leg_event(control->leg(customer, Leg::ANSWERED));
  EXPECT_EQ(control->engine->count(wire::ToEngine::kOriginate), 2u);
  const auto originate = control->engine->last(wire::ToEngine::kOriginate).originate();
  EXPECT_EQ(originate.bridge_to(), customer);
  control->leg_event(ended(originate.leg(), 486, 17));
  EXPECT_EQ(control->engine->count(wire::ToEngine::kHangup), 0u);  // the plan plays its safe-harbour message
  EXPECT_EQ(state(id), "answered");
}

TEST_F(LiveCalls, ARecordingIsFetchedVerifiedThenDeletedOnTheEngine) {
  setup();
  const auto id = dial();
  control->leg_event(control->leg(leg, Leg::ANSWERED));
  control->leg_event(ended(leg, 200, 16));
  wire::FromEngine news;
  news.mutable_record_done()->set_leg(leg);
  news.mutable_record_done()->set_path("2026/a.wav");
  news.mutable_record_done()->set_duration_ms(1200);
  control->event(news);
  control->event(news);  // replayed
  control->live.settle();
  const auto recording = std::string(call(id).at("recording").as_string());
  EXPECT_EQ(ControlProcess::json_of(control->send("GET", "/v1/recordings")).at("data").as_array().size(), 1u);
  const auto audio = control->send("GET", "/v1/recordings/" + recording + "/audio", "", {{"Range", "bytes=0-3"}});
  EXPECT_EQ(audio.status, 206);
  EXPECT_EQ(audio.header("Content-Range"), "bytes 0-3/24");
  EXPECT_EQ(control->send("GET", "/v1/recordings/" + recording + "/audio", "", {{"Range", "bytes=99-"}}).status, 416);
  EXPECT_EQ(control->send("GET", "/v1/recordings/" + recording + "/audio", "", {{"Range", "bytes=-4"}}).file->offset,
            20u);
  const std::string etag(audio.header("ETag"));
  EXPECT_EQ(control->send("GET", "/v1/recordings/" + recording + "/audio", "", {{"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(control->engine->last(wire::ToEngine::kDeleteRecording).delete_recording().path(), "2026/a.wav");
}

TEST_F(LiveCalls, ARecordingLeftBehindIsFetchedAfterARestart) {
  setup();
  const auto id = dial();
  control->leg_event(control->leg(leg, Leg::ANSWERED));
  control->engine->fetch_error = LinkFault{LinkError::kNotConnected, "gone"};
  wire::FromEngine news;
  news.mutable_record_done()->set_leg(leg);
  news.mutable_record_done()->set_path("b.wav");
  control->event(news);
  control->leg_event(ended(leg, 200, 16));
  control->live.settle();
  control->engine->fetch_error.reset();
  start();
  const auto recording = std::string(call(id).at("recording").as_string());
  EXPECT_EQ(ControlProcess::json_of(control->send("GET", "/v1/recordings/" + recording)).at("state").as_string(),
            "ready");
}

TEST_F(LiveCalls, ActionsBecomeCommands) {
  setup();
  const auto id = dial();
  const auto act = [&](const std::string& name, const std::string& body = "{}") {
    return control->send("POST", "/v1/calls/" + id + "/actions/" + name, body).status;
  };
  EXPECT_EQ(act("hold"), 409);  // not answered
  control->leg_event(control->leg(leg, Leg::ANSWERED));
  EXPECT_EQ(act("hold"), 202);
  EXPECT_TRUE(control->engine->last(wire::ToEngine::kHold).hold().on());
  EXPECT_EQ(act("unhold"), 202);
  EXPECT_EQ(act("play", R"({"prompts":[")" + prompt + R"("]})"), 202);
  EXPECT_EQ(control->engine->last(wire::ToEngine::kPlay).play().prompts(0), sha256_hex(wav()));
  EXPECT_EQ(act("play", R"({"prompts":["x"]})"), 422);
  EXPECT_EQ(act("stop_play"), 202);
  EXPECT_EQ(act("send_digits", R"({"digits":"12#"})"), 202);
  EXPECT_EQ(act("send_digits", R"({"digits":"x"})"), 422);
  EXPECT_EQ(act("bridge", R"({"call":")" + id + R"("})"), 422);
  EXPECT_EQ(act("hangup"), 202);
  EXPECT_EQ(control->engine->last(wire::ToEngine::kHangup).hangup().leg(), leg);
  control->leg_event(ended(leg, 200, 16));
  EXPECT_EQ(act("hangup"), 409);
}

TEST_F(LiveCalls, EventsAreResumableInOrder) {
  setup();
  const auto before = control->store.last_event();
  const auto id = dial();
  control->leg_event(control->leg(leg, Leg::RINGING));
  control->leg_event(ended(leg, 486, 17));
  const auto response = control->send("GET", "/v1/events", "", {{"Last-Event-ID", std::to_string(before)}});
  const auto text = response.stream->next();
  const auto dialing = text.find("event: call.dialing"), ringing = text.find("event: call.ringing"),
             end = text.find("event: call.ended");
  EXPECT_LT(dialing, ringing);
  EXPECT_LT(ringing, end);
  EXPECT_NE(end, std::string::npos);
  EXPECT_EQ(response.stream->next(), "");
  bool woken = false;
  response.stream->on_ready([&] { woken = true; });
  dial();
  EXPECT_TRUE(woken);
}

TEST_F(LiveCalls, CdrsComeAsJsonLinesAndCsv) {
  setup();
  for (int i = 0; i < 3; ++i) {
    dial();
    auto news = ended(leg, 486, 17);
    news.set_reason("=Busy, \"here\"");
    control->leg_event(news);
  }
  const auto csv = control->send("GET", "/v1/cdrs?format=csv", "", {{"Accept", "*/*"}});
  EXPECT_EQ(std::count(csv.body.begin(), csv.body.end(), '\n'), 4);
  EXPECT_NE(csv.body.find("\"'=Busy, \"\"here\"\"\""), std::string::npos) << csv.body;
  EXPECT_NE(csv.body.find(",+4930123456,"), std::string::npos);
  const auto lines = control->send("GET", "/v1/cdrs?format=jsonl&limit=2");
  EXPECT_EQ(std::count(lines.body.begin(), lines.body.end(), '\n'), 2);
  const auto rest = control->send("GET", "/v1/cdrs?cursor=" + std::string(lines.header("Carillon-Next-Cursor")));
  EXPECT_EQ(ControlProcess::json_of(rest).at("data").as_array().size(), 1u);
}

TEST_F(LiveCalls, AStoreThatFailsGetsItsEventsAgain) {
  setup();
  const auto id = dial();
  Database lock(folder.path() + "/calls.db");
  lock.execute("drop table events");  // every commit fails from here
  EXPECT_FALSE([&] {
    wire::FromEngine news;
    *news.mutable_leg() = control->leg(leg, Leg::RINGING);
    return control->event(news);
  }());
  EXPECT_EQ(control->store.open_calls().at(0).state, "dialing");
  lock.execute(
      "create table events (sequence bigint primary key, id text not null, project text not null, type text not "
      "null, time_ms bigint not null, data text not null)");
  control->leg_event(control->leg(leg, Leg::RINGING));
  EXPECT_EQ(state(id), "ringing");
}

}  // namespace
}  // namespace carillon::control
