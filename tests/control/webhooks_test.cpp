// Webhooks as the API and the clock see them: who gets what, when it is tried again, what a kill may not lose.

#include <future>

#include "tests/control/webhooks_fixture.h"

namespace carillon::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class WebhooksTest : public testing::Test {
 protected:
  // kill -9 and a new start over the same folder.
  void restart() {
    const auto token = it->control.token;
    const auto now = it->control.now;
    it.reset();
    it = std::make_unique<HookControl>(folder.path(), now, token, WebhookLimits{}, ++seed);
  }
  Folder folder;
  std::uint64_t seed = 1;
  std::unique_ptr<HookControl> it = std::make_unique<HookControl>(folder.path());
};

TEST_F(WebhooksTest, AnEventComesSignedAndInTheFormOfTheStream) {
  const auto hook = it->hook();
  const auto id = it->event();
  it->webhooks.step();
  ASSERT_EQ(it->transport.sent.size(), 1u);
  const auto& sent = it->transport.sent[0];
  EXPECT_EQ(sent.request.url.host, "crm.example.com");
  EXPECT_EQ(sent.request.url.target, "/in?x=1");
  EXPECT_EQ(sent.header("webhook-id"), id);
  EXPECT_EQ(sent.header("webhook-timestamp"), "1800000000");
  const std::vector<std::string> secrets = {std::string(hook.at("secret").as_string())};
  EXPECT_EQ(sent.header("webhook-signature"), sign(secrets, id, 1'800'000'000, sent.request.body));
  const auto response = it->control.send("GET", "/v1/events?last_event_id=0");
  EXPECT_THAT(response.stream->next(), HasSubstr("data: " + sent.request.body + "\n\n"));
  EXPECT_EQ(sent.body().at("type").as_string(), "call.ended");
  EXPECT_EQ(sent.body().at("data").at("note").as_string(), "Zoë");
  it->transport.answer_all(204);
  EXPECT_FALSE(it->webhooks.step().has_value());
  const auto log = it->deliveries();
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].at("state").as_string(), "delivered");
  EXPECT_EQ(log[0].at("event").as_string(), id);
}

TEST_F(WebhooksTest, OnlyWhatWasAskedForComesAndOnlyFromTheProject) {
  const auto before = it->event();
  (void)before;
  it->hook(R"(["disposition.set"])");
  it->hook(R"(["*"])");
  it->event("call.ended");
  it->event("disposition.set");
  const auto other = it->control.made("/v1/projects", R"({"name":"second"})");
  it->event("call.ended", other);
  it->webhooks.step();
  std::vector<std::string> types;
  for (const auto& one : it->transport.sent) types.emplace_back(one.body().at("type").as_string());
  EXPECT_THAT(types, testing::UnorderedElementsAre("disposition.set", "call.ended", "disposition.set"));
}

TEST_F(WebhooksTest, CallsAndDispositionsAreAmongTheEvents) {
  it->control.connect();
  it->hook(R"(["call.ended"])");
  const auto trunk = it->control.made("/v1/trunks", R"({"name":"carrier","gateways":[{"address":"127.0.0.1"}]})");
  const auto upload = it->control.send("POST", "/v1/prompts?name=hello", wav(), {{"Content-Type", "audio/wav"}});
  const std::string prompt(ControlProcess::json_of(upload).at("id").as_string());
  const auto call = it->control.send("POST", "/v1/calls",
                                     R"({"to":"+12125550100","from":"+12125550199","trunk":")" + trunk +
                                         R"(","plan":{"type":"message","prompt":")" + prompt + "\"}}",
                                     {{"Idempotency-Key", "one"}});
  ASSERT_EQ(call.status, 201) << call.body;
  const auto leg = it->control.engine->last(wire::ToEngine::kOriginate).originate().leg();
  auto ended = it->control.leg(leg, wire::LegState::ENDED);
  ended.set_sip_status(486);
  it->control.leg_event(ended);
  it->webhooks.step();
  ASSERT_EQ(it->transport.sent.size(), 1u);
  EXPECT_EQ(it->transport.sent[0].body().at("data").at("id"), ControlProcess::json_of(call).at("id"));
  EXPECT_EQ(it->transport.sent[0].body().at("data").at("sip_status").to_number<int>(), 486);
}

