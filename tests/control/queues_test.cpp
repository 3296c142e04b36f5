// Inbound queues over the API: what a caller hears, who serves whom, what the books say, what outlives a restart.

#include "tests/control/agents_fixture.h"

namespace carillon::control {
namespace {

constexpr std::uint64_t kFirstCaller = std::uint64_t{1} << 63 | 7;
const std::string kNumber = "+12125550000";

class Queues : public AgentTest {
 protected:
  std::string queue(const std::string& name, const std::string& more = "") {
    return control->made("/v1/queues", R"({"name":")" + name + R"(","music_prompt":")" + prompt + "\"" + more + "}");
  }
  void lead_to(const std::string& queue) {
    control->made("/v1/numbers", R"({"number":")" + kNumber + R"(","trunk":")" + trunk +
                                     R"(","route":{"type":"queue","queue":")" + queue + R"("},"record":true})");
  }
  std::string agent(const std::string& queues, const std::string& leg = "kept_up", const std::string& more = "") {
    const auto endpoint = phone();
    return control->made("/v1/agents", R"({"name":"Ada )" + std::to_string(phones_made) + R"(","endpoint":")" +
                                           endpoint + R"(","queues":[")" + queues + R"("],"leg":")" + leg + "\"" +
                                           more + "}");
  }
  boost::json::value get(const std::string& path) {
    const auto response = control->send("GET", path);
    EXPECT_EQ(response.status, 200) << response.body;
    return ControlProcess::json_of(response);
  }
  std::uint64_t seat(const std::string& id) {
    act_agent(id, "log_in");
    const auto calls = new_calls();
    EXPECT_EQ(calls.size(), 1u);
    answer(calls.at(0).leg());
    step();
    EXPECT_NE(status(id), "offline");
    return calls.at(0).leg();
  }

  // A caller who is answered by the queue's plan and, unless still greeted, waits.
  std::uint64_t comes(bool waits = true) {
    const std::uint64_t leg = kFirstCaller + static_cast<std::uint64_t>(callers++);
    auto news = inbound(leg, Leg::INCOMING);
    control->leg_event(news);
    answer(leg);
    if (waits) mark(leg, "waiting");
    step();
    return leg;
  }
  wire::LegState inbound(std::uint64_t leg, Leg::State state) {
    auto news = control->leg(leg, state);
    news.set_inbound(true);
    news.set_trunk(trunk);
    news.set_from("+1555000" + std::to_string(1000 + leg - kFirstCaller));
    news.set_to(kNumber);
    return news;
  }
  boost::json::value call_of(std::uint64_t leg) {
    const auto from = "+1555000" + std::to_string(1000 + leg - kFirstCaller);
    const auto page = get("/v1/calls?limit=500");
    for (const auto& item : page.at("data").as_array())
      if (item.at("from").as_string() == from && item.at("direction").as_string() == "inbound") return item;
    ADD_FAILURE() << "no call from " << from;
    return {};
  }
  boost::json::value queue_live(const std::string& id) { return get("/v1/queues/" + id + "/live"); }
  std::vector<std::string> line(const std::string& id) {
    std::vector<std::string> numbers;
    const auto live = queue_live(id);
    for (const auto& item : live.at("waiting").as_array()) {
      numbers.emplace_back(item.at("number").as_string());
      EXPECT_EQ(number(item.at("position")), static_cast<std::int64_t>(numbers.size()));
    }
    return numbers;
  }
  static std::string from(std::uint64_t leg) { return "+1555000" + std::to_string(1000 + leg - kFirstCaller); }
  wire::Bridge last_bridge() { return control->engine->last(wire::ToEngine::kBridge).bridge(); }
  std::vector<boost::json::value> visits(const std::string& id) {
    const auto page = get("/v1/attempts?queue=" + id);
    std::vector<boost::json::value> found;
    for (const auto& item : page.at("data").as_array()) found.insert(found.begin(), item);
    return found;
  }
  void keep_living(std::initializer_list<std::uint64_t> callers, std::initializer_list<std::uint64_t> seats,
                   const std::string& last_mark = "waiting") {
    control->engine->snapshot.clear_legs();
    for (const auto leg : callers) {
      auto state = inbound(leg, Leg::ANSWERED);
      state.set_last_mark(last_mark);
      *control->engine->snapshot.add_legs() = state;
    }
    for (const auto leg : seats) *control->engine->snapshot.add_legs() = control->leg(leg, Leg::ANSWERED);
  }
  int callers = 0;
};

