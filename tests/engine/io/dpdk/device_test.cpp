// The device over memif: two processes on this machine, the other one killed in the middle of it. The peer is this
// program again (CARILLON_MEMIF_PEER names its socket). No hugepages are needed.

#include "engine/io/dpdk/device.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace carillon::io::dpdk {
namespace {

constexpr std::uint32_t kMbufs = 16'384;

DeviceConfig config(const std::string& socket, const std::string& role) {
  DeviceConfig config;
  const std::string words = fmt::format(
      "--no-huge -m 128 --no-shconf --no-pci --log-level=error -l 0 --file-prefix=carillon-test-{} "
      "--vdev=net_memif0,role={},id=0,socket={},socket-abstract=no,bsize=2048,rsize=9",
      ::getpid(), role, socket);
  std::istringstream in(words);
  for (std::string word; in >> word;) config.eal.push_back(word);
  config.port = "net_memif0";
  config.mbufs = kMbufs;
  config.receive_ring = config.transmit_ring = 512;
  return config;
}

std::vector<Frame> sized(std::size_t count) { return std::vector<Frame>(count); }

/// Sends everything back that comes, and frames of its own besides, as fast as it can.
int run_peer(const std::string& socket) {
  auto device = Device::open(config(socket, "client"));
  if (!device) return 1;
  auto queue = (*device)->queue(0);
  auto frames = sized(64);
  const auto end = MonoClock::now() + 20s;
  while (MonoClock::now() < end) {
    const std::size_t count = queue->receive(frames);
    queue->transmit(std::span(frames).first(count));
    if (!queue->allocate(std::span(frames).first(8))) continue;
    for (Frame& frame : std::span(frames).first(8)) {
      std::memset(frame.data, 0x55, 60);
      frame.size = 60;
    }
    queue->transmit(std::span(frames).first(8));
  }
  return 0;
}

class Peer {
 public:
  explicit Peer(const std::string& socket) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::setenv("CARILLON_MEMIF_PEER", socket.c_str(), 1);
    ::execl("/proc/self/exe", "memif-peer", nullptr);
    ::_exit(127);
  }
  ~Peer() { kill(); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

/// One device for all tests: the EAL lives once per process.
class DpdkDevice : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("carillon-memif-{}", ::getpid());
    std::filesystem::create_directories(folder_);
    cpu_set_t before, after;
    ::sched_getaffinity(0, sizeof before, &before);
    auto device = Device::open(config(socket(), "server"));
    ASSERT_TRUE(device) << device.error();
    device_ = device->release();
    queue_ = device_->queue(0).release();
    ::sched_getaffinity(0, sizeof after, &after);
    keeps_affinity_ = CPU_EQUAL(&before, &after) != 0;
  }
  static void TearDownTestSuite() {
    delete queue_;
    delete device_;
    std::filesystem::remove_all(folder_);
  }
  static std::string socket() { return (folder_ / "memif.sock").string(); }

  /// Takes in until frames have come or the time is over; says whether some came.
  bool hears(std::size_t least, Duration most = 10s) {
    auto frames = sized(64);
    const auto end = MonoClock::now() + most;
    std::size_t heard = 0;
    while (heard < least && MonoClock::now() < end) {
      const std::size_t count = queue_->receive(frames);
      heard += count;
      queue_->release(std::span(frames).first(count));
    }
    return heard >= least;
  }
  bool loses_link() {
    auto frames = sized(64);
    const auto end = MonoClock::now() + 10s;
    while (queue_->has_link() && MonoClock::now() < end) {
      const std::size_t count = queue_->receive(frames);
      queue_->release(std::span(frames).first(count));
    }
    return !queue_->has_link();
  }

  static inline std::filesystem::path folder_;
  static inline Device* device_ = nullptr;
  static inline FramePort* queue_ = nullptr;
  static inline bool keeps_affinity_ = false;
};

