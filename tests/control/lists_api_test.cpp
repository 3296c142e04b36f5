// Lists, leads and do-not-call numbers over the API.

#include "tests/control/fixture.h"

namespace carillon::control {
namespace {

class ListsApi : public testing::Test {
 protected:
  ListsApi() : list(control.made("/v1/lists", R"({"name":"people","region":"US"})")) {}
  boost::json::value get(const std::string& path) { return ControlProcess::json_of(control.send("GET", path)); }

  Folder folder;
  ControlProcess control{folder.path()};
  std::string list;
};

TEST_F(ListsApi, ListsHaveUniqueNamesAndKnownZones) {
  EXPECT_EQ(ControlProcess::code_of(control.send("POST", "/v1/lists", R"({"name":"people"})")), "409 conflict");
  EXPECT_EQ(ControlProcess::code_of(control.send("POST", "/v1/lists", R"({"name":"x","time_zone":"Mars/Olympus"})")),
            "422 invalid");
  EXPECT_EQ(ControlProcess::code_of(control.send("POST", "/v1/lists", R"({"name":"x","region":"XX"})")), "422 invalid");
  control.made("/v1/lists", R"({"name":"second","time_zone":"Europe/Berlin"})");
  const auto page = get("/v1/lists?limit=1");
  EXPECT_EQ(page.at("data").as_array().size(), 1u);
  const auto rest = get("/v1/lists?cursor=" + std::string(page.at("next_cursor").as_string()));
  EXPECT_EQ(rest.at("data").at(0).at("name").as_string(), "second");
  const auto other = control.made("/v1/projects", R"({"name":"second"})");
  EXPECT_EQ(control.send("GET", "/v1/lists/" + list, "", {{"Carillon-Project", other}}).status, 404);
}

TEST_F(ListsApi, LeadsComeAloneOrByTheHundred) {
  const auto one = control.send("POST", "/v1/lists/" + list + "/leads",
                                R"({"phone":"(212) 555-0100","name":"Ann","extra":{"age":41}})");
  ASSERT_EQ(one.status, 201) << one.body;
  const auto many = control.send("POST", "/v1/lists/" + list + "/leads",
                                 R"({"leads":[{"phone":"2125550100"},{"phone":"x"},{"phone":"2125550101","prio":1},
                                     {"phone":"2125550102","not_before":"2030-01-01T00:00:00Z"}]})");
  ASSERT_EQ(many.status, 201) << many.body;
  const auto answer = ControlProcess::json_of(many);
  EXPECT_EQ(answer.at("created").as_int64(), 1);
  EXPECT_EQ(answer.at("duplicates").as_int64(), 1);
  ASSERT_EQ(answer.at("errors").as_array().size(), 2u);
  EXPECT_EQ(answer.at("errors").at(0).at("code").as_string(), "bad_number");
  EXPECT_EQ(answer.at("errors").at(1).at("index").as_int64(), 2);
  const auto leads = get("/v1/leads?list=" + list + "&state=pending").at("data");
  ASSERT_EQ(leads.as_array().size(), 2u);
  EXPECT_EQ(leads.at(0).at("extra").at("age").as_int64(), 41);
  EXPECT_EQ(leads.at(1).at("not_before").as_string(), "2030-01-01T00:00:00.000Z");
  EXPECT_EQ(get("/v1/leads?number=%2B12125550102").at("data").as_array().size(), 1u);
  EXPECT_EQ(ControlProcess::code_of(control.send("GET", "/v1/leads?state=lost")), "422 invalid");
  EXPECT_EQ(ControlProcess::code_of(control.send("GET", "/v1/leads?cursor=lead_x")), "400 invalid_cursor");
  EXPECT_EQ(ControlProcess::code_of(control.send("POST", "/v1/lists/" + list + "/leads", R"({"phone":""})")),
            "422 invalid");
}

TEST_F(ListsApi, ALeadIsChangedAndEndedByHand) {
  const auto added = control.send("POST", "/v1/lists/" + list + "/leads", R"({"phone":"2125550100"})");
  const std::string lead(ControlProcess::json_of(added).at("data").at(0).as_string());
  const auto changed = control.send("PATCH", "/v1/leads/" + lead, R"({"priority":7})");
  EXPECT_EQ(ControlProcess::json_of(changed).at("priority").as_int64(), 7);
  EXPECT_EQ(ControlProcess::code_of(control.send("PATCH", "/v1/leads/" + lead, R"({"state":"pending"})")),
            "422 invalid");
  EXPECT_EQ(ControlProcess::code_of(control.send("PATCH", "/v1/leads/" + lead, R"({"phone":"1"})")), "422 invalid");
  const auto done = ControlProcess::json_of(control.send("PATCH", "/v1/leads/" + lead, R"({"state":"done"})"));
  EXPECT_EQ(done.at("state").as_string(), "done");
  EXPECT_EQ(done.at("done_reason").as_string(), "by hand");
  EXPECT_EQ(get("/v1/lists/" + list).at("counts").at("done").as_int64(), 1);
  EXPECT_EQ(control.send("PATCH", "/v1/leads/lead_x", "{}").status, 404);
}

TEST_F(ListsApi, ABlockedNumberIsListedAndCanGoAgain) {
  const auto blocked = control.send("POST", "/v1/do_not_call", R"({"number":"+12125550100","reason":"asked"})");
  ASSERT_EQ(blocked.status, 201) << blocked.body;
  EXPECT_EQ(ControlProcess::json_of(blocked).at("added").to_number<int>(), 1);
  const auto many =
      control.send("POST", "/v1/do_not_call", R"({"numbers":["+12125550100","212 555 0101"],"region":"US"})");
  EXPECT_EQ(ControlProcess::json_of(many).at("known").to_number<int>(), 1);
  EXPECT_EQ(get("/v1/do_not_call?number=%2B12125550100").at("data").at(0).at("reason").as_string(), "asked");
  const auto page = get("/v1/do_not_call?limit=1");
  const auto rest = get("/v1/do_not_call?cursor=" + std::string(page.at("next_cursor").as_string()));
  EXPECT_EQ(rest.at("data").at(0).at("number").as_string(), "+12125550101");
  EXPECT_EQ(control.send("DELETE", "/v1/do_not_call/%2B12125550100").status, 204);
  EXPECT_EQ(control.send("DELETE", "/v1/do_not_call/%2B12125550100").status, 404);
  const auto wrong = control.send("POST", "/v1/do_not_call", R"({"numbers":["+12125550100","x"]})");
  EXPECT_EQ(ControlProcess::json_of(wrong).at("errors").at(0).at("pointer").as_string(), "/numbers/1");
  EXPECT_EQ(ControlProcess::code_of(control.send("POST", "/v1/do_not_call", "{}")), "422 invalid");
}

}  // namespace
}  // namespace carillon::control
