#include "control/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::control {
namespace {

constexpr const char* kGood = R"(
[control]
data_dir = "/var/lib/carillon"
[http]
address = "127.0.0.1"
port = 8443
[[engines]]
name = "e1"
link = "unix:/run/carillon/engine.sock"
)";

std::string fault(const std::string& text) {
  const auto config = parse_config(text);
  return config ? "" : config.error();
}

TEST(Config, ReadsWhatItSays) {
  const auto config = parse_config(kGood);
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->http.port, 8443);
  EXPECT_EQ(config->engines.at(0).link, "unix:/run/carillon/engine.sock");
}

TEST(Config, LimitsAndWebhooksHaveDefaults) {
  const std::string good = kGood;
  const auto plain = parse_config(good);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->rate_limit.requests, 5000u);
  EXPECT_FALSE(plain->webhooks_allow_private);
  const auto set = parse_config(
      "[http]\nrate_limit = 0\nrate_window_s = 60\n[webhooks]\nallow_private = true\nca = \"/c\"\n"
      "[control]\ndata_dir = \"x\"\n[[engines]]\nname = \"e\"\nlink = \"unix:/s\"\n");
  ASSERT_TRUE(set) << set.error();
  EXPECT_EQ(set->rate_limit.requests, 0u);
  EXPECT_EQ(set->rate_limit.window, 60s);
  EXPECT_TRUE(set->webhooks_allow_private);
  EXPECT_EQ(set->webhooks_ca, "/c");
  EXPECT_THAT(fault(good + "[webhooks]\nallow_private = 1\n"), "webhooks.allow_private: true or false is needed");
}

TEST(Config, NamesTheFirstFault) {
  const std::string good = kGood;
  EXPECT_THAT(fault(good + "x = 1\n"), "engines.x: is not a setting");
  EXPECT_THAT(fault("[nonsense]\n" + good), "nonsense: is not a section");
  EXPECT_THAT(fault("[control]\ndata_dir = 5\n"), "control.data_dir: a text is needed");
  EXPECT_THAT(fault("[control]\ndata_dir = \"x\"\n[http]\nport = 70000\n"),
              "http.port: a whole number in range is needed");
  EXPECT_THAT(fault("[control]\ndata_dir = \"x\"\n"), testing::StartsWith("engines:"));
  EXPECT_THAT(fault(good + "[[engines]]\nname = \"e1\"\nlink = \"unix:/b\"\n"), "engines.name: e1 is there twice");
  EXPECT_THAT(fault(good + "[[engines]]\nname = \"e2\"\nlink = \"carrier pigeon\"\n"),
              testing::StartsWith("engines.e2:"));
  EXPECT_NE(fault("= broken"), "");
}

}  // namespace
}  // namespace carillon::control
