// Engines and the load of their shards, as GET /v1/engines and /metrics show it.

#include "tests/control/fixture.h"

namespace carillon::control {
namespace {

class Engines : public testing::Test {
 protected:
  Engines() : control(folder.path()) {
    control.live.add("e2", second);
    control.connect();
  }
  /// What `engine` says of its shard; no figure is that of another shard.
  static wire::ShardStats shard(std::uint32_t number, std::uint32_t base, double headroom) {
    wire::ShardStats stats;
    stats.set_shard(number);
    stats.set_legs(base + 1);
    stats.set_packets_in(base + 2);
    stats.set_packets_out(base + 3);
    stats.set_late_frames(base + 4);
    stats.set_busy_ns((base + 5) * std::uint64_t{1'000'000});
    stats.set_steps(base + 6);
    stats.set_steps_idle(base + 7);
    stats.set_step_longest_us(base + 8);
    stats.set_beat_latest_us(base + 9);
    stats.set_headroom_rate(static_cast<float>(headroom));
    stats.set_refuses(headroom < 0.15);
    stats.set_counted_ms(1'800'000'000'000 + base);
    auto& commands = *stats.add_depths();
    commands.set_name("commands");
    commands.set_used(base + 10);
    commands.set_room(65'536);
    (*stats.mutable_drops())["rtp_late"] = base + 11;
    return stats;
  }
  void report(const std::string& engine, const std::vector<wire::ShardStats>& shards) {
    wire::FromEngine news;
    for (const auto& stats : shards) *news.mutable_stats()->add_shards() = stats;
    news.mutable_stats()->set_memory_bytes(123);
    control.live.on_event(engine, news);
  }
  boost::json::array shown() {
    return ControlProcess::json_of(control.send("GET", "/v1/engines")).at("data").as_array();
  }
  /// The values of a metric by its labels.
  std::map<std::string, std::string> series(const std::string& name) {
    std::map<std::string, std::string> found;
    std::istringstream text(control.send("GET", "/metrics").body);
    for (std::string line; std::getline(text, line);)
      if (line.starts_with(name + "{"))
        found[line.substr(name.size(), line.rfind(' ') - name.size())] = line.substr(line.rfind(' ') + 1);
    return found;
  }

  Folder folder;
  ControlProcess control;
  std::shared_ptr<FakeEngine> second = std::make_shared<FakeEngine>();
};

TEST_F(Engines, EachShardIsShownWithItsOwnFigures) {
  report("e1", {shard(0, 1000, 0.5), shard(1, 2000, 0.1)});
  const auto engines = shown();
  ASSERT_EQ(engines.size(), 2u);
  EXPECT_EQ(engines[0].at("name").as_string(), "e1");
  EXPECT_TRUE(engines[0].at("connected").as_bool());
  EXPECT_EQ(engines[0].at("memory_bytes").to_number<int>(), 123);
  const auto& shards = engines[0].at("shards").as_array();
  ASSERT_EQ(shards.size(), 2u);
  EXPECT_EQ(boost::json::serialize(shards[1]),
            R"({"shard":1,"counted_at":"2027-01-15T08:00:02.000Z","legs":2001,"bridges":0,"recordings":0,)"
            R"("packets_in":2002,"packets_out":2003,"late_frames":2004,"originated":0,"answered":0,"incoming":0,)"
            R"("busy_ns":2005000000,"steps":2006,"steps_idle":2007,"step_longest_us":2008,"beat_latest_us":2009,)"
            R"("headroom_rate":1E-1,"refuses":true,"queues":[{"name":"commands","used":2010,"room":65536}],)"
            R"("drops":{"rtp_late":2011}})");
  EXPECT_EQ(shards[0].at("legs").to_number<int>(), 1001);
  EXPECT_FALSE(shards[0].at("refuses").as_bool());
}

TEST_F(Engines, AnEngineThatIsNotConnectedShowsNoShards) {
  report("e1", {shard(0, 1000, 0.5)});
  control.engine->is_connected = false;
  const auto engines = shown();
  EXPECT_FALSE(engines[0].at("connected").as_bool());
  EXPECT_TRUE(engines[0].at("shards").as_array().empty());
  EXPECT_TRUE(engines[1].at("shards").as_array().empty()) << "e2 never was";
  EXPECT_TRUE(series("carillon_shard_legs").empty());
}

TEST_F(Engines, WhatALostEngineSaidIsForgotten) {
  report("e1", {shard(0, 1000, 0.5)});
  control.live.on_lost("e1");
  control.connect();
  EXPECT_TRUE(shown()[0].at("connected").as_bool());
  EXPECT_TRUE(shown()[0].at("shards").as_array().empty());
}

TEST_F(Engines, MetricsHaveASeriesPerShard) {
  wire::Welcome welcome;
  welcome.set_epoch("epoch-2");
  control.live.on_connected("e2", welcome);
  control.live.settle();
  report("e1", {shard(0, 1000, 0.5), shard(1, 2000, 0.125)});
  report("e2", {shard(0, 3000, 0.75)});
  using testing::ElementsAre;
  using testing::Pair;
  const auto holds = [&](const std::string& name, const std::string& a, const std::string& b, const std::string& c,
                         const std::string& label = "") {
    EXPECT_THAT(series("carillon_shard_" + name), ElementsAre(Pair("{engine=\"e1\",shard=\"0\"" + label + "}", a),
                                                              Pair("{engine=\"e1\",shard=\"1\"" + label + "}", b),
                                                              Pair("{engine=\"e2\",shard=\"0\"" + label + "}", c)))
        << name;
  };
  holds("legs", "1001", "2001", "3001");
  holds("packets_received_total", "1002", "2002", "3002");
  holds("packets_sent_total", "1003", "2003", "3003");
  holds("late_frames_total", "1004", "2004", "3004");
  holds("busy_seconds_total", "1.005", "2.005", "3.005");
  holds("steps_total", "1006", "2006", "3006");
  holds("idle_steps_total", "1007", "2007", "3007");
  holds("step_longest_seconds", "0.001008", "0.002008", "0.003008");
  holds("beat_latest_seconds", "0.001009", "0.002009", "0.003009");
  holds("headroom_ratio", "0.5", "0.125", "0.75");
  holds("refusing", "0", "1", "0");
  holds("drops_total", "1011", "2011", "3011", ",reason=\"rtp_late\"");
  holds("queue_depth", "1010", "2010", "3010", ",queue=\"commands\"");
  holds("queue_room", "65536", "65536", "65536", ",queue=\"commands\"");
}

// Prometheus' rules: one HELP and one TYPE before a metric's series, which stand together; counters end in _total.
TEST_F(Engines, MetricsKeepTheRulesOfTheirFormat) {
  report("e1", {shard(0, 1000, 0.5), shard(1, 2000, 0.1)});
  std::istringstream text(control.send("GET", "/metrics").body);
  std::set<std::string> seen;
  std::string current;
  bool is_histogram = false;
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line);
    std::string mark, what, name, kind;
    words >> mark >> what >> name >> kind;
    if (what == "HELP" && mark == "#") {
      EXPECT_TRUE(seen.insert(name).second) << name << " twice";
      current = name;
    } else if (what == "TYPE" && mark == "#") {
      EXPECT_EQ(name, current);
      EXPECT_EQ(kind == "counter", name.ends_with("_total")) << line;
      is_histogram = kind == "histogram";
    } else {
      const std::string series = line.substr(0, line.find_first_of("{ "));
      if (is_histogram)
        EXPECT_TRUE(series.starts_with(current)) << line;
      else
        EXPECT_EQ(series, current) << line;
    }
  }
  EXPECT_TRUE(seen.contains("carillon_shard_queue_room"));
}

TEST_F(Engines, AreInTheOpenApiDocument) {
  const auto document = ControlProcess::json_of(control.send("GET", "/v1/openapi.json"));
  const auto& schemas = document.at("components").at("schemas").as_object();
  report("e1", {shard(0, 1000, 0.5)});
  const auto engine = shown()[0].as_object();
  const auto has_all = [](const boost::json::value& schema, const boost::json::object& object) {
    const auto& properties = schema.at("properties").as_object();
    EXPECT_EQ(properties.size(), object.size());
    for (const auto& member : object) EXPECT_TRUE(properties.contains(member.key())) << member.key();
  };
  has_all(schemas.at("Engine"), engine);
  has_all(schemas.at("ShardLoad"), engine.at("shards").at(0).as_object());
  has_all(schemas.at("QueueDepth"), engine.at("shards").at(0).at("queues").at(0).as_object());
  EXPECT_EQ(document.at("paths").at("/v1/engines").at("get").at("operationId").as_string(), "listEngines");
}

}  // namespace
}  // namespace carillon::control