TEST_F(Queues, TheEngineIsToldAllThatACallerHearsWithTheAnswer) {
  const auto greeting = upload("greeting", 2400), comfort = upload("comfort", 3200);
  const auto sales =
      queue("sales", R"(,"greeting_prompt":")" + greeting + R"(","wait_prompt":")" + comfort +
                         R"(","wait_prompt_every_s":20,"overflow":{"type":"prompt","prompt":")" + harbour + R"("})");
  lead_to(sales);
  comes(false);
  const auto answer = control->engine->last(wire::ToEngine::kAnswer).answer();
  EXPECT_EQ(answer.leg(), kFirstCaller);
  const auto& plan = answer.plan();
  EXPECT_TRUE(plan.record());
  // the way of a caller whom nobody serves
  std::vector<std::string> names;
  std::uint64_t waited_ms = 0;
  const wire::PlanState* state = &plan.states(0);
  for (int i = 0; i < 20; ++i) {
    names.push_back(state->name() + (state->mark().empty() ? "" : "!" + state->mark()));
    if (state->has_wait()) {
      waited_ms += state->wait().for_ms();
      EXPECT_EQ(state->wait().music_size(), 1);
    }
    const bool can_be_joined =
        std::ranges::any_of(state->on(), [](const auto& on) { return on.event() == wire::BRIDGED; });
    EXPECT_EQ(can_be_joined, !state->has_hangup()) << state->name();
    const auto next = std::ranges::find_if(
        state->on(), [](const auto& on) { return on.event() == wire::DONE || on.event() == wire::TIMEOUT; });
    if (next == state->on().end()) break;
    state = &plan.states(static_cast<int>(next->next()));
  }
  EXPECT_THAT(names, testing::ElementsAre("greeting", "music!waiting", "please_wait", "music", "please_wait", "music",
                                          "overflow!overflow", "over"));
  EXPECT_EQ(waited_ms, 60'000u);  // by default
}