TEST_F(WebhooksTest, SecretsAreShownOnceAndTwoLiveDuringARotation) {
  const auto hook = it->hook();
  const std::string id(hook.at("id").as_string()), first(hook.at("secret").as_string());
  EXPECT_TRUE(secret_key(first).has_value());
  EXPECT_TRUE(it->shown(id).at("secret").is_null());
  EXPECT_EQ(it->control.send("GET", "/v1/webhooks").body.find("whsec_"), std::string::npos);
  const auto rotated = it->control.send("POST", "/v1/webhooks/" + id + "/actions/rotate_secret", R"({"keep_s":3600})");
  ASSERT_EQ(rotated.status, 200) << rotated.body;
  const std::string second(ControlProcess::json_of(rotated).at("secret").as_string());
  EXPECT_NE(first, second);
  const auto signature = [&](std::vector<std::string> secrets) {
    const auto event = it->event();
    it->webhooks.step();
    const auto sent = it->transport.sent.back();
    const bool matches = sent.header("webhook-signature") ==
                         sign(secrets, event, it->control.now.time_since_epoch().count() / 1000, sent.request.body);
    it->transport.answer_all(200);
    it->webhooks.step();
    return matches;
  };
  EXPECT_TRUE(signature({second, first}));
  it->control.now += 3601s;
  EXPECT_TRUE(signature({second}));
}

TEST_F(WebhooksTest, WhatFailsIsTriedAgainWithLongerAndLongerGaps) {
  const std::string hook(it->hook().at("id").as_string());
  const auto began = it->control.now;
  it->event();
  std::vector<WallTime> tries;
  for (auto next = it->webhooks.step(); it->shown(hook).at("active").as_bool(); next = it->webhooks.step()) {
    if (!it->transport.sent.empty()) {
      tries.push_back(it->control.now);
      it->transport.answer_all(500, {{"Content-Type", "text/html"}}, "no\x01 luck \xC3");
      continue;
    }
    ASSERT_TRUE(next.has_value());
    ASSERT_GT(*next, it->control.now);
    it->control.now = *next;
  }
  ASSERT_GE(tries.size(), 12u);
  EXPECT_LE(tries.size(), 24u);
  EXPECT_LE(tries.back() - began, 72h);
  EXPECT_GE(tries.back() - began, 60h);
  for (std::size_t i = 1; i < tries.size(); ++i) {
    const double plain = std::min(8.0 * 3600, 5.0 * std::pow(3.0, static_cast<double>(i - 1)));
    EXPECT_NEAR(std::chrono::duration<double>(tries[i] - tries[i - 1]).count(), plain, plain * 0.26);
  }
  const auto log = it->deliveries("?state=failed&webhook=" + hook);
  ASSERT_EQ(log.size(), 1u);
  const auto one = it->get("/v1/webhook_deliveries/" + std::string(log[0].at("id").as_string()));
  EXPECT_EQ(one.at("answer").at("status").to_number<int>(), 500);
  EXPECT_EQ(one.at("answer").at("body").as_string(), "no? luck ?");
  EXPECT_EQ(one.at("error").as_string(), "answered 500");
  EXPECT_EQ(one.at("attempts").as_array().size(), std::min<std::size_t>(20, tries.size()));
  EXPECT_TRUE(one.at("request").at("headers").as_object().contains("webhook-signature"));
  EXPECT_EQ(boost::json::parse(one.at("request").at("body").as_string()).at("id"), one.at("event"));
  EXPECT_THAT(std::string(it->shown(hook).at("disabled_reason").as_string()), HasSubstr("no success"));
}

TEST_F(WebhooksTest, AnEndpointThatFailsIsNotAskedForEachEvent) {
  it->hook();
  for (int i = 0; i < 50; ++i) it->event();
  it->webhooks.step();
  EXPECT_EQ(it->transport.sent.size(), 4u);
  it->run(it->control.now + 10min, 0);
  EXPECT_LT(it->transport.seen.size(), 20u);  // not 50 and more
  it->run(it->control.now + 71h, 200);
  EXPECT_EQ(it->deliveries("?state=delivered&limit=100").size(), 50u);
}

TEST_F(WebhooksTest, OneThatHangsDoesNotHoldUpAnother) {
  it->hook(R"(["call.ended"])", "https://slow.example.com/");
  it->hook(R"(["call.ended"])", "https://quick.example.com/");
  for (int i = 0; i < 20; ++i) it->event();
  int quick = 0;
  for (int turn = 0; turn < 20; ++turn) {
    it->webhooks.step();
    std::vector<FakeTransport::Sent> left;
    for (auto& one : std::exchange(it->transport.sent, {})) {
      if (one.request.url.host == "slow.example.com") {
        left.push_back(one);
        continue;
      }
      ++quick;
      one.done({.status = 200});
    }
    it->transport.sent = left;
  }
  EXPECT_EQ(quick, 20);
  EXPECT_EQ(it->transport.sent.size(), 4u);
}

