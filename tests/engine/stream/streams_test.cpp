// The thread itself, with shards on threads of their own.

#include "engine/stream/streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <semaphore>
#include <thread>

#include "tests/engine/stream/certificates.h"
#include "tests/engine/stream/world.h"

namespace carillon::stream {
namespace {

// Waits for the kernel, not for time: turns `far` whenever something is there.
template <class Condition>
bool until(Far& far, Condition&& condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) {
    far.turn();
    pollfd waiting{
        .fd = far.fd(), .events = static_cast<short>(POLLIN | (far.wants_write() ? POLLOUT : 0)), .revents = 0};
    if (!condition()) (void)::poll(&waiting, 1, 10);
  }
  return condition();
}

// A shard that sends back what it gets, on the same flow.
class Echo {
 public:
  Echo(Streams& streams, std::uint32_t shard, std::counting_semaphore<>& bell) {
    thread_ = std::thread([this, &streams, shard, &bell] {
      Channel& channel = streams.channel(shard);
      while (!is_stopping_.load()) {
        bell.acquire();
        while (const Incoming* next = channel.receive()) {
          if (next->kind != Incoming::Kind::kMessage) continue;
          const std::string bytes(text_of(next->bytes));
          while (!channel.send({.flow = next->flow}, bytes_of(bytes))) std::this_thread::yield();
        }
        streams.wake();
      }
    });
  }
  void stop(std::counting_semaphore<>& bell) {
    is_stopping_.store(true);
    bell.release();
    thread_.join();
  }

 private:
  std::thread thread_;
  std::atomic<bool> is_stopping_{false};
};

struct StreamsTest : testing::TestWithParam<bool> {
  Authority authority{"ca"};
  std::counting_semaphore<> bells[2]{std::counting_semaphore<>{0}, std::counting_semaphore<>{0}};

  std::unique_ptr<Streams> make(StreamsConfig config) {
    auto made =
        Streams::make(std::move(config), 2,
                      {.steer = [](ByteView message, Flow) { return static_cast<std::uint32_t>(message.size()); },
                       .wake = [this](std::uint32_t shard) { bells[shard].release(); }});
    CHECK(made);
    return std::move(*made);
  }
};

TEST_P(StreamsTest, EchoesThroughTwoShards) {
  auto config = plain_config();
  config.shards_wake = GetParam();
  config.listeners.push_back({.transport = Transport::kTls,
                              .local = Endpoint::v4(127, 0, 0, 1, 0),
                              .tls = {.identities = {authority.sign("server")}}});
  auto streams = make(config);
  streams->start();
  Echo first(*streams, 0, bells[0]), second(*streams, 1, bells[1]);
  for (std::size_t listener = 0; listener < 2; ++listener) {
    const auto far = Far::to(streams->local(listener));
    if (listener == 1) far->start_tls({.ca_file = authority.ca_file()}, false);
    std::size_t sent = 0;
    for (std::size_t i = 0; i < 1000; ++i) {
      const auto message = sip_message("", std::string(i % 50, 'x'));
      sent += message.size();
      far->send(message);
    }
    EXPECT_TRUE(until(*far, [&] { return far->received().size() == sent; })) << far->received().size();
  }
  streams->stop();
  first.stop(bells[0]);
  second.stop(bells[1]);
  EXPECT_EQ(streams->count(Count::kMessagesIn), 2000u);
  EXPECT_EQ(streams->count(CloseReason::kStopping) + streams->count(CloseReason::kPeer), 2u);
}

INSTANTIATE_TEST_SUITE_P(PolledAndWoken, StreamsTest, testing::Bool());

TEST_F(StreamsTest, ReloadWhileItRuns) {
  auto config = plain_config();
  config.listeners[0].transport = Transport::kTls;
  config.listeners[0].tls.identities = {authority.sign("server", {.names = "DNS:one.example.com"})};
  auto streams = make(config);
  streams->start();
  const auto old = Far::to(streams->local(0));
  old->start_tls({}, false);
  ASSERT_TRUE(until(*old, [&] { return old->is_secure(); }));

  TlsServerConfig missing{.identities = {{"/none.crt", "/none.key"}}};
  EXPECT_THAT(streams->reload(0, missing).error(), testing::HasSubstr("/none.crt"));
  authority.sign("server", {.names = "DNS:two.example.com"});
  ASSERT_TRUE(streams->reload(0, config.listeners[0].tls));
  for (int i = 0; i < 2000 && streams->count(Count::kReloads) == 0; ++i) std::this_thread::yield();
  const auto fresh = Far::to(streams->local(0));
  fresh->start_tls({}, false);
  ASSERT_TRUE(until(*fresh, [&] { return fresh->is_secure(); }));
  EXPECT_EQ(old->shown(), "one.example.com");
  EXPECT_EQ(fresh->shown(), "two.example.com");
  old->send("\r\n\r\n");
  EXPECT_TRUE(until(*old, [&] { return old->received() == "\r\n"; }));
}

TEST_F(StreamsTest, NoSuchListenerCannotBeReloaded) {
  auto streams = make(plain_config());
  EXPECT_FALSE(streams->reload(0, {.identities = {authority.sign("a")}}));
  EXPECT_FALSE(streams->reload(9, {.identities = {authority.sign("a")}}));
}

TEST(StreamsConfig, FaultsAreNamed) {
  EXPECT_EQ(plain_config().fault(), "");
  auto config = plain_config();
  config.listeners[0].transport = Transport::kTls;
  EXPECT_EQ(config.fault(), "listeners[0]/tls/identities: at least one");
  config = plain_config();
  config.channel_bytes = 1000;
  EXPECT_THAT(config.fault(), testing::StartsWith("channel_bytes: "));
}

// A million bytes through a small circle come out as they went in, in the same order.
TEST(Channel, HandsOverInOrderAndInOnePiece) {
  Channel channel(64, 2 * 5000);
  std::thread writer([&] {
    for (std::uint32_t i = 0; i < 20'000; ++i) {
      const std::string bytes(i * 37 % 5000, static_cast<char>('a' + i % 26));
      while (!channel.hand_over({.tag = i}, bytes_of(bytes))) std::this_thread::yield();
    }
  });
  for (std::uint32_t i = 0; i < 20'000;) {
    const Incoming* next = channel.receive();
    if (!next) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(next->tag, i);
    ASSERT_EQ(text_of(next->bytes), std::string(i * 37 % 5000, static_cast<char>('a' + i % 26)));
    ++i;
  }
  writer.join();
}

}  // namespace
}  // namespace carillon::stream
