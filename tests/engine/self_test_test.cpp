#include "engine/self_test/self_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "engine/self_test/box.h"
#include "engine/self_test/shard_cost.h"
#include "engine/self_test/wire.h"

namespace carillon {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::string file_of(const std::string& cpu, const std::string& back_end, const std::string& legs) {
  return R"({"date":"2026-01-02T03:04:05.678Z","version":"1.0.0","cpu":")" + cpu + R"(","promises":[{"back_end":")" +
         back_end + R"(","legs_per_shard":)" + legs + "}]}";
}

// 100 µs per leg and second: 7,500 legs leave a quarter of the core; 5 % taken anyway leave room for 7,000.
TEST(Promise, LeavesAQuarterOfTheCore) {
  EXPECT_EQ(legs_within(100, 0), 7500u);
  EXPECT_EQ(legs_within(100, 0.05), 7000u);
  EXPECT_EQ(legs_within(100, 0.8), 0u);
  EXPECT_EQ(legs_within(0, 0), 0u);
}

TEST(Promise, HoldsForTheMachineAndTheBackEndThatWereTested) {
  const auto promise = read_promise(file_of("A", "dpdk", "3000"), "A", "dpdk net_memif");
  ASSERT_TRUE(promise) << promise.error();
  EXPECT_EQ(promise->legs_per_shard, 3000u);
  EXPECT_EQ(promise->date, "2026-01-02T03:04:05.678Z");
  EXPECT_THAT(read_promise(file_of("A", "dpdk", "3000"), "B", "dpdk").error(),
              HasSubstr("another machine (A, this is B)"));
  EXPECT_THAT(read_promise(file_of("A", "dpdk", "3000"), "A", "uring").error(), HasSubstr("without uring"));
}

TEST(Promise, OddFilesPromiseNothing) {
  for (const char* legs : {"0", "-1", "1e9", "1000001", "\"5\"", "null"})
    EXPECT_FALSE(read_promise(file_of("A", "uring", legs), "A", "uring")) << legs;
  for (const char* text : {"", "[]", "{", "{\"cpu\":\"A\"}", "{\"cpu\":\"A\",\"promises\":3}"})
    EXPECT_FALSE(read_promise(text, "A", "uring")) << text;
}

class SelfTest : public testing::Test {
 protected:
  SelfTest() {
    std::string name = (fs::temp_directory_path() / "carillon-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    config_.engine.data_dir = folder_;
    config_.engine.calls_max = 40;
    options_.clock_time = 10ms;
    options_.wire_time = 60ms;
    options_.disk_bytes = 1 << 20;
    options_.legs_max = 40;
    options_.version = "1.2.3";
  }
  ~SelfTest() override { fs::remove_all(folder_); }

  std::string folder_;
  EngineConfig config_;
  self_test::Options options_;
};

// What it writes is what the engine reads, for the kernel's back end and for dpdk.
TEST_F(SelfTest, ItsPromisesAreReadAgain) {
  int steps = 0;
  options_.progress = [&](std::string_view) { ++steps; };
  const self_test::Report report = self_test::measure(config_, options_);
  EXPECT_GE(steps, 5);
  ASSERT_EQ(report.promises.size(), 2u) << report.text();
  for (const auto& backed : report.promises) {
    const auto promise = read_promise(report.json(), cpu_model(), backed.promise.back_end);
    ASSERT_TRUE(promise) << promise.error();
    EXPECT_EQ(promise->legs_per_shard, backed.promise.legs_per_shard);
    EXPECT_EQ(promise->version, "1.2.3");
    EXPECT_THAT(report.text(), HasSubstr("promise." + backed.promise.back_end));
  }
  // the kernel's way costs more than ours in memory, so it promises less
  EXPECT_LT(report.promises[0].promise.legs_per_shard, report.promises[1].promise.legs_per_shard);
  for (const char* figure : {"clock.bare.p99.9", "clock.sleeping.max", "wire.stack", "shard.leg", "memory.available",
                             "memory.lock_limit", "memory.hugepages", "disk.write"})
    EXPECT_THAT(report.text(), HasSubstr(figure));
  EXPECT_TRUE(fs::is_empty(folder_)) << "the disk's file is left behind";
}

TEST_F(SelfTest, TheFileIsReplacedAsAWhole) {
  const std::string path = folder_ + "/self-test.json";
  EXPECT_EQ(self_test::write_file(path, "one"), "");
  EXPECT_EQ(self_test::write_file(path, "two"), "");
  EXPECT_EQ(fs::file_size(path), 3u);
  EXPECT_THAT(self_test::write_file(folder_ + "/none/x", "one"), HasSubstr("cannot be written"));
}

TEST_F(SelfTest, AFolderThatIsNotThereIsTold) {
  EXPECT_THAT(self_test::disk_rate(folder_ + "/none", 4096).error(), HasSubstr("No such file"));
}

// Every packet comes back through sockets and through our stack: else the cost per packet would be of nothing.
TEST_F(SelfTest, NoPacketIsLostOnTheWay) {
  const auto kernel = self_test::kernel_cost(config_, 60ms);
  ASSERT_TRUE(kernel) << kernel.error();
  const auto stack = self_test::stack_cost(60ms);
  for (const auto& cost : {*kernel, stack}) {
    EXPECT_GT(cost.packets, 100u) << cost.back_end;  // of a busy machine, too
    EXPECT_EQ(cost.lost, 0u) << cost.back_end;
    EXPECT_GT(cost.ns, 1) << cost.back_end;
  }
}

TEST_F(SelfTest, ALateClockIsOrdered) {
  for (const bool sleeps : {false, true}) {
    const auto late = self_test::lateness(sleeps, 20ms);
    EXPECT_LE(late.p50, late.p99);
    EXPECT_LE(late.p99, late.p999);
    EXPECT_LE(late.p999, late.max);
    EXPECT_GE(late.p50, 0ns);
  }
}

TEST_F(SelfTest, AShardsLegsAllComeAbout) {
  const auto cost = self_test::shard_cost(64);
  ASSERT_TRUE(cost) << cost.error();
  EXPECT_GT(cost->us_per_channel_second, 0.1);
}

}  // namespace
}  // namespace carillon
