#include "engine/rtp/jitter_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <queue>
#include <string>
#include <vector>

#include "engine/base/random.h"

namespace carillon::rtp {
namespace {

using Taken = JitterBuffer::Taken;

constexpr JitterConfig kFixed{.delay_min = 0ms, .delay_max = 0ms};

/// Audio whose every byte tells its time (a step per 10 ms), so that misplaced bytes show. Loud throughout.
std::byte sample_at(std::uint32_t time) { return static_cast<std::byte>(time / 80 % 64); }

struct Line {
  JitterBuffer buffer;
  TimePoint now = TimePoint{} + 1000s;
  std::uint16_t sequence = 0;
  std::uint32_t time = 0;
  int length = 160;
  Codec codec = Codec::kPcmu;
  std::string heard;        // A audio, c concealed, s silence
  std::vector<int> frames;  // number of the 20 ms frame heard, for A

  explicit Line(const JitterConfig& config = {}) : buffer(config) {}

  Packet next(std::vector<std::byte>& payload, bool marker = false) {
    payload.resize(static_cast<std::size_t>(length));
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = sample_at(time + static_cast<std::uint32_t>(i));
    const Packet packet{.marker = marker, .sequence = sequence++, .time = {time}, .ssrc = 1, .payload = payload};
    time += static_cast<std::uint32_t>(length);
    return packet;
  }
  Taken arrive(bool marker = false) {
    std::vector<std::byte> payload;
    const auto packet = next(payload, marker);
    return buffer.push(packet, codec, now);
  }
  Frame take() {
    const auto frame = buffer.pop(now);
    now += 20ms;
    heard += frame.kind == Frame::Kind::kAudio ? 'A' : frame.kind == Frame::Kind::kConceal ? 'c' : 's';
    if (frame.kind == Frame::Kind::kAudio) frames.push_back(std::to_integer<int>(frame.payload[0]) / 2);
    return frame;
  }
  /// r a packet arrives · x one is lost · h one is held up · H all that were held up arrive · m one arrives with the
  /// marker · q silence is announced · . playout takes a frame, 20 ms pass
  void run(std::string_view script) {
    std::vector<std::byte> payload;
    for (const char letter : script) switch (letter) {
        case 'r':
          arrive();
          break;
        case 'm':
          arrive(true);
          break;
        case 'x':
          next(payload);
          break;
        case 'h': {
          const auto packet = next(payload);
          held.push_back({packet, payload});
          break;
        }
        case 'H':
          for (auto& [packet, bytes] : held) {
            packet.payload = bytes;
            buffer.push(packet, codec, now);
          }
          held.clear();
          break;
        case 'q':
          buffer.quiet();
          break;
        case '.':
          take();
          break;
        default:
          break;
      }
  }
  std::vector<std::pair<Packet, std::vector<std::byte>>> held;
};

struct Script {
  const char* name;
  JitterConfig config;
  const char* letters;
  const char* heard;
  unsigned concealed, late;
};

void PrintTo(const Script& script, std::ostream* out) { *out << script.name << " " << script.letters; }

struct JitterScript : testing::TestWithParam<Script> {};

TEST_P(JitterScript, Plays) {
  Line line(GetParam().config);
  line.run(GetParam().letters);
  EXPECT_EQ(line.heard, GetParam().heard);
  EXPECT_EQ(line.buffer.counters().concealed, GetParam().concealed);
  EXPECT_EQ(line.buffer.counters().late, GetParam().late);
  EXPECT_TRUE(std::ranges::is_sorted(line.frames));
}

INSTANTIATE_TEST_SUITE_P(
    All, JitterScript,
    testing::Values(
        Script{"steady line", kFixed, "r.r.r.r.r.r.", "AAAAAA", 0, 0},
        Script{"one lost", kFixed, "r.r.x.r.r.r.", "AAcAAA", 1, 0},
        Script{"two held up, then a burst", kFixed, "r.r...rrr.r.", "AAccAA", 2, 2},
        Script{"nothing came yet", kFixed, "..r.", "ssA", 0, 0},
        Script{"a long loss is silence in the end", kFixed, "r.x.x.x.x.x.x.x.r.", "AcccccssA", 5, 0},
        Script{"announced silence is no loss", kFixed, "r.r.qx.x.x.m.r.", "AAsssAA", 0, 0},
        Script{"one frame of patience", {.delay_min = 20ms, .delay_max = 20ms}, "r.r.r.r.r.", "sAAAA", 0, 0},
        Script{"reordered within the delay", {.delay_min = 20ms, .delay_max = 20ms}, "r.hrH.r.r.r.", "sAAAA", 0, 0},
        Script{"reordered beyond it", kFixed, "r.h.rH.r.", "AcAA", 1, 1},
        Script{"first packets reordered", {.delay_min = 40ms, .delay_max = 40ms}, "hrH.r.r.r.r.", "sAAAA", 0, 0},
        // adaptive: playing waits for a line that fell behind, and nothing of it is lost
        Script{"held up, adaptive", {}, "r.r.r.....rrrr.r.r.r.r.", "sAAAcccAAAAA", 3, 0}),
    [](const auto& info) {
      std::string name = info.param.name;
      std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
      return name;
    });

TEST(JitterBuffer, FramesCarryTheirBytesInOrder) {
  Line line(kFixed);
  line.run("r.r.hrH.r.r.");
  EXPECT_THAT(line.frames, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST(JitterBuffer, AFrameLentOutStaysWhateverIsPushed) {
  Line line(kFixed);
  line.arrive();
  const auto frame = line.take();
  const std::vector<std::byte> copy(frame.payload.begin(), frame.payload.end());
  for (int i = 0; i < 40; ++i) line.arrive();
  line.codec = Codec::kPcma;
  for (int i = 0; i < 40; ++i) line.arrive();
  line.buffer.restart();
  line.arrive();
  EXPECT_TRUE(std::ranges::equal(frame.payload, copy));
}

TEST(JitterBuffer, LengthsFrom10To60MillisecondsBecomeFramesOf20) {
  for (const int length : {80, 160, 240, 320, 400, 480, 33, 1}) {
    Line line;
    line.length = length;
    const auto start = line.now;
    for (int frame = 0; frame < 500; ++frame) {
      const auto due = static_cast<std::uint32_t>((line.now - start) / 125us);
      while (line.time + static_cast<std::uint32_t>(length) <= due + 160) line.arrive();
      const auto taken = line.take();
      if (taken.kind != Frame::Kind::kAudio) continue;
      const auto first = std::to_integer<int>(taken.payload[0]), second = std::to_integer<int>(taken.payload[159]);
      ASSERT_EQ((first + 1) % 64, second) << length;
    }
    EXPECT_LE(std::ranges::count(line.heard, 'c'), 4) << length << " " << line.heard;
    EXPECT_GE(std::ranges::count(line.heard, 'A'), 490) << length << " " << line.heard;
  }
}

TEST(JitterBuffer, AFrameThatIsHalfThereIsFilledWithSilence) {
  Line line(kFixed);
  line.codec = Codec::kPcma;
  line.length = 80;
  line.arrive();
  const auto frame = line.buffer.pop(line.now);
  ASSERT_EQ(frame.kind, Frame::Kind::kAudio);
  EXPECT_EQ(frame.codec, Codec::kPcma);
  EXPECT_EQ(frame.payload[79], sample_at(79));
  EXPECT_EQ(frame.payload[80], std::byte{0xD5});
}

TEST(JitterBuffer, RefusesPayloadsThatAreNoAudio) {
  Line line;
  line.length = 481;
  EXPECT_EQ(line.arrive(), Taken::kTooLong);
  line.length = 0;
  EXPECT_EQ(line.arrive(), Taken::kTooLong);
}

TEST(JitterBuffer, ATimestampJumpNeedsTwoPacketsOrTheMarker) {
  Line line(kFixed);
  line.run("r.r.");
  line.time += 1'000'000;
  EXPECT_EQ(line.arrive(), Taken::kProbation);
  EXPECT_EQ(line.arrive(), Taken::kTaken);
  line.run(".r.r.");
  EXPECT_EQ(line.heard, "AAAAA");
  line.time -= 3'000'000;
  EXPECT_EQ(line.arrive(true), Taken::kTaken);
  EXPECT_EQ(line.buffer.counters().restarts, 2);
}

TEST(JitterBuffer, AStrayTimestampDoesNotDisturb) {
  Line line(kFixed);
  line.run("r.r.");
  const auto time = line.time;
  line.time = 77'000'000;
  EXPECT_EQ(line.arrive(), Taken::kProbation);
  line.time = time;
  line.run("r.r.r.");
  EXPECT_EQ(line.heard, "AAAAA");
}

// Some phones stop their clock while they are mute: afterwards all packets seem late by the length of the pause.
TEST(JitterBuffer, AClockThatStoodStillIsFollowed) {
  for (const int pause : {10, 20, 100}) {
    Line line;
    for (int i = 0; i < 100; ++i) line.run("r.");
    for (int i = 0; i < pause; ++i) line.run(".");
    line.heard.clear();
    for (int i = 0; i < 100; ++i) line.run("r.");
    EXPECT_GE(std::ranges::count(line.heard, 'A'), 80) << pause << " " << line.heard;
    EXPECT_EQ(line.heard.back(), 'A');
  }
}

TEST(JitterBuffer, SilenceSuppressionKeepsTheDelay) {
  Line line;
  line.run("r.r.r.r.");
  for (int spurt = 0; spurt < 20; ++spurt) {
    line.run("q");
    for (int i = 0; i < 30; ++i) line.run("x.");
    line.run("m.r.r.r.r.r.");
  }
  EXPECT_EQ(line.buffer.counters().concealed, 0u);
  EXPECT_EQ(line.buffer.counters().late, 0u);
  EXPECT_EQ(line.buffer.counters().shifted_ms, 0u);
}

TEST(JitterBuffer, ABurstBeyondTheRingDropsTheOldest) {
  Line line;
  for (int i = 0; i < 50; ++i) line.arrive();
  for (int i = 0; i < 20; ++i) line.take();
  ASSERT_FALSE(line.frames.empty());
  EXPECT_EQ(line.frames.back(), 49 % 32) << "the newest is kept";
  EXPECT_GT(line.buffer.counters().overflow, 0u);
}

TEST(JitterBuffer, ACodecChangeStartsAfresh) {
  Line line(kFixed);
  line.run("r.r.");
  line.codec = Codec::kPcma;
  line.arrive();
  EXPECT_EQ(line.take().codec, Codec::kPcma);
}

TEST(JitterBuffer, MissedBeatsDoNotLeaveDelayBehind) {
  Line line;
  for (int i = 0; i < 50; ++i) line.run("r.");
  for (int i = 0; i < 30; ++i) {  // the shard stalled for 600 ms; the kernel kept the packets
    line.now += 20ms;
    line.time += 160;
    ++line.sequence;
  }
  for (int i = 0; i < 200; ++i) line.run("r.");
  EXPECT_LE(line.buffer.waiting().count, 3 * 160);
  EXPECT_EQ(line.heard.back(), 'A');
}

// ---- random lines ----

struct Model {
  const char* name;
  Duration spread{0};     // uniform lateness of every packet
  double spike_rate = 0;  // share of packets at which the line stalls
  Duration spike{0};      // for so long
  double loss_rate = 0;
  double drift = 0;  // sender's clock against ours
  int length = 160;
  double concealed_max = 0;  // share of frames
  Duration waiting_max{0};   // on average
};

void PrintTo(const Model& model, std::ostream* out) { *out << model.name; }

struct JitterModel : testing::TestWithParam<Model> {};

TEST_P(JitterModel, IsPlayedWithFewGapsAndLittleDelay) {
  const Model& model = GetParam();
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Line line;
    struct Arrival {
      TimePoint at;
      Packet packet;
      std::vector<std::byte> payload;
    };
    std::vector<Arrival> arrivals;
    const auto start = line.now;
    TimePoint stalled_until{};
    while (line.time < 60 * 8000) {
      Arrival arrival;
      const auto sent = start + std::chrono::duration_cast<Duration>((line.time * 125us) * (1.0 + model.drift));
      arrival.packet = line.next(arrival.payload);
      if (random.unit() < model.spike_rate) stalled_until = sent + model.spike;
      arrival.at = std::max(
          sent + Duration(static_cast<std::int64_t>(random.unit() * static_cast<double>(model.spread.count()))),
          stalled_until);
      if (random.unit() >= model.loss_rate) arrivals.push_back(std::move(arrival));
    }
    std::ranges::stable_sort(arrivals, {}, &Arrival::at);
    const auto phase = Duration(static_cast<std::int64_t>(random.below(20'000'000)));
    line.now = start + phase;
    std::size_t next = 0;
    double waiting = 0;
    int frames = 0, audio = 0;
    for (; next < arrivals.size(); ++frames) {
      for (; next < arrivals.size() && arrivals[next].at <= line.now; ++next) {
        auto& [at, packet, payload] = arrivals[next];
        packet.payload = payload;
        line.buffer.push(packet, Codec::kPcmu, at);
      }
      waiting += static_cast<double>(line.buffer.waiting().count) / 8000.0;
      audio += line.take().kind == Frame::Kind::kAudio;
    }
    const auto concealed = static_cast<double>(std::ranges::count(line.heard, 'c')) / frames;
    EXPECT_LE(concealed, model.concealed_max)
        << "late " << line.buffer.counters().late << " shifted " << line.buffer.counters().shifted_ms;
    EXPECT_LE(waiting / frames, std::chrono::duration<double>(model.waiting_max).count());
    EXPECT_GE(audio, frames * (1 - model.concealed_max) - 20);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, JitterModel,
    testing::Values(
        Model{.name = "steady", .concealed_max = 0, .waiting_max = 45ms},
        Model{.name = "tenMilliseconds", .spread = 10ms, .concealed_max = 0.002, .waiting_max = 50ms},
        Model{.name = "fiftyMilliseconds", .spread = 50ms, .concealed_max = 0.02, .waiting_max = 80ms},
        Model{.name = "onePercentLost", .spread = 20ms, .loss_rate = 0.01, .concealed_max = 0.02, .waiting_max = 60ms},
        Model{.name = "stalls",
              .spread = 5ms,
              .spike_rate = 0.002,
              .spike = 100ms,
              .concealed_max = 0.03,
              .waiting_max = 130ms},
        Model{.name = "senderSlow", .spread = 5ms, .drift = 300e-6, .concealed_max = 0.01, .waiting_max = 60ms},
        Model{.name = "senderFast", .spread = 5ms, .drift = -300e-6, .concealed_max = 0.01, .waiting_max = 60ms},
        Model{.name = "packetsOf60", .spread = 20ms, .length = 480, .concealed_max = 0.02, .waiting_max = 100ms},
        Model{.name = "packetsOf10", .spread = 20ms, .length = 80, .concealed_max = 0.02, .waiting_max = 60ms}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(JitterBuffer, DelayFollowsTheLineUpAndDown) {
  Random random(5);
  Line line;
  const auto run = [&](Duration spread, int packets) {
    for (int i = 0; i < packets; ++i) {
      std::vector<std::byte> payload;
      const auto packet = line.next(payload);
      const auto late = Duration(static_cast<std::int64_t>(random.unit() * static_cast<double>(spread.count())));
      line.buffer.push(packet, Codec::kPcmu, line.now + late);
      line.take();
    }
  };
  run(2ms, 500);
  EXPECT_EQ(line.buffer.delay(), 20ms);
  run(100ms, 1000);
  EXPECT_GE(line.buffer.delay(), 80ms);
  EXPECT_LE(line.buffer.delay(), 110ms);
  run(2ms, 2000);
  EXPECT_EQ(line.buffer.delay(), 20ms);
  run(900ms, 500);
  EXPECT_LE(line.buffer.delay(), 200ms);
}

}  // namespace
}  // namespace carillon::rtp