TEST_F(WebhooksTest, RetryAfterIsWaitedFor) {
  it->hook();
  it->event();
  it->webhooks.step();
  it->transport.answer_all(503, {{"retry-after", "600"}});
  const auto next = it->webhooks.step();
  ASSERT_TRUE(next.has_value());
  EXPECT_GE(*next - it->control.now, 600s);
}

TEST_F(WebhooksTest, GoneSwitchesOffAndTells) {
  const std::string gone(it->hook(R"(["call.ended"])", "https://gone.example.com/").at("id").as_string());
  it->hook(R"(["webhook.disabled"])", "https://watch.example.com/");
  it->event();
  it->webhooks.step();
  it->transport.answer_all(410);
  it->webhooks.step();
  ASSERT_EQ(it->transport.sent.size(), 1u);
  EXPECT_EQ(it->transport.sent[0].request.url.host, "watch.example.com");
  EXPECT_EQ(it->transport.sent[0].body().at("data").at("webhook").as_string(), gone);
  EXPECT_FALSE(it->shown(gone).at("active").as_bool());
  EXPECT_FALSE(it->shown(gone).at("disabled_at").is_null());
  it->event();
  it->transport.answer_all(200);
  it->webhooks.step();
  EXPECT_TRUE(it->transport.sent.empty());

  const auto on = it->control.send("PATCH", "/v1/webhooks/" + gone, R"({"active":true})");
  ASSERT_EQ(on.status, 200) << on.body;
  EXPECT_TRUE(ControlProcess::json_of(on).at("disabled_reason").is_null());
  const auto after = it->event();
  it->webhooks.step();
  ASSERT_EQ(it->transport.sent.size(), 1u);  // what happened meanwhile does not come
  EXPECT_EQ(it->transport.sent[0].header("webhook-id"), after);
}

TEST_F(WebhooksTest, TooMuchThatWaitsSwitchesOff) {
  it.reset();
  it = std::make_unique<HookControl>(folder.path(), WallTime(std::chrono::milliseconds(1'800'000'000'000)), "",
                                     WebhookLimits{.pending_max = 10});
  // the folder's token was made by the first process
  std::ifstream token(folder.path() + "/admin.token");
  std::getline(token, it->control.token);
  const std::string hook(it->hook().at("id").as_string());
  for (int i = 0; i < 11; ++i) it->event();
  it->webhooks.step();
  EXPECT_FALSE(it->shown(hook).at("active").as_bool());
  EXPECT_EQ(it->deliveries("?state=pending").size(), 11u);  // what there is, is kept
}

TEST_F(WebhooksTest, ADeliveryIsSentAgainOnRequest) {
  const std::string hook(it->hook().at("id").as_string());
  const auto event = it->event();
  it->webhooks.step();
  it->transport.answer_all(200);
  it->webhooks.step();
  const std::string id(it->deliveries()[0].at("id").as_string());
  it->control.now += 1h;
  const auto again = it->control.send("POST", "/v1/webhook_deliveries/" + id + "/actions/redeliver");
  ASSERT_EQ(again.status, 202) << again.body;
  EXPECT_EQ(ControlProcess::json_of(again).at("state").as_string(), "pending");
  it->webhooks.step();
  ASSERT_EQ(it->transport.sent.size(), 1u);
  EXPECT_EQ(it->transport.sent[0].header("webhook-id"), event);
  EXPECT_EQ(it->transport.sent[0].header("webhook-timestamp"), "1800003600");
  it->transport.answer_all(200);
  it->webhooks.step();
  EXPECT_EQ(it->get("/v1/webhook_deliveries/" + id).at("attempts").as_array().size(), 2u);
  EXPECT_EQ(it->webhooks.figures().pending, 0);
  ASSERT_EQ(it->control.send("PATCH", "/v1/webhooks/" + hook, R"({"active":false})").status, 200);
  EXPECT_EQ(ControlProcess::code_of(it->control.send("POST", "/v1/webhook_deliveries/" + id + "/actions/redeliver")),
            "409 webhook_state");
  EXPECT_EQ(ControlProcess::code_of(it->control.send("POST", "/v1/webhook_deliveries/dlv_x/actions/redeliver")),
            "404 not_found");
}

