#include "engine/rtp/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/engine/rtp/wire.h"

namespace carillon::rtp {
namespace {

using Kind = Outcome::Kind;
using FrameKind = Frame::Kind;

const Endpoint kPeer = Endpoint::v4(192, 0, 2, 1, 4000);
const Endpoint kPeerRtcp = Endpoint::v4(192, 0, 2, 1, 4001);
const Endpoint kStranger = Endpoint::v4(198, 51, 100, 66, 9);

StreamConfig agreed() {
  StreamConfig config;
  config.remote = kPeer;
  config.remote_rtcp = kPeerRtcp;
  config.event_send_type = config.event_receive_type = 101;
  return config;
}

struct StreamTest : testing::Test {
  Random random{7};
  TimePoint now = TimePoint{} + 50s;
  Stream stream{random};
  std::array<std::byte, kHeaderSize> header;
  std::uint16_t sequence = 100;
  std::uint32_t time = 9000;

  StreamTest() { stream.configure(agreed(), now); }

  Outcome audio(int type = 0, const Endpoint& from = kPeer, std::uint32_t ssrc = 1) {
    const auto outcome = stream.receive(audio_wire(sequence++, time, 0x11, ssrc, 160, type), from, now);
    time += 160;
    return outcome;
  }
  void talk(int beats) {
    for (int i = 0; i < beats; ++i) {
      audio();
      stream.pop(now);
      now += 20ms;
    }
  }
  Packet sent(bool is_speech_start = false) {
    const auto head = stream.head(header, now, is_speech_start);
    EXPECT_EQ(head.size(), kHeaderSize);
    now += 20ms;
    return *parse(header);
  }
};

// ---- in ----

// Nobody listens to most of 20,000 legs: their audio is judged and counted, and the buffer starts afresh for who comes.
TEST_F(StreamTest, AudioThatNobodyWantsIsCountedNotKept) {
  talk(5);
  const auto before = stream.stats().packets_in;
  for (int i = 0; i < 50; ++i, now += 20ms) {
    const auto outcome = stream.receive(audio_wire(sequence++, time, 0x22, 1, 160, 0), kPeer, now, false);
    EXPECT_EQ(outcome.kind, Kind::kAudio);
    time += 160;
  }
  EXPECT_EQ(stream.stats().packets_in, before + 50);
  EXPECT_EQ(stream.stats().lost, 0u);
  EXPECT_EQ(stream.receive(audio_wire(sequence++, time, 0x22, 9, 160, 0), kStranger, now, false).drop, Drop::kForeign);
  EXPECT_EQ(stream.receive(audio_wire(--sequence - 1, time, 0x22, 1, 160, 0), kPeer, now, false).drop,
            Drop::kDuplicate);
  audio();
  EXPECT_EQ(stream.pop(now).frame.kind, FrameKind::kSilence) << "what was kept before is from another time";
  now += 20ms;
  audio();
  const auto heard = stream.pop(now);
  ASSERT_EQ(heard.frame.kind, FrameKind::kAudio);
  EXPECT_EQ(heard.frame.payload[0], std::byte{0x11});
}

TEST_F(StreamTest, AudioComesOutInItsCodec) {
  EXPECT_FALSE(stream.has_heard());
  auto outcome = audio();
  EXPECT_EQ(outcome.kind, Kind::kAudio);
  EXPECT_TRUE(outcome.is_first);
  EXPECT_TRUE(stream.has_heard());
  now += 20ms;
  EXPECT_FALSE(audio(8).is_first) << "another codec that was agreed";
  EXPECT_EQ(stream.pop(now).frame.kind, FrameKind::kSilence) << "the buffer starts afresh with the codec";
  now += 20ms;
  const auto heard = stream.pop(now);
  EXPECT_EQ(heard.frame.kind, FrameKind::kAudio);
  EXPECT_EQ(heard.frame.codec, Codec::kPcma);
  EXPECT_EQ(heard.frame.payload.size(), 160u);
}

TEST_F(StreamTest, EveryDropHasItsReason) {
  audio();
  EXPECT_EQ(stream.receive(bytes({1, 2, 3}), kPeer, now).drop, Drop::kMalformed);
  EXPECT_EQ(audio(0, kStranger).drop, Drop::kForeign);
  EXPECT_EQ(audio(0, kPeer, 2).drop, Drop::kForeign) << "another SSRC";
  EXPECT_EQ(audio(18).drop, Drop::kType);
  EXPECT_EQ(stream.receive(audio_wire(100, 9000), kPeer, now).drop, Drop::kDuplicate);
  EXPECT_EQ(stream.receive(audio_wire(sequence++, time, 1, 1, 500), kPeer, now).drop, Drop::kTooLong);
  EXPECT_EQ(stream.receive(audio_wire(sequence++, time + 999'999), kPeer, now).drop, Drop::kTooFar);
  EXPECT_EQ(stream.receive(audio_wire(static_cast<std::uint16_t>(sequence + 20'000), time), kPeer, now).drop,
            Drop::kTooFar);
  for (const auto drop : {Drop::kMalformed, Drop::kType, Drop::kDuplicate, Drop::kTooLong})
    EXPECT_EQ(stream.dropped(drop), 1u) << name(drop);
  EXPECT_EQ(stream.dropped(Drop::kForeign), 2u);
  EXPECT_EQ(stream.dropped(Drop::kTooFar), 2u);
  EXPECT_EQ(stream.stats().foreign, 2u);
}

TEST_F(StreamTest, ForeignPacketsChangeNothing) {
  talk(10);
  const auto heard = stream.last_heard();
  now += 100ms;
  audio(0, kStranger);
  EXPECT_EQ(stream.last_heard(), heard);
  EXPECT_EQ(stream.destination(), kPeer);
  EXPECT_EQ(stream.stats().packets_in, 10u);
}

TEST_F(StreamTest, HoldDropsWhatComesButKeepsTheLineAlive) {
  talk(5);
  auto held = agreed();
  held.receives = held.sends = false;
  stream.configure(held, now);
  now += 1s;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(audio().drop, Drop::kHeld);
  EXPECT_EQ(stream.last_heard(), now);
  EXPECT_EQ(stream.pop(now).frame.kind, FrameKind::kSilence);
  EXPECT_TRUE(stream.head(header, now).empty());
  stream.configure(agreed(), now);
  audio();
  stream.pop(now);
  now += 20ms;
  EXPECT_EQ(stream.pop(now).frame.kind, FrameKind::kAudio);
  EXPECT_EQ(stream.stats().lost, 0u) << "what came during hold was not lost";
}

TEST_F(StreamTest, ComfortNoiseIsSilence) {
  talk(5);
  const auto noise = audio_wire(sequence++, time, 0x40, 1, 1, 13);
  EXPECT_EQ(stream.receive(noise, kPeer, now).kind, Kind::kComfortNoise);
  for (int i = 0; i < 10; ++i, now += 20ms) EXPECT_NE(stream.pop(now).frame.kind, FrameKind::kConceal);
}

TEST_F(StreamTest, DigitsAreReportedOnceAndAreNoLoss) {
  talk(5);
  const auto digit = [&](int duration, bool end, bool marker = false) {
    const auto news = stream.receive(event_wire(sequence++, time, 5, duration, end, marker), kPeer, now).digits;
    EXPECT_NE(stream.pop(now).frame.kind, FrameKind::kConceal);
    now += 20ms;
    return news;
  };
  EXPECT_EQ(digit(160, false, true).begun, '5');
  EXPECT_FALSE(digit(320, false).any());
  const auto news = digit(480, true);
  EXPECT_EQ(news.ended, '5');
  EXPECT_EQ(news.ended_duration, 60ms);
  EXPECT_FALSE(digit(480, true).any());
}

TEST_F(StreamTest, ADigitWhoseEndIsLostEndsInPop) {
  talk(5);
  stream.receive(event_wire(sequence++, time, 5, 160, false, true), kPeer, now);
  std::string ended;
  for (int i = 0; i < 20; ++i, now += 20ms)
    if (const auto heard = stream.pop(now); heard.digits.ended) ended += heard.digits.ended;
  EXPECT_EQ(ended, "5");
}

TEST_F(StreamTest, ANewSourceAfterReinviteVoidsTheOld) {
  talk(5);
  stream.receive(event_wire(sequence++, time, 5, 160, false, true), kPeer, now);
  const Endpoint moved = Endpoint::v4(192, 0, 2, 50, 7000);
  auto config = agreed();
  config.remote = moved;
  stream.configure(config, now);
  EXPECT_EQ(audio().drop, Drop::kForeign);
  const auto outcome = stream.receive(audio_wire(40'000, 1, 0x11, 77), moved, now);
  EXPECT_EQ(outcome.kind, Kind::kAudio);
  EXPECT_TRUE(outcome.is_first);
  EXPECT_EQ(outcome.digits.ended, '5') << "nobody holds the key any more";
  EXPECT_EQ(stream.stats().packets_in, 7u);
  EXPECT_EQ(stream.stats().lost, 0u);
}

TEST_F(StreamTest, BehindNatWeSendWhereItComesFrom) {
  const Endpoint outside = Endpoint::v4(203, 0, 113, 9, 50'000);
  auto config = agreed();
  config.behind_nat = true;
  stream.configure(config, now);
  EXPECT_EQ(stream.destination(), kPeer);
  audio(0, outside);
  EXPECT_EQ(stream.destination(), outside);
  EXPECT_EQ(stream.rtcp_destination(), Endpoint::v4(203, 0, 113, 9, 4001));
  std::array<std::byte, kRtcpMax> buffer;
  const Endpoint outside_rtcp = Endpoint::v4(203, 0, 113, 9, 50'333);
  EXPECT_TRUE(stream.receive_rtcp(write_rtcp(buffer, 1, nullptr, nullptr, "x", false), outside_rtcp, now).taken);
  EXPECT_EQ(stream.rtcp_destination(), outside_rtcp);
}

// ---- out ----

TEST_F(StreamTest, HeadersCountOn) {
  const auto first = sent(), second = sent();
  EXPECT_TRUE(first.marker);
  EXPECT_FALSE(second.marker);
  EXPECT_EQ(second.payload_type, 0);
  EXPECT_EQ(sequence_distance(second.sequence, first.sequence), 1);
  EXPECT_EQ(second.time - first.time, 160);
  EXPECT_EQ(second.ssrc, stream.ssrc());
  EXPECT_EQ(stream.stats().packets_out, 2u);
}

TEST_F(StreamTest, StartsAreRandomButReplayable) {
  Random same{7}, other{8};
  Stream twin(same), stranger(other);
  EXPECT_EQ(twin.ssrc(), stream.ssrc());
  EXPECT_NE(stranger.ssrc(), stream.ssrc());
}

TEST_F(StreamTest, TimestampFollowsTheClockAfterAPauseButNotItsJitter) {
  const auto first = sent();
  now += 7ms;  // the beat is a little late
  const auto second = sent();
  EXPECT_EQ(second.time - first.time, 160);
  now += 1s - 7ms;
  const auto third = sent(true);
  EXPECT_TRUE(third.marker);
  EXPECT_EQ(third.time - second.time, 160 + 8000);
  EXPECT_EQ(sequence_distance(third.sequence, second.sequence), 1);
}

TEST_F(StreamTest, AfterHoldTheMarkerComesByItself) {
  const auto first = sent();
  auto held = agreed();
  held.sends = false;
  stream.configure(held, now);
  EXPECT_FALSE(stream.may_send());
  now += 10s;
  stream.configure(agreed(), now);
  const auto next = sent();
  EXPECT_TRUE(next.marker);
  EXPECT_EQ(next.time - first.time, 80'160);
}

TEST_F(StreamTest, NothingIsSentToNowhere) {
  auto config = agreed();
  config.remote = Endpoint::v4(0, 0, 0, 0, 4000);
  stream.configure(config, now);
  EXPECT_TRUE(stream.head(header, now).empty());
  config.remote = Endpoint::v4(192, 0, 2, 1, 0);
  stream.configure(config, now);
  EXPECT_TRUE(stream.head(header, now).empty());
}

TEST_F(StreamTest, PacketsOf10MillisecondsAreTwoPerBeat) {
  auto config = agreed();
  config.packets_per_frame = 2;
  stream.configure(config, now);
  const auto first = sent(), second = sent();
  EXPECT_EQ(second.time - first.time, 80);
}

TEST_F(StreamTest, DigitsTakeTheLineAndGiveItBack) {
  const auto before = sent();
  ASSERT_TRUE(stream.send_digits("7", 60ms));
  EXPECT_TRUE(stream.head(header, now).empty()) << "digits replace audio";
  std::array<std::byte, Stream::kDigitPacketSize> wire;
  std::vector<Packet> packets;
  int beats = 0;
  for (; stream.is_sending_digits(); ++beats, now += 20ms) {
    const auto packet = stream.digit_packet(wire, now);
    if (packet.empty()) continue;
    packets.push_back(*parse(wire));
    EXPECT_EQ(packets.back().payload_type, 101);
  }
  ASSERT_EQ(packets.size(), 6u);
  EXPECT_EQ(beats, 7);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    EXPECT_EQ(packets[i].time - before.time, 160);
    EXPECT_EQ(packets[i].marker, i == 0);
    EXPECT_EQ(sequence_distance(packets[i].sequence, before.sequence), static_cast<int>(i) + 1);
  }
  const auto after = sent();
  EXPECT_EQ(after.time - before.time, 160 * 8) << "the clock went on";
  EXPECT_EQ(sequence_distance(after.sequence, before.sequence), 7);
}

TEST_F(StreamTest, DigitsNeedAnAgreedEventAndALineThatIsNotHeld) {
  EXPECT_FALSE(stream.send_digits("1 2"));
  ASSERT_TRUE(stream.send_digits("12"));
  auto held = agreed();
  held.sends = false;
  stream.configure(held, now);
  std::array<std::byte, Stream::kDigitPacketSize> wire;
  EXPECT_TRUE(stream.digit_packet(wire, now).empty());
  EXPECT_FALSE(stream.is_sending_digits());
  auto plain = agreed();
  plain.event_send_type = kNoPayloadType;
  stream.configure(plain, now);
  EXPECT_FALSE(stream.send_digits("1"));
}

// ---- RTCP ----

struct Pair {
  Random random{3};
  Stream a{random}, b{random};
  TimePoint now = TimePoint{} + 50s;
  Endpoint a_rtp = Endpoint::v4(192, 0, 2, 10, 6000), b_rtp = Endpoint::v4(192, 0, 2, 20, 7000);
  Endpoint a_rtcp = Endpoint::v4(192, 0, 2, 10, 6001), b_rtcp = Endpoint::v4(192, 0, 2, 20, 7001);
  int sent = 0;

  Pair() {
    auto config = agreed();
    config.remote = b_rtp;
    config.remote_rtcp = b_rtcp;
    a.configure(config, now);
    config.remote = a_rtp;
    config.remote_rtcp = a_rtcp;
    b.configure(config, now);
  }
  void pass(Stream& from, Stream& to, const Endpoint& source, bool lost) {
    std::array<std::byte, kHeaderSize + 160> packet{};
    from.head(std::span(packet).first<kHeaderSize>(), now);
    if (!lost) to.receive(packet, source, now);
    to.pop(now);
  }
  /// Both talk; one in `one_in` packets from a to b is lost.
  void talk(int beats, int one_in) {
    for (int i = 0; i < beats; ++i, now += 20ms) {
      pass(a, b, a_rtp, ++sent % one_in == 0);
      pass(b, a, b_rtp, false);
    }
  }
};

TEST(StreamPair, ReportsTellLossAndRoundTrip) {
  Pair pair;
  pair.talk(500, 10);
  EXPECT_EQ(pair.b.stats().lost, 49u) << "the last one is not missed yet";
  std::array<std::byte, kRtcpMax> buffer;
  const WallTime wall{std::chrono::seconds(1'000'000)};
  const auto report_a = pair.a.write_rtcp(buffer, pair.now, wall);
  pair.now += 30ms;  // on its way
  EXPECT_TRUE(pair.b.receive_rtcp(report_a, pair.a_rtcp, pair.now).taken);
  pair.now += 400ms;  // held by b
  const auto report_b = pair.b.write_rtcp(buffer, pair.now, wall + std::chrono::hours(5));
  pair.now += 50ms;  // on its way back
  EXPECT_TRUE(pair.a.receive_rtcp(report_b, pair.b_rtcp, pair.now).taken);
  const auto stats = pair.a.stats();
  EXPECT_EQ(stats.remote_lost, 49u);
  EXPECT_NEAR(stats.round_trip_us, 80'000, 50);
}

TEST(StreamPair, ReportsFromStrangersAreNotTaken) {
  Pair pair;
  pair.talk(10, 100);
  std::array<std::byte, kRtcpMax> buffer;
  const ReportBlock lie{.ssrc = pair.a.ssrc(), .lost = 5000};
  const auto report = write_rtcp(buffer, 1, nullptr, &lie, "x", true);
  EXPECT_FALSE(pair.a.receive_rtcp(report, kStranger, pair.now).taken);
  EXPECT_EQ(pair.a.stats().remote_lost, 0u);
  EXPECT_FALSE(pair.a.receive_rtcp(report.first(5), pair.b_rtcp, pair.now).taken);
  EXPECT_EQ(pair.a.dropped(Drop::kMalformed), 1u);
}

TEST(StreamPair, ByeIsSaidAndHeard) {
  Pair pair;
  pair.talk(10, 100);
  std::array<std::byte, kRtcpMax> buffer;
  EXPECT_TRUE(pair.b.receive_rtcp(pair.a.write_rtcp(buffer, pair.now, {}, true), pair.a_rtcp, pair.now).bye);
}

TEST_F(StreamTest, ReportsAreSpreadOverHalfToOneAndAHalfIntervals) {
  std::array<std::byte, kRtcpMax> buffer;
  std::vector<Duration> gaps;
  TimePoint last = now;
  while (gaps.size() < 200) {
    now += 20ms;
    if (!stream.rtcp_due(now)) continue;
    gaps.push_back(now - last);
    last = now;
    const auto report = parse_rtcp(stream.write_rtcp(buffer, now, {}), 0);
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->has_sender_info) << "nothing was sent: a receiver report";
  }
  EXPECT_GE(*std::ranges::min_element(gaps), 2500ms);
  EXPECT_LE(*std::ranges::max_element(gaps), 7520ms);
  EXPECT_GT(*std::ranges::max_element(gaps) - *std::ranges::min_element(gaps), 4s);
}

TEST_F(StreamTest, NoReportsWithoutAnAddress) {
  auto config = agreed();
  config.remote_rtcp.port = 0;
  stream.configure(config, now);
  EXPECT_FALSE(stream.rtcp_due(now + 1h));
}

}  // namespace
}  // namespace carillon::rtp