TEST_F(Queues, CallersAreServedInOrderByTheAgentWhoIsKeptUp) {
  const auto sales = queue("sales", R"(,"wrap_up_s":5)");
  lead_to(sales);
  const auto first = comes(), second = comes(), third = comes();
  EXPECT_THAT(line(sales), testing::ElementsAre(from(first), from(second), from(third)));
  control->now += 10s;
  const auto ada = agent(sales);
  const auto desk = seat(ada);
  EXPECT_EQ(last_bridge().leg(), first);
  EXPECT_EQ(last_bridge().other(), desk);
  EXPECT_THAT(line(sales), testing::ElementsAre(from(second), from(third)));
  bridged(first, desk);
  step();
  EXPECT_EQ(status(ada), "talking");
  const auto current = get("/v1/agents/" + ada).at("current");
  EXPECT_EQ(current.at("queue").as_string(), sales);
  EXPECT_EQ(current.at("number").as_string(), from(first));
  EXPECT_EQ(number(queue_live(sales).at("talking")), 1);
  end(second);  // tired of waiting
  step();
  end(first);
  step();
  EXPECT_EQ(status(ada), "wrap_up");
  const auto attempt = std::string(current.at("attempt").as_string());
  EXPECT_EQ(control
                ->send("POST", "/v1/attempts/" + attempt + "/actions/disposition",
                       R"({"agent":")" + ada + R"(","disposition":"order"})")
                .status,
            200);
  EXPECT_EQ(last_bridge().leg(), first);  // nobody is joined within wrap-up
  step(6s);
  EXPECT_EQ(last_bridge().leg(), third);
  bridged(third, desk);
  end(third);
  step();

  const auto live = queue_live(sales);
  EXPECT_EQ(number(live.at("answered")), 2);
  EXPECT_EQ(number(live.at("abandoned")), 1);
  EXPECT_EQ(number(live.at("overflowed")), 0);
  EXPECT_TRUE(live.at("waiting").as_array().empty());
  const auto books = visits(sales);
  ASSERT_EQ(books.size(), 3u);
  EXPECT_EQ(books[0].at("outcome").as_string(), "answered");
  EXPECT_EQ(books[0].at("agent").as_string(), ada);
  EXPECT_EQ(books[0].at("disposition").as_string(), "order");
  EXPECT_GE(number(books[0].at("waited_ms")), 10'000);
  EXPECT_EQ(books[1].at("outcome").as_string(), "abandoned");
  EXPECT_GE(number(books[1].at("waited_ms")), 10'000);
  EXPECT_TRUE(books[1].at("agent").is_null());
  const auto call = call_of(first);
  EXPECT_EQ(call.at("queue").as_string(), sales);
  EXPECT_EQ(call.at("queue_outcome").as_string(), "answered");
  EXPECT_EQ(call.at("agent").as_string(), ada);
  EXPECT_NEAR(number(call.at("waited_ms")), number(books[0].at("waited_ms")), 500);
  EXPECT_EQ(call_of(second).at("queue_outcome").as_string(), "abandoned");
  const auto cdr = get("/v1/cdrs").at("data").as_array().at(0);
  EXPECT_EQ(cdr.at("queue").as_string(), sales);
  EXPECT_EQ(cdr.at("queue_outcome").as_string(), "abandoned");
}

TEST_F(Queues, NobodyIsJoinedWithinTheGreeting) {
  const auto sales = queue("sales", R"(,"greeting_prompt":")" + harbour + "\"");
  lead_to(sales);
  const auto desk = seat(agent(sales));
  const auto leg = comes(false);
  EXPECT_EQ(control->engine->count(wire::ToEngine::kBridge), 0u);
  EXPECT_EQ(number(queue_live(sales).at("greeting")), 1);
  mark(leg, "waiting");
  step();
  EXPECT_EQ(last_bridge().leg(), leg);
  EXPECT_EQ(last_bridge().other(), desk);
}

TEST_F(Queues, WhoMovesUpIsToldSo) {
  const auto next = upload("next", 1600), second = upload("second", 2000);
  const auto sales = queue("sales", R"(,"position_prompts":[")" + next + R"(",")" + second + R"("])");
  lead_to(sales);
  const auto told = [&] { return control->engine->last(wire::ToEngine::kPlay).play(); };
  const auto count = [&] { return control->engine->count(wire::ToEngine::kPlay); };
  const auto sha = [&](const std::string& id) {
    return std::string(get("/v1/prompts/" + id).at("sha256").as_string());
  };
  const auto first = comes();
  EXPECT_EQ(told().leg(), first);
  EXPECT_EQ(told().prompts(0), sha(next));
  const auto behind = comes();
  EXPECT_EQ(told().leg(), behind);
  EXPECT_EQ(told().prompts(0), sha(second));
  comes();  // third: there is no prompt for it
  step();
  EXPECT_EQ(count(), 2u);
  end(first);
  step();
  EXPECT_EQ(count(), 4u);
  keep_living({behind, kFirstCaller + 2}, {});
  restart();
  step();
  EXPECT_EQ(count(), 4u);  // they know
}

TEST_F(Queues, WhoseTimeIsUpIsCountedAndOfferedToNobody) {
  const auto sales = queue("sales", R"(,"max_wait_s":15)");
  lead_to(sales);
  const auto leg = comes();
  control->now += 15s;
  mark(leg, "overflow");
  step();
  seat(agent(sales));
  EXPECT_EQ(control->engine->count(wire::ToEngine::kBridge), 0u);
  end(leg);
  step();
  EXPECT_EQ(number(queue_live(sales).at("overflowed")), 1);
  EXPECT_EQ(visits(sales).at(0).at("outcome").as_string(), "overflowed");
  EXPECT_GE(number(visits(sales).at(0).at("waited_ms")), 15'000);
  EXPECT_EQ(call_of(leg).at("queue_outcome").as_string(), "overflowed");
}

TEST_F(Queues, OverflowRingsAPhoneAndHangsUpWhenItDoesNotAnswer) {
  const auto reserve = phone();
  const auto sales = queue("sales", R"(,"overflow":{"type":"endpoint","endpoint":")" + reserve + R"("})");
  lead_to(sales);
  const auto leg = comes();
  new_calls();
  mark(leg, "overflow");
  step();
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].endpoint(), reserve);
  EXPECT_EQ(calls[0].bridge_to(), leg);
  end(calls[0].leg(), 480, 19);
  step();
  EXPECT_EQ(control->engine->last(wire::ToEngine::kHangup).hangup().leg(), leg);
}

