// A campaign's results as CSV, and the attempts of one lead.

#include "control/api/resources/results.h"
#include "control/crm/csv.h"
#include "tests/control/campaigns_fixture.h"

namespace carillon::control {
namespace {

class Results : public CampaignTest {
 protected:
  using Line = std::vector<std::string>;

  std::string text_of(const std::string& id) {
    auto response = control->send("GET", "/v1/campaigns/" + id + "/results.csv");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("Content-Type"), "text/csv; charset=utf-8");
    std::string text;
    while (response.source) {
      const auto piece = response.source->next();
      if (piece.empty()) break;
      text += piece;
      ++pieces;
    }
    return text;
  }
  // Column by name of each line after the first.
  static std::vector<std::map<std::string, std::string>> table(const std::string& text) {
    std::vector<Line> lines(1);
    std::string cell;
    bool is_quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '"' && is_quoted && i + 1 < text.size() && text[i + 1] == '"')
        cell += text[++i];
      else if (text[i] == '"')
        is_quoted = !is_quoted;
      else if (is_quoted)
        cell += text[i];
      else if (text[i] == ',')
        lines.back().push_back(std::exchange(cell, {}));
      else if (text[i] == '\n') {
        lines.back().push_back(std::exchange(cell, {}));
        lines.emplace_back();
      } else if (text[i] != '\r')
        cell += text[i];
    }
    lines.pop_back();
    std::vector<std::map<std::string, std::string>> rows;
    for (std::size_t i = 1; i < lines.size(); ++i) {
      EXPECT_EQ(lines[i].size(), lines[0].size());
      auto& row = rows.emplace_back();
      for (std::size_t k = 0; k < lines[0].size() && k < lines[i].size(); ++k) row[lines[0][k]] = lines[i][k];
    }
    return rows;
  }
  LeadList fill_with(const std::vector<NewLead>& leads, const std::string& name) {
    LeadList list;
    list.id = control->ids.make("list", control->now);
    list.project = project();
    list.name = name;
    EXPECT_TRUE(control->store.leads().add_list(list));
    control->store.leads().add(list, leads, AddMode::kSkip, control->now);
    return list;
  }
  int pieces = 0;
};

TEST_F(Results, SayWhatBecameOfEachLead) {
  const auto list = fill_with({{.phone = "+12125550001",
                                .name = "Ann \"the\" first",
                                .external_id = "=cmd()",
                                .extra = R"({"city":"Köln, DE","age":41,"phone":"second","bad":"@x"})"},
                               {.phone = "+12125550002", .extra = R"({"vip":true,"gone":null})"},
                               {.phone = "+12125550003"}},
                              "people");
  control->store.leads().change(project(), control->store.leads().leads({.project = project()})[2].id,
                                {.state = LeadState::kDone, .done_reason = "by hand"}, control->now);
  const auto id = campaign(list, "broadcast", R"(,"retry":{"busy":{"times":1,"delay_s":60}})");
  act(id, "start");
  std::map<std::string, std::string> outcome;
  for (int turn = 0; turn < 800 && state(id) == "running"; ++turn) {
    step();
    for (const auto& call : new_calls()) {
      if (call.to() == "+12125550002") {
        end(call.leg(), 486, 17);
        continue;
      }
      answer(call.leg());
      control->now += 12'500ms;
      detect(call.leg(), "human");
      mark(call.leg(), "message_started");
      mark(call.leg(), "message_done");
      end(call.leg());
    }
  }
  const auto rows = table(text_of(id));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].at("phone"), "+12125550001");
  EXPECT_EQ(rows[0].at("name"), "Ann \"the\" first");
  EXPECT_EQ(rows[0].at("external_id"), "'=cmd()");
  EXPECT_EQ(rows[0].at("state"), "done");
  EXPECT_EQ(rows[0].at("attempts"), "1");
  EXPECT_EQ(rows[0].at("last_outcome"), "message_heard");
  EXPECT_EQ(rows[0].at("talk_seconds"), "12.5");
  EXPECT_EQ(rows[0].at("city"), "Köln, DE");
  EXPECT_EQ(rows[0].at("age"), "41");
  EXPECT_EQ(rows[0].at("extra.phone"), "second");
  EXPECT_EQ(rows[0].at("bad"), "'@x");
  EXPECT_EQ(rows[0].at("vip"), "");
  EXPECT_EQ(rows[1].at("attempts"), "2");
  EXPECT_EQ(rows[1].at("last_outcome"), "busy");
  EXPECT_EQ(rows[1].at("answered_at"), "");
  EXPECT_EQ(rows[1].at("vip"), "true");
  EXPECT_EQ(rows[1].at("gone"), "");
  EXPECT_EQ(rows[2].at("attempts"), "0");
  EXPECT_EQ(rows[2].at("placed_at"), "");
  EXPECT_EQ(rows[2].at("state"), "done");

  const auto lead = rows[1].at("lead");
  const auto filtered = ControlProcess::json_of(control->send("GET", "/v1/attempts?lead=" + lead)).at("data");
  ASSERT_EQ(filtered.as_array().size(), 2u);
  for (const auto& attempt : filtered.as_array()) EXPECT_EQ(attempt.at("lead").as_string(), lead);
  const auto shown = ControlProcess::json_of(control->send("GET", "/v1/leads/" + lead));
  EXPECT_EQ(shown.at("history"), filtered);
  EXPECT_EQ(ControlProcess::code_of(control->send("GET", "/v1/attempts?lead=lead_x")), "422 invalid");
}

TEST_F(Results, ComeInPiecesHoweverLongTheLists) {
  const auto first = fill(700, "a"), second = fill(600, "b");
  const auto id = campaign(first, "broadcast", R"(,"lists":[")" + second.id + R"("])");
  const auto rows = table(text_of(id));
  ASSERT_EQ(rows.size(), 1300u);
  EXPECT_GE(pieces, 4);
  std::set<std::string> leads;
  for (const auto& row : rows) leads.insert(row.at("lead"));
  EXPECT_EQ(leads.size(), 1300u);
}

TEST_F(Results, OfAnUnknownCampaignAreNotFound) {
  EXPECT_EQ(ControlProcess::code_of(control->send("GET", "/v1/campaigns/camp_x/results.csv")), "404 not_found");
}

}  // namespace
}  // namespace carillon::control
