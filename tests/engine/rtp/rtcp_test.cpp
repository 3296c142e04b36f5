#include "engine/rtp/rtcp.h"

#include <gtest/gtest.h>

#include "tests/engine/rtp/wire.h"

namespace carillon::rtp {
namespace {

using Seen = Reception::Seen;

Seen receive(Reception& reception, int sequence, std::uint32_t time = 0, TimePoint now = {}, bool clocked = false) {
  return reception.receive(static_cast<std::uint16_t>(sequence), {time}, clocked, now);
}

TEST(Rtcp, CompoundReadsBackTheSame) {
  std::array<std::byte, kRtcpMax> buffer;
  const SenderInfo info{.ntp = 0x1122334455667788, .time = {99}, .packets = 7, .octets = 1120};
  const ReportBlock block{.ssrc = 42,
                          .fraction_lost = 13,
                          .lost = -5,
                          .highest = 0x10002,
                          .jitter = 80,
                          .last_report = 0xABCD,
                          .delay = 65536};
  const auto wire = write_rtcp(buffer, 7, &info, &block, "0123456789abcdef", true);
  EXPECT_EQ(wire.size() % 4, 0u);
  const auto report = parse_rtcp(wire, 42);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->sender, 7u);
  ASSERT_TRUE(report->has_sender_info);
  EXPECT_EQ(report->sender_info.ntp, info.ntp);
  EXPECT_EQ(report->sender_info.time, info.time);
  EXPECT_EQ(report->sender_info.packets, 7u);
  EXPECT_EQ(report->sender_info.octets, 1120u);
  ASSERT_TRUE(report->has_block);
  EXPECT_EQ(report->block.lost, -5);
  EXPECT_EQ(report->block.fraction_lost, 13);
  EXPECT_EQ(report->block.highest, 0x10002u);
  EXPECT_EQ(report->block.delay, 65536u);
  EXPECT_EQ(report->cname, "0123456789abcdef");
  EXPECT_TRUE(report->bye);
}

TEST(Rtcp, BlocksAboutOthersAreLeftOut) {
  std::array<std::byte, kRtcpMax> buffer;
  const ReportBlock block{.ssrc = 42};
  const auto report = parse_rtcp(write_rtcp(buffer, 7, nullptr, &block, "x", false), 41);
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->has_block);
  EXPECT_FALSE(report->has_sender_info);
  EXPECT_FALSE(report->bye);
}

TEST(Rtcp, EveryCnameLengthIsPaddedAndEnded) {
  std::array<std::byte, kRtcpMax> buffer;
  for (std::size_t length = 0; length <= 40; ++length) {
    const std::string cname(length, 'c');
    const auto wire = write_rtcp(buffer, 7, nullptr, nullptr, cname, false);
    const auto report = parse_rtcp(wire, 0);
    ASSERT_TRUE(report) << length;
    EXPECT_EQ(report->cname, cname.substr(0, 32));
    EXPECT_EQ(wire.back(), std::byte{0});
  }
}

TEST(Rtcp, NamesWhatIsWrong) {
  const auto error = [](std::vector<std::byte> wire) { return parse_rtcp(wire, 1).error(); };
  EXPECT_EQ(error({}), ParseError::kShort);
  EXPECT_EQ(error(bytes({0x80, 201, 0, 1, 0, 0})), ParseError::kShort);
  EXPECT_EQ(error(bytes({0x00, 201, 0, 0})), ParseError::kVersion);
  EXPECT_EQ(error(bytes({0xA0, 201, 0, 1, 0, 0, 0, 0})), ParseError::kPadding);
  EXPECT_EQ(error(bytes({0xA0, 201, 0, 1, 0, 0, 0, 9})), ParseError::kPadding);
  EXPECT_EQ(error(bytes({0xA0, 201, 0, 1, 0, 0, 0, 4, 0x80, 203, 0, 0})), ParseError::kPadding) << "not the last";
}

TEST(Rtcp, ABlockThatIsCutOffIsNotTaken) {
  const auto report = parse_rtcp(bytes({0x81, 201, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1}), 1);
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->has_block);
}