TEST_F(Queues, OverflowCallsAReserveNumberWithOurOwn) {
  const auto sales =
      queue("sales", R"(,"overflow":{"type":"number","number":"+12125559999","trunk":")" + trunk + R"("})");
  lead_to(sales);
  const auto leg = comes();
  mark(leg, "overflow");
  step();
  const auto calls = new_calls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].to(), "+12125559999");
  EXPECT_EQ(calls[0].from(), kNumber);
  EXPECT_EQ(calls[0].trunks(0), trunk);
  answer(calls[0].leg());
  mark(leg, "transferred");
  step();
  end(leg);
  step();
  EXPECT_EQ(visits(sales).at(0).at("outcome").as_string(), "overflowed");
}

TEST_F(Queues, OverflowLeadsToTheNextQueueWithABookOfItsOwn) {
  const auto second = queue("second");
  const auto first = queue("first", R"(,"overflow":{"type":"queue","queue":")" + second + R"("})");
  lead_to(first);
  const auto leg = comes();
  control->now += 60s;
  mark(leg, "overflow");
  mark(leg, "waiting.2");
  step();
  EXPECT_TRUE(line(first).empty());
  EXPECT_THAT(line(second), testing::ElementsAre(from(leg)));
  const auto ada = agent(second);
  const auto desk = seat(ada);
  EXPECT_EQ(last_bridge().leg(), leg);
  bridged(leg, desk);
  end(leg);
  step();
  EXPECT_EQ(visits(first).at(0).at("outcome").as_string(), "overflowed");
  EXPECT_EQ(visits(second).at(0).at("outcome").as_string(), "answered");
  EXPECT_EQ(visits(second).at(0).at("call"), visits(first).at(0).at("call"));
  const auto call = call_of(leg);
  EXPECT_EQ(call.at("queue").as_string(), second);
  EXPECT_EQ(call.at("queue_outcome").as_string(), "answered");
  EXPECT_GE(number(call.at("waited_ms")), 60'000);
}

TEST_F(Queues, AnAgentOnTheWayComesBeforeTheNextQueue) {
  const auto second = queue("second");
  const auto first = queue("first", R"(,"overflow":{"type":"queue","queue":")" + second + R"("})");
  lead_to(first);
  const auto ada = agent(first);
  const auto desk = seat(ada);
  const auto leg = comes();
  ASSERT_EQ(last_bridge().leg(), leg);
  mark(leg, "overflow");  // the bridge crossed the end of the wait
  mark(leg, "waiting.2");
  step();
  EXPECT_TRUE(line(second).empty());
  bridged(leg, desk);
  step();
  EXPECT_EQ(status(ada), "talking");
  end(leg);
  step();
  EXPECT_EQ(visits(first).at(0).at("outcome").as_string(), "answered");
  EXPECT_TRUE(visits(second).empty());
}

TEST_F(Queues, APhoneOnDemandStopsRingingForACallerWhoHangsUpAndItsAgentStays) {
  const auto sales = queue("sales");
  lead_to(sales);
  const auto ada = agent(sales, "on_demand");
  act_agent(ada, "log_in");
  const auto leg = comes();
  const auto rung = new_calls();
  ASSERT_EQ(rung.size(), 1u);
  EXPECT_EQ(rung[0].bridge_to(), leg);
  end(leg);
  step();
  EXPECT_EQ(control->engine->last(wire::ToEngine::kHangup).hangup().leg(), rung[0].leg());
  end(rung[0].leg(), 487, 16);
  step();
  EXPECT_EQ(status(ada), "ready");
  EXPECT_EQ(visits(sales).at(0).at("outcome").as_string(), "abandoned");
}

TEST_F(Queues, APhoneOnDemandThatDoesNotAnswerLeavesTheCallerAtTheHead) {
  const auto sales = queue("sales");
  lead_to(sales);
  const auto ada = agent(sales, "on_demand"), bob = agent(sales, "on_demand");
  act_agent(ada, "log_in");
  const auto leg = comes(), behind = comes();
  const auto rung = new_calls();
  ASSERT_EQ(rung.size(), 1u);
  end(rung[0].leg(), 480, 19);
  step();
  EXPECT_EQ(status(ada), "offline");
  EXPECT_THAT(line(sales), testing::ElementsAre(from(leg), from(behind)));
  EXPECT_EQ(control->engine->count(wire::ToEngine::kHangup), 0u);  // the caller is not hung up on
  act_agent(bob, "log_in");
  step();
  EXPECT_EQ(new_calls().at(0).bridge_to(), leg);
}

TEST_F(Queues, AnAgentOfACampaignServesCallersFirst) {
  const auto sales = queue("sales");
  lead_to(sales);
  const auto drive = campaign(fill(3), "progressive");
  const auto ada = agent(sales, "kept_up", R"(,"campaigns":[")" + drive + R"("])");
  const auto desk = seat(ada);
  act(drive, "start");
  step();
  const auto dialed = new_calls();
  ASSERT_EQ(dialed.size(), 1u);
  answer(dialed[0].leg());
  detect(dialed[0].leg(), "human");
  const auto leg = comes(false);
  mark(dialed[0].leg(), "person");
  mark(leg, "waiting");
  step();
  EXPECT_EQ(last_bridge().leg(), leg);
  EXPECT_EQ(number(live(drive).at("waiting")), 1);
  bridged(leg, desk);
  end(leg);
  step();
  step(31s);
  EXPECT_EQ(last_bridge().leg(), dialed[0].leg());
}

TEST_F(Queues, ARestartFindsCallersWhereTheyStood) {
  const auto sales = queue("sales", R"(,"wrap_up_s":0)");
  lead_to(sales);
  const auto ada = agent(sales);
  const auto desk = seat(ada);
  const auto talker = comes();
  bridged(talker, desk);
  const auto first = comes(), second = comes(), greeted = comes(false);
  step(5s);
  keep_living({talker, first, second, greeted}, {desk});
  control->engine->snapshot.mutable_legs(0)->set_last_mark("connected");
  const auto bridges = control->engine->count(wire::ToEngine::kBridge);
  restart();
  step();
  EXPECT_EQ(status(ada), "talking");
  // the greeting of one had ended while nobody listened
  EXPECT_THAT(line(sales), testing::ElementsAre(from(first), from(second), from(greeted)));
  EXPECT_GE(number(queue_live(sales).at("longest_wait_s")), 5);
  const auto late = comes();
  EXPECT_EQ(line(sales).back(), from(late));
  EXPECT_EQ(control->engine->count(wire::ToEngine::kBridge), bridges);
  for (const auto leg : {talker, first, second, greeted, late}) {
    if (leg != talker) bridged(leg, desk);
    end(leg);
    step();
    if (leg != late) {
      EXPECT_EQ(last_bridge().other(), desk);
    }
  }
  EXPECT_EQ(number(queue_live(sales).at("answered")), 5);
  EXPECT_EQ(visits(sales).size(), 5u);
}

TEST_F(Queues, ARestartCountsThoseWhoLeftMeanwhileAndRemembersTheDay) {
  const auto sales = queue("sales");
  lead_to(sales);
  const auto gone = comes(), stays = comes();
  end(gone);
  step();
  const auto lost = comes();
  keep_living({stays}, {});
  restart();
  step();
  EXPECT_THAT(line(sales), testing::ElementsAre(from(stays)));
  const auto live = queue_live(sales);
  EXPECT_EQ(number(live.at("abandoned")), 1);
  EXPECT_EQ(number(live.at("failed")), 1);  // the engine does not know it any more
  EXPECT_EQ(call_of(lost).at("queue_outcome").as_string(), "failed");
  restart();
  step();
  EXPECT_EQ(number(queue_live(sales).at("abandoned")), 1);
  EXPECT_EQ(number(queue_live(sales).at("failed")), 1);
}

TEST_F(Queues, TheLineIsShownEachSecondWhileItChanges) {
  const auto sales = queue("sales");
  lead_to(sales);
  std::uint64_t seen = 0;
  const auto figures = [&] {
    std::vector<std::string> found;
    for (const auto& figure : control->hub.figures(project(), seen))
      if (figure.type == "queue.live") found.push_back(figure.data);
    return found;
  };
  step(1s);
  EXPECT_EQ(figures().size(), 1u);
  step(1s);
  EXPECT_TRUE(figures().empty());
  const auto leg = comes();
  step(1s);
  const auto shown = figures();
  ASSERT_EQ(shown.size(), 1u);
  EXPECT_EQ(boost::json::parse(shown[0]).at("waiting").as_array().at(0).at("number").as_string(), from(leg));
}

TEST_F(Queues, BadInputIsNamed) {
  const auto code = [&](const std::string& body, const std::string& path = "/v1/queues") {
    const auto response = control->send("POST", path, body);
    if (response.status != 422 && response.status != 400) return std::to_string(response.status);
    return std::string(ControlProcess::json_of(response).at("errors").as_array().at(0).at("pointer").as_string());
  };
  EXPECT_EQ(code(R"({"name":"a","music_prompt":"prompt_x"})"), "/music_prompt");
  EXPECT_EQ(code(R"({"name":"a","max_wait_s":0})"), "/max_wait_s");
  EXPECT_EQ(code(R"({"name":"a","overflow":{"type":"somewhere"}})"), "/overflow/type");
  EXPECT_EQ(code(R"({"name":"a","overflow":{"type":"endpoint","endpoint":"endpoint_x"}})"), "/overflow/endpoint");
  EXPECT_EQ(code(R"({"name":"a","overflow":{"type":"number","number":"911","trunk":")" + trunk + R"("}})"),
            "/overflow/number");
  EXPECT_EQ(code(R"({"number":"+12125550000","trunk":")" + trunk + R"(","route":{"type":"queue","queue":"queue_x"}})",
                 "/v1/numbers"),
            "/route/queue");
  const auto last = queue("last");
  const auto first = queue("first", R"(,"overflow":{"type":"queue","queue":")" + last + R"("})");
  const auto circle =
      control->send("PATCH", "/v1/queues/" + last, R"({"overflow":{"type":"queue","queue":")" + first + R"("}})");
  EXPECT_EQ(circle.status, 422) << circle.body;
  EXPECT_EQ(ControlProcess::code_of(control->send("DELETE", "/v1/queues/" + last)), "409 in_use");
  lead_to(first);
  EXPECT_EQ(ControlProcess::code_of(control->send("DELETE", "/v1/queues/" + first)), "409 in_use");
  EXPECT_EQ(control
                ->send("PATCH", "/v1/queues/" + first,
                       R"({"overflow":{"type":"prompt","prompt":")" + prompt + R"("},"max_wait_s":90})")
                .status,
            200);  // of another type: nothing of the old one is left
  EXPECT_EQ(control->send("DELETE", "/v1/queues/" + last).status, 204);
  EXPECT_EQ(control->send("GET", "/v1/queues/" + last + "/live").status, 404);
}

}  // namespace
}  // namespace carillon::control
