// The API without sockets: requests in, answers out.

#include "control/model/wav.h"
#include "tests/control/fixture.h"

namespace carillon::control {
namespace {

class Api : public testing::Test {
 protected:
  Api() : control(folder.path()) { control.connect(); }

  std::string trunk(const std::string& name = "carrier") {
    return control.made("/v1/trunks", R"({"name":")" + name + R"(","gateways":[{"address":"127.0.0.1"}]})");
  }
  std::string prompt(const std::string& name = "hello") {
    const auto response = control.send("POST", "/v1/prompts?name=" + name, wav(), {{"Content-Type", "audio/wav"}});
    EXPECT_EQ(response.status, 201) << response.body;
    return std::string(ControlProcess::json_of(response).at("id").as_string());
  }
  Response dial(const std::string& body, const std::string& key = "k1") {
    return control.send("POST", "/v1/calls", body, {{"Idempotency-Key", key}});
  }
  std::string code(const Response& response) { return ControlProcess::code_of(response); }

  Folder folder;
  ControlProcess control;
};

TEST_F(Api, NothingIsOpenWithoutATokenButHealthDocumentationAndPages) {
  const auto token = std::exchange(control.token, "");
  for (const auto& operation : control.service.operations()) {
    std::string path = operation.path;
    for (const char* name : {"{id}", "{code}", "{number}"})
      if (const auto at = path.find(name); at != std::string::npos) path.replace(at, std::strlen(name), "not_found");
    if (const auto at = path.find("{file}"); at != std::string::npos) path.replace(at, 6, "api.js");
    const auto response = control.send(operation.method, path, "", {{"Idempotency-Key", "x"}});
    if (operation.open)
      EXPECT_EQ(response.status, 200) << path;
    else
      EXPECT_EQ(response.status, 401) << operation.method << " " << path;
  }
  for (const char* wrong : {"", "x", "token_x.y", "token_00000000000000000000000000."}) {
    control.token = wrong;
    EXPECT_EQ(code(control.send("GET", "/v1/trunks")), "401 unauthorized");
  }
  control.token = token + "x";
  EXPECT_EQ(code(control.send("GET", "/v1/trunks")), "401 unauthorized");
}

TEST_F(Api, FirstStartWritesTheTokenForItsOwnerAlone) {
  const auto path = folder.path() + "/admin.token";
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_FALSE(first_start(control.store, control.ids, folder.path(), control.now));
}

TEST_F(Api, ScopesNarrowWhatATokenMayDo) {
  const auto id = trunk();
  const auto made = control.send("POST", "/v1/tokens", R"({"name":"reader","scope":"read"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const auto token = ControlProcess::json_of(made);
  EXPECT_FALSE(token.as_object().contains("digest"));
  EXPECT_EQ(control.send("GET", "/v1/tokens").body.find(std::string(token.at("token").as_string())), std::string::npos);
  control.token = std::string(token.at("token").as_string());
  EXPECT_EQ(control.send("GET", "/v1/trunks/" + id).status, 200);
  EXPECT_EQ(code(control.send("DELETE", "/v1/trunks/" + id)), "403 forbidden");
  EXPECT_EQ(code(control.send("POST", "/v1/tokens", R"({"name":"x","scope":"admin"})")), "403 forbidden");
}

TEST_F(Api, ProjectsDoNotSeeEachOther) {
  const auto id = trunk();
  const auto other = control.made("/v1/projects", R"({"name":"second"})");
  EXPECT_EQ(control.send("GET", "/v1/trunks/" + id, "", {{"Carillon-Project", other}}).status, 404);
  EXPECT_EQ(code(control.send("GET", "/v1/trunks", "", {{"Carillon-Project", "project_none"}})), "403 forbidden");
  EXPECT_EQ(ControlProcess::json_of(control.send("GET", "/v1/projects")).at("data").as_array().size(), 2u);
}

TEST_F(Api, HttpFaultsHaveTheirCodes) {
  EXPECT_EQ(code(control.send("GET", "/v1/nothing")), "404 not_found");
  EXPECT_EQ(code(control.send("GET", "bad target")), "400 bad_request");
  const auto wrong = control.send("PUT", "/v1/trunks");
  EXPECT_EQ(code(wrong), "405 method_not_allowed");
  EXPECT_EQ(wrong.header("Allow"), "POST, GET");
  EXPECT_EQ(code(control.send("GET", "/v1/trunks", "", {{"Accept", "image/png"}})), "406 not_acceptable");
  EXPECT_EQ(control.send("GET", "/v1/trunks", "", {{"Accept", "text/html, application/*;q=0.8"}}).status, 200);
  EXPECT_EQ(code(control.send("POST", "/v1/trunks", "{}", {{"Content-Type", "text/plain"}})),
            "415 unsupported_media_type");
  EXPECT_EQ(code(control.send("POST", "/v1/trunks", "{")), "400 malformed_json");
  EXPECT_EQ(code(control.send("GET", "/v1/trunks?limit=0")), "422 invalid");
  EXPECT_EQ(code(control.send("GET", "/v1/trunks?cursor=%27")), "400 invalid_cursor");
}

TEST_F(Api, EveryAnswerCarriesARequestIdAndProblemsRepeatIt) {
  const auto response = control.send("GET", "/v1/nothing");
  const std::string id(response.header("Carillon-Request-Id"));
  EXPECT_TRUE(is_id("req", id));
  EXPECT_EQ(ControlProcess::json_of(response).at("request_id").as_string(), id);
  EXPECT_EQ(response.header("Content-Type"), "application/problem+json");
}

TEST_F(Api, TrunksNeverShowTheirPasswordAndReachTheEngine) {
  const auto id = control.made(
      "/v1/trunks",
      R"({"name":"t","gateways":[{"address":"192.0.2.1","port":5070}],"username":"u","password":"secret1","register":true,
          "to_rule":{"strip":1,"prefix":"00","plus":"remove"}})");
  const auto put = control.engine->last(wire::ToEngine::kPutTrunk).put_trunk();
  EXPECT_EQ(put.password(), "secret1");
  EXPECT_EQ(put.to_rule().plus(), wire::NumberRule::REMOVE);
  EXPECT_EQ(control.send("GET", "/v1/trunks/" + id).body.find("secret1"), std::string::npos);

  const auto etag = std::string(control.send("GET", "/v1/trunks/" + id).header("ETag"));
  const auto patched = control.send("PATCH", "/v1/trunks/" + id, R"({"channels_max":7})", {{"If-Match", etag}});
  EXPECT_EQ(patched.status, 200) << patched.body;
  EXPECT_EQ(control.engine->last(wire::ToEngine::kPutTrunk).put_trunk().password(), "secret1");  // kept
  EXPECT_EQ(code(control.send("PATCH", "/v1/trunks/" + id, R"({"channels_max":8})", {{"If-Match", etag}})),
            "412 version_conflict");
  EXPECT_EQ(code(control.send("PATCH", "/v1/trunks/" + id, R"({"id":"x"})")), "422 invalid");
  EXPECT_EQ(code(control.send("POST", "/v1/trunks", R"({"name":"t","gateways":[{"address":"192.0.2.1"}]})")),
            "409 conflict");

  wire::FromEngine news;
  news.mutable_trunk()->set_id(id);
  news.mutable_trunk()->set_reachable(true);
  news.mutable_trunk()->set_channels(3);
  control.event(news);
  EXPECT_EQ(ControlProcess::json_of(control.send("GET", "/v1/trunks/" + id)).at("state").at("channels"), 3);
  EXPECT_EQ(control.send("DELETE", "/v1/trunks/" + id).status, 204);
  EXPECT_EQ(control.engine->last(wire::ToEngine::kRemoveTrunk).remove_trunk().id(), id);
  EXPECT_EQ(control.send("DELETE", "/v1/trunks/" + id).status, 404);
}

TEST_F(Api, ProblemNamesTheFieldByPointer) {
  const auto response =
      control.send("POST", "/v1/trunks", R"({"name":"t","gateways":[{"address":"carrier.example"}]})");
  EXPECT_EQ(code(response), "422 invalid");
  EXPECT_EQ(ControlProcess::json_of(response).at("errors").at(0).at("pointer").as_string(), "/gateways/0/address");
}

// RFC 2617 §3.2.2.2: HA1 = MD5(user:realm:password).
TEST_F(Api, PhonesKeepOnlyDigestsOfTheirPassword) {
  const auto id = control.made("/v1/endpoints", R"({"name":"desk 1","username":"agent1","password":"hunter2hunter2"})");
  const auto put = control.engine->last(wire::ToEngine::kPutEndpoint).put_endpoint();
  EXPECT_EQ(put.ha1_md5(), md5_hex("agent1:carillon:hunter2hunter2"));
  EXPECT_EQ(put.ha1_sha256(), sha256_hex("agent1:carillon:hunter2hunter2"));
  EXPECT_EQ(control.store.find_any(Kind::kEndpoints, id)->body.find("hunter2"), std::string::npos);
  EXPECT_EQ(code(control.send("POST", "/v1/endpoints", R"({"name":"x","username":"y","password":"short"})")),
            "422 invalid");
  EXPECT_EQ(code(control.send("PATCH", "/v1/endpoints/" + id, R"({"username":"agent2"})")), "422 invalid");
  EXPECT_EQ(control.send("PATCH", "/v1/endpoints/" + id, R"({"behind_nat":true})").status, 200);
  EXPECT_EQ(control.engine->last(wire::ToEngine::kPutEndpoint).put_endpoint().ha1_md5(), put.ha1_md5());
}

TEST_F(Api, PromptsAreCheckedKeptAndGivenToTheEngine) {
  const auto id = prompt();
  EXPECT_EQ(control.engine->prompts.back(), sha256_hex(wav()));
  const auto shown = ControlProcess::json_of(control.send("GET", "/v1/prompts/" + id));
  EXPECT_EQ(shown.at("duration_ms"), 1000);
  EXPECT_EQ(shown.at("state").as_string(), "ready");
  const auto audio = control.send("GET", "/v1/prompts/" + id + "/audio");
  EXPECT_EQ(audio.file->length, wav().size());
  const HeaderList type{{"Content-Type", "audio/wav"}};
  EXPECT_EQ(code(control.send("POST", "/v1/prompts?name=x", "not a wav", type)), "422 invalid_audio");
  EXPECT_EQ(code(control.send("POST", "/v1/prompts?name=hello", wav(), type)), "409 conflict");
  EXPECT_EQ(code(control.send("POST", "/v1/prompts", wav(), type)), "422 invalid");
  EXPECT_EQ(code(control.send("POST", "/v1/prompts?name=x", wav())), "415 unsupported_media_type");
  control.engine->prompt_error = "too loud";
  EXPECT_EQ(code(control.send("POST", "/v1/prompts?name=y", wav(100), type)), "422 invalid_audio");
  EXPECT_FALSE(std::filesystem::exists(control.live.prompt_file(sha256_hex(wav(100)))));
  EXPECT_EQ(control.send("DELETE", "/v1/prompts/" + id).status, 204);
  EXPECT_FALSE(std::filesystem::exists(control.live.prompt_file(sha256_hex(wav()))));
}

TEST(WavFacts, NameWhatIsWrong) {
  EXPECT_EQ(wav_facts(wav())->duration_ms, 1000u);
  EXPECT_EQ(wav_facts("RIFF").error(), "not a RIFF/WAVE file");
  EXPECT_EQ(wav_facts(wav().substr(0, 30)).error(), "its fmt chunk is cut short");
  EXPECT_EQ(wav_facts(wav().substr(0, 36)).error(), "it has no data chunk");
  EXPECT_EQ(wav_facts(wav(0)).error(), "it holds no sound");
  auto odd = wav();
  odd[22] = 6;
  EXPECT_EQ(wav_facts(odd).error(), "6 channels: one or two are supported");
}

TEST_F(Api, NumbersMustLeadSomewhere) {
  const auto carrier = trunk(), hello = prompt();
  const auto body =
      R"({"number":"+4930123456","trunk":")" + carrier + R"(","route":{"type":"prompt","prompt":")" + hello + R"("}})";
  const auto id = control.made("/v1/numbers", body);
  EXPECT_EQ(code(control.send("POST", "/v1/numbers", body)), "409 conflict");
  EXPECT_EQ(code(control.send("POST", "/v1/numbers",
                              R"({"number":"+4930123457","trunk":"x","route":{"type":"endpoint","endpoint":"y"}})")),
            "422 invalid");
  EXPECT_EQ(code(control.send("DELETE", "/v1/prompts/" + hello)), "409 in_use");
  EXPECT_EQ(code(control.send("DELETE", "/v1/trunks/" + carrier)), "409 in_use");
  EXPECT_EQ(control.send("DELETE", "/v1/numbers/" + id).status, 204);
}

TEST_F(Api, ACallIsCommittedThenOriginated) {
  const auto carrier = trunk(), hello = prompt();
  const auto response =
      dial(R"({"trunk":")" + carrier + R"(","to":"+4930123456","from":"+4930999","record":true,"detect":true,
      "headers":{"X-Lead":"7"},"plan":{"type":"message","prompt":")" +
           hello + R"(","opt_out_digit":"9"}})");
  ASSERT_EQ(response.status, 201) << response.body;
  const auto call = ControlProcess::json_of(response);
  EXPECT_EQ(call.at("state").as_string(), "dialing");
  const auto originate = control.engine->last(wire::ToEngine::kOriginate).originate();
  EXPECT_EQ(originate.trunks(0), carrier);
  EXPECT_EQ(originate.headers(0).value(), "7");
  EXPECT_TRUE(originate.plan().record());
  EXPECT_TRUE(originate.plan().detect().wait_for_beep());
  EXPECT_EQ(originate.plan().states(1).play().prompts(0), sha256_hex(wav()));
  EXPECT_EQ(control.store.open_calls().size(), 1u);
}

TEST_F(Api, ACallNeedsAKeyAndOneKeyBuysOneCall) {
  const auto body = R"({"trunk":")" + trunk() + R"(","to":"+4930123456","from":"+4930999"})";
  EXPECT_EQ(code(control.send("POST", "/v1/calls", body)), "400 idempotency_key_required");
  const auto first = dial(body), again = dial(body);
  EXPECT_EQ(first.body, again.body);
  EXPECT_EQ(again.header("Idempotency-Replayed"), "true");
  EXPECT_EQ(control.engine->count(wire::ToEngine::kOriginate), 1u);
  EXPECT_EQ(code(dial(R"({"to":"1"})")), "422 idempotency_mismatch");
  control.now += 25h;
  EXPECT_EQ(dial(body).status, 201);
  EXPECT_EQ(control.engine->count(wire::ToEngine::kOriginate), 2u);
}

TEST_F(Api, ARefusedRequestIsNotKept) {
  EXPECT_EQ(code(dial(R"({"to":"x"})")), "422 invalid");
  const auto body = R"({"trunk":")" + trunk() + R"(","to":"+4930123456","from":"+4930999"})";
  EXPECT_EQ(dial(body).status, 201);
}

TEST_F(Api, KeysAlsoGuardWhatIsCreated) {
  const auto post = [&] {
    return control.send("POST", "/v1/trunks", R"({"name":"a","gateways":[{"address":"127.0.0.1"}]})",
                        {{"Idempotency-Key", "t"}});
  };
  EXPECT_EQ(post().status, 201);
  EXPECT_EQ(post().status, 201);
  EXPECT_EQ(control.store.all(Kind::kTrunks).size(), 1u);
}

TEST_F(Api, EmergencyNumbersAreNeverDialled) {
  const auto carrier = trunk();
  const auto rewriting = control.made(
      "/v1/trunks", R"({"name":"r","gateways":[{"address":"127.0.0.1"}],"to_rule":{"strip":4,"plus":"remove"}})");
  for (const char* number :
       {"112", "911", "999", "110", "+112", "0112", "9911", "+1911", "+0049112", "+49112", "0049110", "102", "103"})
    EXPECT_EQ(code(dial(R"({"trunk":")" + carrier + R"(","from":"1","to":")" + number + R"("})")),
              "403 emergency_number")
        << number;
  EXPECT_EQ(code(dial(R"({"trunk":")" + rewriting + R"(","from":"12","to":"+4930110"})")), "403 emergency_number");
  for (const char* number : {"+4930112", "+4911012345", "+19115550100", "1001"})
    EXPECT_FALSE(is_emergency(number)) << number;
  EXPECT_EQ(control.engine->count(wire::ToEngine::kOriginate), 0u);
}

// The hard gate of COMPLIANCE.md stands before every originate, also before one that a person asked for.
TEST_F(Api, ABlockedNumberIsNotCalledOnRequestEither) {
  const auto carrier = trunk();
  const auto adding =
      control.made("/v1/trunks", R"({"name":"adds","gateways":[{"address":"127.0.0.1"}],"to_rule":{"prefix":"+1"}})");
  EXPECT_EQ(control.send("POST", "/v1/do_not_call", R"({"number":"+12125550100"})").status, 201);
  const auto dialed = [&](const std::string& over, const std::string& number) {
    return code(dial(R"({"trunk":")" + over + R"(","from":"+12125550199","to":")" + number + R"("})"));
  };
  for (const char* number : {"+12125550100", "12125550100"}) EXPECT_EQ(dialed(carrier, number), "403 do_not_call");
  EXPECT_EQ(dialed(adding, "2125550100"), "403 do_not_call");
  EXPECT_EQ(control.engine->count(wire::ToEngine::kOriginate), 0u);
  EXPECT_EQ(control.send("DELETE", "/v1/do_not_call/+12125550100").status, 204);
  EXPECT_EQ(dial(R"({"trunk":")" + carrier + R"(","from":"+12125550199","to":"+12125550100"})").status, 201);
}

TEST_F(Api, NoEngineNoCall) {
  const auto body = R"({"trunk":")" + trunk() + R"(","to":"+4930123456","from":"+4930999"})";
  control.engine->is_connected = false;
  const auto refused = dial(body);
  EXPECT_EQ(code(refused), "503 engine_unavailable");
  EXPECT_EQ(refused.header("Retry-After"), "2");
  EXPECT_EQ(control.send("GET", "/health").status, 503);
  EXPECT_TRUE(control.store.open_calls().empty());
}

TEST_F(Api, FullPlansNameTheirFaults) {
  const auto carrier = trunk();
  const auto faulty = [&](const std::string& plan) {
    const auto response =
        dial(R"({"trunk":")" + carrier + R"(","to":"+4930123456","from":"+4930999","plan":)" + plan + "}");
    const auto json = ControlProcess::json_of(response);
    if (response.status != 422) return std::to_string(response.status);
    return std::string(json.at("errors").at(0).at("pointer").as_string());
  };
  EXPECT_EQ(faulty(R"({"states":[{"play":{"prompts":["prompt_x"]}}]})"), "/plan/states/0/play/prompts/0");
  EXPECT_EQ(faulty(R"({"states":[{"wait":{},"hangup":{}}]})"), "/plan/states/0");
  EXPECT_EQ(faulty(R"({"states":[{"wait":{},"on":[{"event":"done","next":5}]}]})"), "/plan/states/0/on/0/next");
  EXPECT_EQ(faulty(R"({"states":[{"wait":{},"on":[{"event":"dance","next":0}]}]})"), "/plan/states/0/on/0/event");
  EXPECT_EQ(faulty(R"({"type":"message","prompt":"prompt_x"})"), "/plan/prompt");
  EXPECT_EQ(faulty(R"({"type":"endpoint","endpoint":"endpoint_x"})"), "/plan/endpoint");
  EXPECT_EQ(faulty(R"({"states":[{"name":"talk","wait":{"for_ms":1000},"on":[{"event":"timeout","next":0}]}]})"),
            "201");
}

TEST_F(Api, ListsArePagedByCursorToTheEnd) {
  for (int i = 0; i < 7; ++i) trunk("t" + std::to_string(i));
  std::string cursor;
  std::vector<std::string> names;
  do {
    const auto page = ControlProcess::json_of(control.send("GET", "/v1/trunks?limit=3&cursor=" + cursor));
    for (const auto& item : page.at("data").as_array()) names.emplace_back(item.at("name").as_string());
    cursor = page.at("next_cursor").is_null() ? "" : std::string(page.at("next_cursor").as_string());
  } while (!cursor.empty());
  EXPECT_THAT(names, testing::ElementsAre("t0", "t1", "t2", "t3", "t4", "t5", "t6"));
}

TEST_F(Api, OpenApiDescribesEveryOperationOnce) {
  const auto document = ControlProcess::json_of(control.send("GET", "/v1/openapi.json"));
  std::set<std::string> ids;
  for (const auto& operation : control.service.operations()) {
    EXPECT_TRUE(ids.insert(operation.id).second) << operation.id;
    std::string method = operation.method;
    for (char& letter : method) letter = static_cast<char>(std::tolower(letter));
    EXPECT_EQ(document.at("paths").at(operation.path).at(method).at("operationId").as_string(), operation.id);
  }
  // every reference leads to a component
  const std::string text = boost::json::serialize(document);
  const std::string mark = "#/components/schemas/";
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const auto name = text.substr(at + mark.size(), text.find('"', at) - at - mark.size());
    EXPECT_TRUE(document.at("components").at("schemas").as_object().contains(name)) << name;
  }
}

