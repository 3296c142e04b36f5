// expand=, fields= and the limit of requests: what every answer has in common.

#include "control/api/shape.h"
#include "control/api/openapi.h"
#include "control/api/rate_limit.h"
#include "tests/control/campaigns_fixture.h"

namespace carillon::control {
namespace {

using testing::HasSubstr;

class Shape : public CampaignTest {
 protected:
  Shape() : list(fill(2)), id(campaign(list, "broadcast")) {
    act(id, "start");
    step();
    for (const auto& call : new_calls()) hear(call.leg());
    step();
    step();
  }
  boost::json::value get(const std::string& target) {
    const auto response = control->send("GET", target);
    EXPECT_EQ(response.status, 200) << response.body;
    return ControlProcess::json_of(response);
  }
  // The pointer and the words of a refusal.
  std::string refusal(const std::string& target) {
    const auto response = control->send("GET", target);
    EXPECT_EQ(ControlProcess::code_of(response), "400 invalid_parameter") << target;
    const auto fault = ControlProcess::json_of(response).at("errors").at(0);
    return std::string(fault.at("pointer").as_string()) + " " + std::string(fault.at("detail").as_string());
  }
  static std::vector<std::string> names(const boost::json::value& object) {
    std::vector<std::string> names;
    for (const auto& member : object.as_object()) names.emplace_back(member.key());
    return names;
  }
  LeadList list;
  std::string id;
};

TEST_F(Shape, IdsBecomeWhatTheyName) {
  const auto plain = get("/v1/attempts?campaign=" + id).at("data");
  const auto rich = get("/v1/attempts?campaign=" + id + "&expand=campaign.lists,call,lead.list").at("data");
  ASSERT_EQ(rich.as_array().size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(rich.at(i).at("id"), plain.at(i).at("id"));
    EXPECT_EQ(rich.at(i).at("call").at("id"), plain.at(i).at("call"));
    EXPECT_EQ(rich.at(i).at("call").at("state").as_string(), "ended");
    EXPECT_EQ(rich.at(i).at("campaign").at("lists").at(0).at("name").as_string(), "people");
    EXPECT_EQ(rich.at(i).at("campaign").at("trunks").at(0).as_string(), trunk);  // not asked for
    EXPECT_EQ(rich.at(i).at("lead").at("list").at("id").as_string(), list.id);
    EXPECT_FALSE(rich.at(i).at("lead").as_object().contains("history"));
  }
  EXPECT_EQ(get("/v1/campaigns/" + id + "?expand=prompt").at("prompt").at("name").as_string(), "hello");
  EXPECT_EQ(get("/v1/calls?expand=trunk").at("data").at(0).at("trunk").at("name").as_string(), "carrier");
  const std::string lead(plain.at(0).at("lead").as_string());
  EXPECT_EQ(get("/v1/leads/" + lead + "?expand=list").at("list").at("name").as_string(), "people");
}

TEST_F(Shape, AnIdThatLeadsNowhereStaysAnId) {
  act(id, "stop");
  EXPECT_EQ(control->send("DELETE", "/v1/campaigns/" + id).status, 204);
  EXPECT_EQ(get("/v1/attempts?expand=campaign").at("data").at(0).at("campaign").as_string(), id);
}

TEST_F(Shape, OnlyTheFieldsAskedForAreShown) {
  const auto page = get("/v1/attempts?limit=1&fields=number,outcome");
  EXPECT_EQ(names(page), (std::vector<std::string>{"data", "next_cursor"}));
  EXPECT_FALSE(page.at("next_cursor").is_null());
  EXPECT_THAT(names(page.at("data").at(0)), testing::UnorderedElementsAre("number", "outcome"));
  const auto rich = get("/v1/attempts?expand=campaign.lists&fields=id,campaign.name,campaign.lists").at("data").at(0);
  EXPECT_THAT(names(rich), testing::UnorderedElementsAre("id", "campaign"));
  EXPECT_THAT(names(rich.at("campaign")), testing::UnorderedElementsAre("name", "lists"));
  EXPECT_EQ(rich.at("campaign").at("lists").at(0).at("name").as_string(), "people");
  EXPECT_EQ(names(get("/v1/campaigns/" + id + "?fields=limits.total").at("limits")),
            (std::vector<std::string>{"total"}));
  const auto lead = get("/v1/leads?fields=phone,extra.city").at("data").at(0);
  EXPECT_THAT(names(lead), testing::UnorderedElementsAre("phone", "extra"));
  EXPECT_EQ(get("/v1/calls?fields=id,marks.mark").at("data").at(0).as_object().size(), 2u);
}

TEST_F(Shape, WrongNamesAreNamed) {
  EXPECT_THAT(refusal("/v1/attempts?expand=agents"),
              HasSubstr("/expand \"agents\" cannot be expanded; these can: camp"));
  EXPECT_THAT(refusal("/v1/attempts?expand=campaign.name"), HasSubstr("\"campaign.name\" cannot be expanded"));
  EXPECT_THAT(refusal("/v1/attempts?expand=campaign.lists.name"), HasSubstr("cannot be expanded"));
  EXPECT_THAT(refusal("/v1/attempts?fields=id,colour"), HasSubstr("/fields \"colour\" is not a field; these are: id"));
  EXPECT_THAT(refusal("/v1/attempts?fields=campaign.name"), HasSubstr("expand it"));
  EXPECT_THAT(refusal("/v1/attempts?fields=id.x"), HasSubstr("id is no object here"));
  EXPECT_THAT(refusal("/v1/attempts?expand=campaign&fields=campaign.colour"), HasSubstr("\"campaign.colour\""));
  EXPECT_THAT(refusal("/v1/attempts?fields=serial"), HasSubstr("\"serial\""));  // ours alone
  EXPECT_THAT(refusal("/v1/cdrs?fields=id"), HasSubstr("listCdrs does not take it"));
}

TEST_F(Shape, IsDescribedInOpenApi) {
  const auto document = openapi(control->service.operations());
  const auto& parameters = document.at("paths").at("/v1/attempts").at("get").at("parameters").as_array();
  std::map<std::string, std::string> about;
  for (const auto& parameter : parameters)
    about[std::string(parameter.at("name").as_string())] = std::string(parameter.at("description").as_string());
  EXPECT_THAT(about["expand"], HasSubstr("agent, agent.endpoint"));
  EXPECT_TRUE(about.contains("fields"));
  EXPECT_TRUE(document.at("webhooks").as_object().contains("call.ended"));
  const auto& got = document.at("paths").at("/v1/calls").at("get").at("responses");
  EXPECT_TRUE(got.at("200").at("headers").as_object().contains("RateLimit-Remaining"));
  EXPECT_TRUE(got.as_object().contains("429"));
  EXPECT_TRUE(document.at("components").at("headers").as_object().contains("RateLimit-Policy"));
}

// ------------------------------------------------------------------ requests per token

TEST(RateLimiterTest, ABucketThatFillsEvenly) {
  RateLimiter limiter({.requests = 10, .window = 5s});
  WallTime now(std::chrono::milliseconds(1'800'000'000'000));
  const auto header = [](const RateLimiter::Turn& turn, std::string_view name) {
    for (const auto& [key, value] : turn.headers)
      if (key == name) return value;
    return std::string();
  };
  for (int i = 9; i >= 0; --i) {
    const auto turn = limiter.take("a", now);
    EXPECT_TRUE(turn.is_allowed);
    EXPECT_EQ(header(turn, "RateLimit-Remaining"), std::to_string(i));
    EXPECT_EQ(header(turn, "RateLimit-Limit"), "10");
    EXPECT_EQ(header(turn, "RateLimit-Policy"), "10;w=5");
  }
  auto turn = limiter.take("a", now);
  EXPECT_FALSE(turn.is_allowed);
  EXPECT_EQ(turn.retry_after, "1");
  EXPECT_EQ(header(turn, "RateLimit-Reset"), "5");
  EXPECT_TRUE(limiter.take("b", now).is_allowed);
  now += 1s;  // two come back
  EXPECT_TRUE(limiter.take("a", now).is_allowed);
  EXPECT_TRUE(limiter.take("a", now).is_allowed);
  EXPECT_FALSE(limiter.take("a", now).is_allowed);
  EXPECT_FALSE(limiter.take("a", now - 1h).is_allowed);  // a clock that steps back
  EXPECT_FALSE(limiter.take("a", now - 1h).is_allowed);
}

TEST(RateLimiterTest, ForgetsTheQuietestOfTooManyClients) {
  RateLimiter limiter({.requests = 1, .window = 100s});
  WallTime now(std::chrono::milliseconds(1'800'000'000'000));
  EXPECT_TRUE(limiter.take("first", now).is_allowed);
  for (int i = 0; i < 9'999; ++i) limiter.take(std::to_string(i), now += 1ms);
  EXPECT_FALSE(limiter.take("first", now).is_allowed);
  limiter.take("another", now);  // "0" was quiet longest
  EXPECT_FALSE(limiter.take("9998", now).is_allowed);
  EXPECT_TRUE(limiter.take("0", now).is_allowed);
}

TEST(RateLimited, AnswersSayWhatIsLeftAndThenRefuse) {
  Folder folder;
  ControlProcess control(folder.path());
  EXPECT_TRUE(control.send("GET", "/v1/calls").header("RateLimit-Limit").empty());  // none is set
  control.service.limit({.requests = 3, .window = 3s});
  EXPECT_EQ(control.send("GET", "/v1/calls").header("RateLimit-Remaining"), "2");
  EXPECT_EQ(control.send("GET", "/v1/nothing", "", {{"X", "1"}}).header("RateLimit-Limit"), "3");
  EXPECT_EQ(control.send("GET", "/v1/calls").status, 200);
  EXPECT_EQ(control.send("GET", "/v1/calls").status, 200);
  const auto refused = control.send("GET", "/v1/calls");
  EXPECT_EQ(ControlProcess::code_of(refused), "429 rate_limited");
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.header("RateLimit-Remaining"), "0");
  const auto token = std::exchange(control.token, "");
  for (int i = 0; i < 3; ++i) (void)control.send("GET", "/v1/calls", "", {{"Authorization", "Bearer token_x.guess"}});
  EXPECT_EQ(ControlProcess::code_of(control.send("GET", "/v1/calls")), "429 rate_limited");  // guesses are counted
  control.token = token;
  control.now += 1s;
  EXPECT_EQ(control.send("GET", "/v1/calls").status, 200);
}

}  // namespace
}  // namespace carillon::control