TEST_F(WebhooksTest, ADeletedWebhookGetsNothingMore) {
  const std::string hook(it->hook().at("id").as_string());
  it->event();
  it->event();
  it->webhooks.step();
  ASSERT_EQ(it->control.send("DELETE", "/v1/webhooks/" + hook).status, 204);
  it->transport.answer_all(200);  // too late
  EXPECT_FALSE(it->webhooks.step().has_value());
  for (const auto& one : it->deliveries()) EXPECT_EQ(one.at("state").as_string(), "failed");
  it->event();
  it->webhooks.step();
  EXPECT_TRUE(it->transport.sent.empty());
}

TEST_F(WebhooksTest, BadOnesAreRefusedByField) {
  const auto refused = [&](const std::string& body) {
    const auto response = it->control.send("POST", "/v1/webhooks", body);
    EXPECT_EQ(response.status, 422) << body;
    return std::string(ControlProcess::json_of(response).at("errors").at(0).at("pointer").as_string());
  };
  EXPECT_EQ(refused(R"({"url":"ftp://a.example/","events":["*"]})"), "/url");
  EXPECT_EQ(refused(R"({"url":"https://u:p@a.example/","events":["*"]})"), "/url");
  EXPECT_EQ(refused(R"({"url":"http://127.0.0.1:8000/","events":["*"]})"), "/url");
  EXPECT_EQ(refused(R"({"url":"http://[::ffff:10.0.0.1]/","events":["*"]})"), "/url");
  EXPECT_EQ(refused(R"({"url":"https://a.example/","events":["call.ended","call.end"]})"), "/events/1");
  EXPECT_EQ(refused(R"({"url":"https://a.example/","events":[]})"), "/events");
  EXPECT_EQ(refused(R"({"url":"https://a.example/","events":["*"],"secret":"whsec_x"})"), "/secret");
}

// Whatever the moment, a new process goes on from what is on disk: each event comes at least once, and none that
// happened before the webhook was there.
TEST_F(WebhooksTest, AKillAtAnyMomentLosesNoDelivery) {
  Random random(7);
  it->event();
  it->hook();
  std::set<std::string> due, got;
  int repeats = 0, kills = 0;
  const auto look = [&](int status) {
    for (auto& one : std::exchange(it->transport.sent, {})) {
      if (status == 200 && !got.insert(one.header("webhook-id")).second) ++repeats;
      one.done({.status = status});
    }
  };
  for (int turn = 0; turn < 400; ++turn) {
    it->control.now += 1s;
    switch (random.below(6)) {
      case 0:
      case 1:
        due.insert(it->event());
        break;
      case 2:
        it->webhooks.step();
        break;
      case 3:
        look(200);
        break;
      case 4:
        look(500);
        break;
      default:
        if (random.below(4) != 0) break;
        restart();
        ++kills;
    }
  }
  for (int turn = 0; turn < 500; ++turn) {
    const auto next = it->webhooks.step();
    if (it->transport.sent.empty() && !next) break;
    if (next && it->transport.sent.empty()) it->control.now = *next;
    look(200);
  }
  EXPECT_GT(kills, 5);
  EXPECT_EQ(got, due);
  EXPECT_GT(repeats, 0);  // at least once, and the kills have shown it
  EXPECT_EQ(it->webhooks.figures().pending, 0);
}

TEST_F(WebhooksTest, EventsThatAreForgottenLeaveTheirNumbersBehind) {
  it->hook();
  it->event();
  const auto last = it->control.store.last_event();
  it->control.store.prune(0, it->control.now.time_since_epoch().count() + 1'000'000);
  restart();
  EXPECT_EQ(it->control.store.last_event(), last);
  it->event();
  EXPECT_EQ(it->control.store.last_event(), last + 1);
}

// With its thread and nothing else: an event becomes a request, the answer becomes a row.
TEST(WebhooksThread, WorksByItself) {
  class OneAnswer : public HookTransport {
   public:
    void send(HookRequest request, std::function<void(HookAnswer)> done) override {
      done({.status = 200});
      came.set_value(std::move(request));
    }
    std::promise<HookRequest> came;
  };
  Folder folder;
  HookControl it(folder.path());
  it.hook();
  OneAnswer transport;
  HookStore hooks(folder.path());
  Webhooks webhooks({it.control.store, hooks, it.control.ids, it.control.hub, it.control.clock(), transport, 1}, {});
  webhooks.start_thread();
  const auto id = it.event();
  auto came = transport.came.get_future();
  ASSERT_EQ(came.wait_for(60s), std::future_status::ready);
  EXPECT_EQ(boost::json::parse(came.get().body).at("id").as_string(), id);
  webhooks.stop_thread();
  webhooks.step();  // the answer, where the thread was stopped before it
  EXPECT_EQ(webhooks.figures().delivered, 1u);
}

}  // namespace
}  // namespace carillon::control
