#include "engine/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/placement.h"

namespace carillon {
namespace {

using testing::StartsWith;

std::string fault_of(const std::string& text) {
  const auto config = parse_config(text);
  return config ? std::string() : config.error();
}

TEST(EngineConfig, AnEmptyFileIsTheDefaults) {
  const auto config = parse_config("");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->sip.address, "127.0.0.1");
  EXPECT_EQ(config->engine.shards, 1u);
}

TEST(EngineConfig, EveryKeyIsRead) {
  const auto config = parse_config(R"(
[engine]
name = "one"
shards = 2
data_dir = "somewhere"
calls_max = 10
calls_promised = 8
pin = true
cores = [3, 1]
[sip]
address = "0.0.0.0"
port = 5080
advertised = "192.0.2.1"
realm = "example"
[rtp]
address = "192.0.2.2"
advertised = "192.0.2.3"
port_min = 30000
port_max = 30100
[io]
back_end = "mmsg"
[link]
listen = "tcp:127.0.0.1:7000"
certificate = "a"
key = "b"
ca = "c"
[record]
blocks = 64
sync = false
)");
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->engine.name, "one");
  EXPECT_EQ(config->engine.shards, 2u);
  EXPECT_EQ(config->engine.data_dir, "somewhere");
  EXPECT_EQ(config->engine.calls_max, 10u);
  EXPECT_EQ(config->engine.calls_promised, 8u);
  EXPECT_TRUE(config->engine.pin);
  EXPECT_THAT(config->engine.cores, testing::ElementsAre(3, 1));
  EXPECT_EQ(config->sip.port, 5080);
  EXPECT_EQ(config->sip.advertised, "192.0.2.1");
  EXPECT_EQ(config->sip.realm, "example");
  EXPECT_EQ(config->rtp.address, "192.0.2.2");
  EXPECT_EQ(config->rtp.advertised, "192.0.2.3");
  EXPECT_EQ(config->rtp.port_min, 30000);
  EXPECT_EQ(config->rtp.port_max, 30100);
  EXPECT_EQ(config->io.back_end, "mmsg");
  EXPECT_EQ(config->link.listen, "tcp:127.0.0.1:7000");
  EXPECT_EQ(config->link.ca, "c");
  EXPECT_EQ(config->record.blocks, 64u);
  EXPECT_FALSE(config->record.sync);
}

// The core of shard i is the i-th that is named; without names `pin` counts them round.
TEST(EngineConfig, CoresAreGivenInTheirOrder) {
  EXPECT_EQ(core_of(*parse_config("[engine]\nshards = 2\ncores = [3, 1]\n"), 1), 1u);
  EXPECT_EQ(core_of(*parse_config("[engine]\npin = true\n"), 0), 0u);
  EXPECT_EQ(core_of(*parse_config(""), 0), std::nullopt);
}

TEST(EngineConfig, ACoreThatIsNotThereIsRefusedByName) {
  const auto config = parse_config("[engine]\ncores = [1023]\n");
  EXPECT_THAT(placement_fault(*config), StartsWith("engine.cores: CPU 1023 is not online (0"));
  EXPECT_EQ(placement_fault(*parse_config("[engine]\npin = true\n")), "");
}

TEST(EngineConfig, TheFirstFaultIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"[engine\n", "line 1: "},
      {"[engine]\nshard = 2\n", "engine.shard: unknown key"},
      {"[motor]\n", "motor: unknown section"},
      {"engine = 3\n", "engine: must be a section"},
      {"[engine]\nshards = \"2\"\n", "engine.shards: must be a whole number"},
      {"[engine]\nshards = 0\n", "engine.shards: must be 1 to 64"},
      {"[engine]\nname = 7\n", "engine.name: must be text"},
      {"[engine]\npin = 1\n", "engine.pin: must be true or false"},
      {"[engine]\ncores = 2\n", "engine.cores: must be a list of whole numbers"},
      {"[engine]\ncores = [\"2\"]\n", "engine.cores: must be a list of whole numbers"},
      {"[engine]\ncores = [-1]\n", "engine.cores: must be a list of whole numbers"},
      {"[engine]\ncores = [2, 3]\n", "engine.cores: 2 named for 1 shards"},
      {"[engine]\nshards = 2\ncores = [3, 3]\n", "engine.cores: 3 is named twice"},
      {"[engine]\ncores = [4096]\n", "engine.cores: 4096: must be below 1024"},
      {"[engine]\ncalls_promised = 3000\n", "engine.calls_promised: above engine.calls_max"},
      {"[sip]\nport = 70000\n", "sip.port: must be a whole number between 0 and 65535"},
      {"[sip]\nport = -1\n", "sip.port: must be"},
      {"[sip]\naddress = \"localhost\"\n", "sip.address: not an IP address"},
      {"[sip]\naddress = \"0.0.0.0\"\n", "sip.advertised: needed"},
      {"[sip]\nport = 0\n[engine]\nshards = 2\n", "sip.port: must be given"},
      {"[rtp]\nport_min = 80\n", "rtp.port_min: must be 1024"},
      {"[rtp]\nport_min = 2000\nport_max = 2100\n", "rtp.port_max: too few ports"},
      {"[io]\nback_end = \"netmap\"\n", "io.back_end: must be auto"},
      {"[io]\nback_end = \"dpdk\"\n", "dpdk.eal: needed"},
      {"[link]\nlisten = \"/run/x\"\n", "link.listen: must begin"},
      {"[link]\nlisten = \"tcp:127.0.0.1:1\"\n", "link.certificate: a TCP link needs"},
      {"[record]\nblocks = 1\n", "record.blocks: must be"},
  };
  for (const auto& [text, fault] : cases) EXPECT_THAT(fault_of(text), StartsWith(fault)) << text;
}

}  // namespace
}  // namespace carillon
