#include "control/cli/top_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "control/cli/terminal.h"

namespace carillon::cli {
namespace {

using testing::HasSubstr;
using Mark = Line::Mark;

/// An answer with one engine of two shards, `seconds` after the first; figures per second are the arguments'.
boost::json::value answer(int seconds, double headroom = 0.6, bool refuses = false) {
  const auto shard = [&](int number, int legs, double rate, bool says_no) {
    const auto grown = [&](double per_second) { return static_cast<std::uint64_t>(1000 + per_second * seconds); };
    return boost::json::object{
        {"shard", number},
        {"counted_at", "2026-02-03T04:05:" + std::to_string(10 + seconds) + ".250Z"},
        {"legs", legs},
        {"packets_in", grown(50 * legs)},
        {"packets_out", grown(49 * legs)},
        {"late_frames", grown(number)},
        {"originated", grown(7)},
        {"incoming", grown(5)},
        {"busy_ns", grown(4e8)},
        {"steps", grown(100'000)},
        {"steps_idle", grown(20'000)},
        {"step_longest_us", 1234},
        {"beat_latest_us", 567},
        {"headroom_rate", rate},
        {"refuses", says_no},
        {"queues", boost::json::array{boost::json::object{{"name", "commands"}, {"used", 12}, {"room", 100}}}},
        {"drops", boost::json::object{{"rtp_late", grown(3 * number)}, {"sip_full", 4}}}};
  };
  return boost::json::object{
      {"data", boost::json::array{boost::json::object{
                   {"name", "engine-1"},
                   {"connected", true},
                   {"since", "2026-02-03T04:00:00.000Z"},
                   {"back_end", "dpdk"},
                   {"error", ""},
                   {"memory_bytes", 123'456'789},
                   {"shards", boost::json::array{shard(0, 2000, 0.6, false), shard(1, 10, headroom, refuses)}}}}},
      {"next_cursor", nullptr}};
}

std::vector<std::string> texts(const std::vector<Line>& lines) {
  std::vector<std::string> out;
  for (const auto& line : lines) out.push_back(line.text);
  return out;
}

TEST(TopView, ShowsFiguresAndRatesOfEachShard) {
  TopView view;
  view.take(answer(0));
  EXPECT_FALSE(view.has_rates());
  view.take(answer(2));
  EXPECT_TRUE(view.has_rates());
  EXPECT_THAT(
      texts(view.lines({})),
      testing::ElementsAre(
          "1 engine, 1 connected  2010 legs  24 calls/s", "",
          "engine-1  dpdk  connected since 2026-02-03T04:00:00.000Z  memory 123 MB",
          "shard    legs  calls/s     in/s    out/s   busy  headroom  ns/step  late/s  longest step  latest beat",
          "    0    2000       12  100.0 k   98.0 k   40 %      60 %     5000       0       1.23 ms      0.57 ms",
          "       queues  commands 12/100",  //
          "    1      10       12      500      490   40 %      60 %     5000     1.0       1.23 ms      0.57 ms",
          "       queues  commands 12/100",  //
          "       drops/s rtp_late 3.0"));
}

TEST(TopView, RatesAreOfWhatTheShardCountedNotOfWhenItWasAsked) {
  TopView view;
  view.take(answer(0));
  view.take(answer(5));
  const double rate = view.engines()[0].shards[0].rates->packets_in;
  EXPECT_DOUBLE_EQ(rate, 100'000);
  view.take(answer(5));  // asked again before it has counted again
  EXPECT_DOUBLE_EQ(view.engines()[0].shards[0].rates->packets_in, rate);
}

TEST(TopView, ARestartedEngineHasNoRatesAtFirst) {
  TopView view;
  view.take(answer(5));
  auto restarted = answer(0);
  restarted.at("data").at(0).at("shards").at(0).at("counted_at") = "2026-02-03T04:05:16.250Z";
  view.take(restarted);
  EXPECT_FALSE(view.engines()[0].shards[0].rates) << "counters fell";
  EXPECT_THAT(texts(view.lines({}))[4],
              testing::StartsWith("    0    2000        -        -        -      -      60 %"));
}

TEST(TopView, WhatNeedsNoticeIsMarked) {
  const auto mark = [](double headroom, bool refuses) {
    TopView view;
    view.take(answer(0, headroom, refuses));
    return view.lines({})[6];
  };
  EXPECT_EQ(mark(0.25, false).mark, Mark::kPlain);
  EXPECT_EQ(mark(0.24, false).mark, Mark::kWarning);
  EXPECT_EQ(mark(0.14, false).mark, Mark::kAlarm);
  EXPECT_EQ(mark(0.20, true).mark, Mark::kAlarm);
  EXPECT_THAT(mark(0.20, true).text, testing::EndsWith("  refuses calls"));
}

TEST(TopView, AFullQueueIsMarked) {
  auto full = answer(0);
  full.at("data").at(0).at("shards").at(1).at("queues").at(0).at("used") = 81;
  TopView view;
  view.take(full);
  EXPECT_EQ(view.lines({})[5].mark, Mark::kPlain);
  EXPECT_EQ(view.lines({})[7], (Line{Mark::kWarning, "       queues  commands 81/100"}));
}

TEST(TopView, TellsWhatToDoWhenNoEngineIsThere) {
  TopView view;
  view.take(boost::json::parse(R"({"data":[],"next_cursor":null})"));
  EXPECT_THAT(view.lines({}).back().text, HasSubstr("needs an [[engines]]"));
  view.take(boost::json::parse(R"({"data":[{"name":"e1","connected":false,"since":"2026-02-03T04:00:00.000Z",
                                    "error":"no such file","shards":[]}],"next_cursor":null})"));
  const auto lines = view.lines({});
  EXPECT_EQ(lines[2], (Line{Mark::kAlarm, "e1  not connected since 2026-02-03T04:00:00.000Z: no such file"}));
  EXPECT_THAT(lines[3].text, HasSubstr("Does carillon-engine run"));
  view.take(boost::json::parse(R"({"data":[{"name":"e1","connected":true,"shards":[]}]})"));
  EXPECT_THAT(view.lines({}).back().text, HasSubstr("no shard has reported yet"));
}

TEST(TopView, AFailedRefreshKeepsWhatWasKnown) {
  TopView view;
  view.take(answer(0));
  const auto before = view.lines({}).size();
  view.fail("http://x: Couldn't connect\nmore");
  EXPECT_EQ(view.lines({}).size(), before + 1);
  EXPECT_EQ(view.lines({})[1], (Line{Mark::kAlarm, "not refreshed: http://x: Couldn't connect"}));
  view.take(answer(1));
  EXPECT_EQ(view.lines({}).size(), before + 1) << "the drops of the second";
}

TEST(TopView, FitsTheScreen) {
  TopView view;
  view.take(answer(0));
  view.take(answer(1));
  const auto lines = view.lines({.columns = 40, .rows = 6});
  ASSERT_EQ(lines.size(), 6u);
  for (const auto& line : lines) EXPECT_LE(line.text.size(), 40u);
  EXPECT_EQ(view.lines({.columns = 100, .rows = 6}).back().text, "… 4 lines more");
  EXPECT_EQ(view.lines({.columns = 1, .rows = 1}).size(), 1u);
}

// Names come from files and engines: none of them may drive the engineer's terminal.
TEST(TopView, NothingInItMovesTheCursor) {
  auto hostile = answer(0);
  hostile.at("data").at(0).at("name") =
      "\x1b[2J\n\xC2\x9B"
      "2J";
  hostile.at("data").at(0).at("shards").at(0).at("queues").at(0).at("name") = "\r\x07";
  auto later = answer(1);
  later.at("data").at(0).at("name") = hostile.at("data").at(0).at("name");
  later.at("data").at(0).at("shards").at(0).at("drops") = boost::json::object{{"\x1b]0;x\x07", 9}};
  TopView view;
  view.take(hostile);
  view.take(later);
  view.fail("\x1b[1m");
  for (const auto& line : view.lines({}))
    for (const char letter : line.text) EXPECT_GE(static_cast<unsigned char>(letter), 0x20) << line.text;
  EXPECT_THAT(texts(view.lines({}))[3], testing::StartsWith("?[2J??2J  dpdk"));
}

TEST(TopView, AnAnswerOfAnotherShapeIsNoCrash) {
  TopView view;
  for (
      const char* text :
      {"null", "[]", R"({"data":7})", R"({"data":[7,{}]})", R"({"data":[{"shards":[1,{}],"connected":1}]})",
       R"({"data":[{"connected":true,"shards":[{"shard":-1,"legs":1e300,"counted_at":"x","queues":[0],"drops":[]}]}]})"}) {
    view.take(boost::json::parse(text));
    EXPECT_FALSE(view.lines({}).empty()) << text;
    EXPECT_TRUE(view.json().is_object());
  }
}

TEST(TopView, SpeaksToScripts) {
  TopView view;
  view.take(answer(0));
  EXPECT_TRUE(view.json().at("engines").at(0).at("shards").at(0).at("rates").is_null());
  view.take(answer(1));
  const auto shard = view.json().at("engines").at(0).at("shards").at(1);
  EXPECT_EQ(shard.at("legs").to_number<int>(), 10);
  EXPECT_DOUBLE_EQ(shard.at("rates").at("packets_in").as_double(), 500);
  EXPECT_DOUBLE_EQ(shard.at("rates").at("calls").as_double(), 12);
  EXPECT_DOUBLE_EQ(shard.at("rates").at("busy").as_double(), 0.4);
  EXPECT_DOUBLE_EQ(shard.at("rates").at("drops").at("rtp_late").as_double(), 3);
  EXPECT_FALSE(shard.at("rates").at("drops").as_object().contains("sip_full")) << "it did not grow";
}

TEST(Screen, OverwritesInPlaceAndScrollsNothing) {
  EXPECT_EQ(screen_text({{Mark::kPlain, "a"}, {Mark::kAlarm, "b"}}, true),
            "\x1b[H"
            "a\x1b[K\r\n\x1b[1;31mb\x1b[0m\x1b[K\x1b[J");
  EXPECT_EQ(screen_text({{Mark::kAlarm, "b"}}, false), "\x1b[Hb\x1b[K\x1b[J");
}

}  // namespace
}  // namespace carillon::cli