TEST(Rtcp, NtpCountsFrom1900) {
  EXPECT_EQ(ntp_of(WallTime{}), std::uint64_t{2'208'988'800} << 32);
  EXPECT_EQ(ntp_of(WallTime{std::chrono::milliseconds(1500)}), (std::uint64_t{2'208'988'801} << 32) + 0x8000'0000u);
}

TEST(Reception, CountsLossOverTheWrap) {
  Reception reception;
  for (const int sequence : {65533, 65534, 0, 1, 4}) EXPECT_EQ(receive(reception, sequence), Seen::kNew);
  EXPECT_EQ(reception.highest(), 0x10004u);
  EXPECT_EQ(reception.lost(), 3) << "65535, 2 and 3";
}

TEST(Reception, TellsDuplicatesAndReordering) {
  Reception reception;
  for (const int sequence : {10, 11, 13}) receive(reception, sequence);
  EXPECT_EQ(receive(reception, 12), Seen::kReordered);
  EXPECT_EQ(receive(reception, 12), Seen::kDuplicate);
  EXPECT_EQ(receive(reception, 13), Seen::kDuplicate);
  EXPECT_EQ(receive(reception, 10), Seen::kDuplicate);
  EXPECT_EQ(reception.received(), 4u);
  EXPECT_EQ(reception.lost(), 0);
  for (int sequence = 14; sequence < 100; ++sequence) receive(reception, sequence);
  EXPECT_EQ(receive(reception, 20), Seen::kTooOld) << "beyond the window that remembers";
}

TEST(Reception, ALeapIsBelievedWhenTheNextPacketFollowsIt) {
  Reception reception;
  for (int sequence = 0; sequence < 10; ++sequence) receive(reception, sequence);
  EXPECT_EQ(receive(reception, 30000), Seen::kTooOld) << "one stray packet moves nothing";
  EXPECT_EQ(receive(reception, 10), Seen::kNew);
  EXPECT_EQ(receive(reception, 40000), Seen::kTooOld);
  EXPECT_EQ(receive(reception, 40001), Seen::kNew);
  EXPECT_EQ(reception.lost(), 0) << "a leap is not a loss";
  EXPECT_EQ(receive(reception, 40003), Seen::kNew);
  EXPECT_EQ(reception.lost(), 1);
}

TEST(Reception, FractionLostIsOfTheIntervalAndTotalOfAll) {
  Reception reception;
  for (int sequence = 0; sequence < 100; ++sequence)
    if (sequence % 4 != 1) receive(reception, sequence);
  auto block = reception.report(9);
  EXPECT_EQ(block.ssrc, 9u);
  EXPECT_EQ(block.fraction_lost, 64) << "a quarter of 256";
  EXPECT_EQ(block.lost, 25);
  for (int sequence = 100; sequence < 200; ++sequence) receive(reception, sequence);
  block = reception.report(9);
  EXPECT_EQ(block.fraction_lost, 0);
  EXPECT_EQ(block.lost, 25);
  EXPECT_EQ(reception.report(9).fraction_lost, 0) << "nothing came: no division by nothing";
}

// RFC 3550 A.8: constant deviation of D ticks between neighbours makes the estimate go towards D.
TEST(Reception, JitterGoesTowardsTheMeanDeviation) {
  Reception steady, shaky;
  TimePoint now{};
  for (int i = 0; i < 400; ++i) {
    now += 20ms;
    receive(steady, i, static_cast<std::uint32_t>(i) * 160, now, true);
    receive(shaky, i, static_cast<std::uint32_t>(i) * 160, now + (i % 2 ? 10ms : 0ms), true);
  }
  EXPECT_EQ(steady.jitter(), 0u);
  EXPECT_NEAR(shaky.jitter(), 80, 2);
}

TEST(Reception, AClockSetAnewIsNotJitter) {
  Reception reception;
  TimePoint now{};
  for (int i = 0; i < 10; ++i, now += 20ms) receive(reception, i, static_cast<std::uint32_t>(i) * 160, now, true);
  for (int i = 10; i < 20; ++i, now += 20ms)
    receive(reception, i, static_cast<std::uint32_t>(i) * 160 + 3'000'000'000u, now, true);
  EXPECT_EQ(reception.jitter(), 0u);
}

}  // namespace
}  // namespace carillon::rtp