TEST_F(DpdkDevice, SaysWhatItIs) {
  EXPECT_EQ(device_->info().name, "net_memif0");
  EXPECT_EQ(device_->info().driver, "net_memif");
  EXPECT_STREQ(queue_->name(), "dpdk net_memif");
  EXPECT_GE(queue_->mtu(), 1280);
  EXPECT_TRUE(keeps_affinity_) << "the EAL narrowed the affinity of the thread that started it";
}

TEST_F(DpdkDevice, RefusesWhatCannotBe) {
  auto other = config(socket(), "server");
  other.eal.pop_back();
  EXPECT_EQ(Device::open(other).error(), "dpdk.eal: already started with other arguments");
  auto unknown = config(socket(), "server");
  unknown.port = "net_memif7";
  EXPECT_THAT(Device::open(unknown).error(), testing::HasSubstr("dpdk.port: no device net_memif7"));
  auto few = config(socket(), "server");
  few.mbufs = 100;
  EXPECT_THAT(Device::open(few).error(), testing::StartsWith("dpdk.mbufs: must be at least"));
}

TEST_F(DpdkDevice, CarriesFramesBothWays) {
  Peer peer(socket());
  ASSERT_TRUE(hears(1));  // its own frames
  auto frames = sized(32);
  ASSERT_TRUE(queue_->allocate(frames));
  for (Frame& frame : frames) {
    EXPECT_GE(frame.room, 1522);
    std::memset(frame.data, 0xAA, 214);
    frame.size = 214;
  }
  queue_->transmit(frames);
  std::size_t echoes = 0;
  const auto end = MonoClock::now() + 10s;
  while (echoes < 32 && MonoClock::now() < end) {
    auto in = sized(64);
    const std::size_t count = queue_->receive(in);
    for (const Frame& frame : std::span(in).first(count))
      echoes += frame.size == 214 && frame.data[213] == std::byte{0xAA};
    queue_->release(std::span(in).first(count));
  }
  EXPECT_EQ(echoes, 32u);
  EXPECT_TRUE(queue_->has_link());
}

TEST_F(DpdkDevice, DropsAndCountsWhatNobodyTakes) {
  ASSERT_TRUE(loses_link());
  const auto before = queue_->counters().send_refused;
  auto frames = sized(10);
  ASSERT_TRUE(queue_->allocate(frames));
  for (Frame& frame : frames) frame.size = 60;
  queue_->transmit(frames);
  EXPECT_EQ(queue_->counters().send_refused, before + 10);
}

TEST_F(DpdkDevice, GoesOnAfterAnEmptyPool) {
  std::vector<Frame> held;
  auto some = sized(64);
  while (queue_->allocate(some)) held.insert(held.end(), some.begin(), some.end());
  EXPECT_GT(held.size(), kMbufs / 2);
  EXPECT_GE(queue_->counters().no_buffer, 64u);
  {
    Peer peer(socket());
    EXPECT_FALSE(hears(200, 1s)) << "frames came without buffers for them";
    queue_->release(held);
    EXPECT_TRUE(hears(1000)) << "nothing came although there are buffers again";
  }
  EXPECT_LT(device_->pool().used, kMbufs / 2);
}

// The driver unmaps its rings while we read them; see grace.h.
TEST_F(DpdkDevice, SurvivesPeersThatVanishWhileItPolls) {
  const auto changes = queue_->counters().link_changes;
  for (int i = 0; i < 20; ++i) {
    Peer peer(socket());
    ASSERT_TRUE(hears(20'000)) << "peer " << i << " was not heard";
    (void)queue_->counters();
    peer.kill();
    ASSERT_TRUE(loses_link());
    (void)queue_->counters();
  }
  EXPECT_GE(queue_->counters().link_changes, changes + 40);
}

}  // namespace
}  // namespace carillon::io::dpdk

int main(int argc, char** argv) {
  if (const char* socket = std::getenv("CARILLON_MEMIF_PEER")) return carillon::io::dpdk::run_peer(socket);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
