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
