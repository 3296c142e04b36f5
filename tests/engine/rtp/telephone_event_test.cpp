#include "engine/rtp/telephone_event.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/engine/rtp/wire.h"

namespace carillon::rtp {
namespace {

/// "+5" begun, "-5(100)" ended after 100 ms.
std::string text_of(const DigitNews& news) {
  std::string text;
  if (news.ended) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(news.ended_duration).count();
    text += std::string("-") + news.ended + "(" + std::to_string(ms) + ")";
  }
  if (news.begun) text += std::string("+") + news.begun;
  return text;
}

struct EventReceiverTest : testing::Test {
  TimePoint now{};
  EventReceiver receiver;
  std::string news;

  void packet(std::uint32_t time, int event, int duration, bool end = false, bool marker = false) {
    now += 20ms;
    const auto wire = event_wire(0, time, event, duration, end, marker);
    news += text_of(receiver.receive(*parse(wire), now));
    news += text_of(receiver.tick(now));
  }
  void silence(int beats) {
    for (int i = 0; i < beats; ++i) {
      now += 20ms;
      news += text_of(receiver.tick(now));
    }
  }
};

TEST_F(EventReceiverTest, OneReportPerEventHoweverOftenItsPacketsCome) {
  packet(1000, 5, 160, false, true);
  packet(1000, 5, 160, false, true);
  for (int duration = 320; duration <= 800; duration += 160) packet(1000, 5, duration);
  for (int i = 0; i < 3; ++i) packet(1000, 5, 800, true);
  packet(1000, 5, 640);  // reordered
  silence(50);
  EXPECT_EQ(news, "+5-5(100)");
}

TEST_F(EventReceiverTest, ALostStartStillBegins) {
  packet(1000, 11, 480);
  packet(1000, 11, 640, true);
  EXPECT_EQ(news, "+#-#(80)");
}

TEST_F(EventReceiverTest, OnlyOneEndPacketArrivesAtAll) {
  packet(1000, 9, 800, true);
  silence(2);
  EXPECT_EQ(news, "+9-9(100)");
}

TEST_F(EventReceiverTest, AllEndPacketsLostEndsByTimeOut) {
  packet(1000, 5, 160, false, true);
  packet(1000, 5, 320);
  silence(9);
  EXPECT_EQ(news, "+5");
  silence(1);
  EXPECT_EQ(news, "+5-5(40)");
  packet(1000, 5, 800, true);
  EXPECT_EQ(news, "+5-5(40)") << "its end, late";
}

TEST_F(EventReceiverTest, TheNextDigitEndsTheOneBefore) {
  packet(1000, 1, 160, false, true);
  packet(2000, 2, 160, false, true);
  packet(1000, 1, 800, true);  // late
  packet(2000, 2, 320, true);
  EXPECT_EQ(news, "+1-1(20)+2-2(40)");
}

TEST_F(EventReceiverTest, TheSameDigitTwiceIsTwo) {
  for (const std::uint32_t time : {1000u, 3000u}) {
    packet(time, 7, 160, false, true);
    packet(time, 7, 320, true);
  }
  EXPECT_EQ(news, "+7-7(40)+7-7(40)");
}

TEST_F(EventReceiverTest, ALongEventGoesOnInSegments) {
  packet(1000, 0, 0xFF00, false, true);
  packet(1000, 0, 0xFFFF);
  packet(1000 + 0xFFFF, 0, 160);
  packet(1000 + 0xFFFF, 0, 320, true);
  EXPECT_EQ(news, "+0-0(8231)") << "(65535 + 320) ticks";
}

TEST_F(EventReceiverTest, AGatewayThatMovesTheTimestampWithEveryUpdateIsOneDigit) {
  packet(1000, 3, 160, false, true);
  packet(1160, 3, 320);
  packet(1320, 3, 480);
  packet(1480, 3, 640, true);
  EXPECT_EQ(news, "+3-3(80)");
}

TEST_F(EventReceiverTest, TimestampsWrap) {
  packet(0xFFFF'FF00, 4, 160, false, true);
  packet(0xFFFF'FF00, 4, 320, true);
  packet(0x200, 4, 160, false, true);
  packet(0x200, 4, 320, true);
  EXPECT_EQ(news, "+4-4(40)+4-4(40)");
}

TEST_F(EventReceiverTest, OtherEventsAndShortPayloadsAreNoDigits) {
  packet(1000, 16, 160, true);   // flash
  packet(2000, 36, 160, false);  // calling tone
  const auto payload = bytes({5, 0x80, 1});
  news += text_of(receiver.receive({.time = {9}, .payload = payload}, now));
  EXPECT_EQ(news, "");
}

TEST(Event, DigitsAndEventsMatch) {
  for (std::uint8_t event = 0; event < 16; ++event) EXPECT_EQ(event_of(digit_of(event)), event);
  EXPECT_EQ(event_of('c'), 14);
  EXPECT_EQ(event_of('E'), std::nullopt);
  EXPECT_EQ(event_of('\0'), std::nullopt);
  EXPECT_EQ(digit_of(16), 0);
}

/// One letter per beat: M marker, u update, e end, . pause; and durations.
std::string beats_of(EventSender& sender, std::vector<EventSender::Beat>& beats) {
  std::string text;
  RtpTime time{5000};
  for (; sender.is_active() && beats.size() < 1000; time = time + 160) {
    const auto beat = sender.next(time);
    beats.push_back(beat);
    text += !beat.sends ? '.' : beat.event.end ? 'e' : beat.marker ? 'M' : 'u';
  }
  return text;
}

TEST(EventSender, SendsUpdatesThreeEndsAndAPause) {
  EventSender sender;
  std::vector<EventSender::Beat> beats;
  ASSERT_TRUE(sender.queue("5#", 100ms));
  EXPECT_EQ(beats_of(sender, beats), "Muuuueee.Muuuueee.");
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(beats[static_cast<std::size_t>(i)].time, RtpTime{5000}) << "the start's, in all packets";
    EXPECT_EQ(beats[static_cast<std::size_t>(i)].event.duration, std::min(i + 1, 5) * 160);
  }
  EXPECT_EQ(beats[9].time, RtpTime{5000 + 9 * 160});
  EXPECT_EQ(beats[9].event.event, 11);
}

TEST(EventSender, RefusesWhatItCannotSendWhole) {
  EventSender sender;
  EXPECT_FALSE(sender.queue("12x", 100ms));
  EXPECT_FALSE(sender.is_active());
  EXPECT_TRUE(sender.queue(std::string(32, '1'), 100ms));
  EXPECT_FALSE(sender.queue("1", 100ms));
}

TEST(EventSender, DurationsAreBounded) {
  for (const auto& [asked, beats] : {std::pair<Duration, std::size_t>{-1s, 2}, {1ms, 2}, {41ms, 3}, {1h, 300}}) {
    EventSender sender;
    std::vector<EventSender::Beat> all;
    ASSERT_TRUE(sender.queue("1", asked));
    EXPECT_EQ(beats_of(sender, all).size(), beats + 4);
  }
}

TEST(EventSender, StopLetsTheKeyUp) {
  EventSender sender;
  ASSERT_TRUE(sender.queue("12", 1s));
  sender.next({0});
  sender.next({160});
  sender.stop();
  std::vector<EventSender::Beat> beats;
  EXPECT_EQ(beats_of(sender, beats), "eee.");
  EXPECT_EQ(beats[0].event.duration, 320);
}

TEST(EventSender, WhatIsSentIsHeardOnce) {
  EventSender sender;
  EventReceiver receiver;
  ASSERT_TRUE(sender.queue("1123*0#D", 80ms));
  std::string news;
  TimePoint now{};
  for (RtpTime time{0xFFFF'F000}; sender.is_active(); time = time + 160, now += 20ms) {
    const auto beat = sender.next(time);
    if (beat.sends) {
      const auto wire =
          event_wire(0, beat.time.ticks, beat.event.event, beat.event.duration, beat.event.end, beat.marker);
      news += text_of(receiver.receive(*parse(wire), now));
    }
    news += text_of(receiver.tick(now));
  }
  EXPECT_EQ(news, "+1-1(80)+1-1(80)+2-2(80)+3-3(80)+*-*(80)+0-0(80)+#-#(80)+D-D(80)");
}

}  // namespace
}  // namespace carillon::rtp