TEST_F(Api, ExamplesOfTheDocumentAreWhatTheWalkerTakes) {
  const auto document = ControlProcess::json_of(control.send("GET", "/v1/openapi.json"));
  const auto example = document.at("paths")
                           .at("/v1/trunks")
                           .at("post")
                           .at("requestBody")
                           .at("content")
                           .at("application/json")
                           .at("example");
  EXPECT_EQ(control.send("POST", "/v1/trunks", boost::json::serialize(example)).status, 201)
      << boost::json::serialize(example);
}

TEST_F(Api, EveryErrorCodeHasItsPage) {
  for (const auto& kind : problem_catalogue()) {
    const auto page = control.send("GET", "/docs/errors/" + std::string(kind.code));
    EXPECT_EQ(page.status, 200);
    EXPECT_NE(page.body.find("What to do"), std::string::npos);
  }
}

TEST_F(Api, MetricsSpeakPrometheus) {
  const auto text = control.send("GET", "/metrics").body;
  EXPECT_NE(text.find("carillon_engine_connected{engine=\"e1\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("# TYPE carillon_http_responses_total counter\n"), std::string::npos);
}

// A turn that came late shows in the metrics and in /health, and stays there for others to read.
TEST_F(Api, TheDriversPulseIsShown) {
  control.campaigns.step();
  control.now += 3s;
  control.campaigns.step();
  for (int i = 0; i < 2; ++i) {
    const auto health = ControlProcess::json_of(control.send("GET", "/v1/health")).at("dialer");
    EXPECT_EQ(health.at("pause_max_ms").as_int64(), 3000);
    EXPECT_EQ(health.at("turn_max_ms").as_int64(), 0);
    const auto text = control.send("GET", "/metrics").body;
    for (const char* line :
         {"# TYPE carillon_dialer_pause_seconds histogram\n", "carillon_dialer_pause_seconds_bucket{le=\"2.5\"} 0\n",
          "carillon_dialer_pause_seconds_bucket{le=\"5\"} 1\n", "carillon_dialer_pause_seconds_bucket{le=\"+Inf\"} 1\n",
          "carillon_dialer_pause_seconds_sum 3\n", "carillon_dialer_turn_seconds_count 2\n",
          "carillon_dialer_pause_longest_seconds 3\n"})
      EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace carillon::control
