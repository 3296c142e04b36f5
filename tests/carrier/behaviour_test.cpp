#include "tests/carrier/behaviour.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "tests/carrier/ear.h"
#include "tests/carrier/mouth.h"

namespace carillon::carrier {
namespace {

Library small_library() {
  Library library;
  library.by_role["person"] = {encode(tone(300, 0, 500ms, -20)), encode(tone(350, 0, 700ms, -20))};
  library.by_role["machine"] = {encode(tone(320, 0, 5s, -20))};
  library.by_role["announce"] = {encode(tone(340, 0, 2s, -20))};
  return library;
}

TEST(Behaviour, NumbersThatEndIn5550NameTheirOwn) {
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_EQ(kind_by_number(fmt::format("+12125550{}42", i + 1)), static_cast<Kind>(i));
  for (const auto* number : {"+12125550042", "+12125550942", "+12125560142", "50142", "+1212555014x"})
    EXPECT_FALSE(kind_by_number(number)) << number;
}

TEST(Behaviour, TheSameSeedAndNumberDrawTheSameCall) {
  const auto library = small_library();
  for (int i = 0; i < 50; ++i) {
    const auto number = fmt::format("+1213200{:04}", i);
    const auto kind = draw_kind(7, number, Mix{});
    EXPECT_EQ(kind, draw_kind(7, number, Mix{}));
    auto first = random_for(7, number), second = random_for(7, number);
    const auto a = draw(kind, first, library, {}), b = draw(kind, second, library, {});
    EXPECT_EQ(a.final_after, b.final_after);
    EXPECT_EQ(a.beep_end, b.beep_end);
    EXPECT_EQ(a.digit, b.digit);
  }
}

TEST(Behaviour, DrawsFollowTheMix) {
  const auto mix = Mix::parse("person=3,busy=1");
  ASSERT_TRUE(mix);
  std::array<int, kKindNames.size()> count{};
  for (int i = 0; i < 4000; ++i) ++count[static_cast<std::size_t>(draw_kind(1, fmt::format("+1213{:07}", i), *mix))];
  EXPECT_EQ(count[0] + count[2], 4000);
  EXPECT_NEAR(count[0], 3000, 120);
}

TEST(Behaviour, AMixThatMakesNoSenseIsNamed) {
  EXPECT_THAT(Mix::parse("cat=1").error(), testing::HasSubstr("'cat'"));
  EXPECT_THAT(Mix::parse("person=x").error(), testing::HasSubstr("'x'"));
  EXPECT_THAT(Mix::parse("person=0").error(), testing::HasSubstr("nothing"));
  EXPECT_THAT(Mix::parse("person").error(), testing::HasSubstr("NAME=SHARE"));
}

TEST(Behaviour, PeopleRingTwoToEightSecondsUnlessTold) {
  const auto library = small_library();
  Random random(5);
  for (int i = 0; i < 300; ++i) {
    const auto b = draw(Kind::kPerson, random, library, {});
    EXPECT_GE(b.final_after - b.ringing_after, 2s);
    EXPECT_LE(b.final_after - b.ringing_after, 8s);
    EXPECT_GE(b.greeting_began, 200ms);
    EXPECT_LE(b.greeting_began, 820ms);
  }
  Options quick;
  quick.answer_delay = {10ms, 20ms};
  EXPECT_LE(draw(Kind::kPerson, random, library, quick).final_after, 220ms);
}

TEST(Behaviour, AMachineBeepsAfterItsGreeting) {
  const auto library = small_library();
  Random random(6);
  for (int i = 0; i < 100; ++i) {
    const auto b = draw(Kind::kMachine, random, library, {});
    EXPECT_GE(b.beep_end - b.greeting_end, 500ms);
    EXPECT_LE(b.beep_end - b.greeting_end, 2100ms);
    EXPECT_EQ(b.digit, 0);
  }
}

TEST(Sound, BothLawsReturnWhatTheyWereGiven) {
  for (int value = -32000; value <= 32000; value += 37) {
    const auto sample = static_cast<std::int16_t>(value);
    const int tolerance = 8 + std::abs(value) / 16;
    EXPECT_NEAR(from_ulaw(to_ulaw(sample)), value, tolerance);
    EXPECT_NEAR(from_alaw(to_alaw(sample)), value, tolerance + 8);
  }
  EXPECT_EQ(to_ulaw(0), 0xFF);
  EXPECT_EQ(to_alaw(0), 0xD5);
  for (int code = 0; code < 256; ++code) {
    const auto byte = static_cast<std::uint8_t>(code);
    EXPECT_EQ(to_alaw(from_alaw(byte)), byte);
    if (byte != 0x7F) {  // the second zero
      EXPECT_EQ(to_ulaw(from_ulaw(byte)), byte);
    }
  }
}

TEST(Sound, ResamplingKeepsAToneAndRemovesWhatDoesNotFit) {
  Samples low, high;
  for (int i = 0; i < 44100; ++i) {
    low.push_back(static_cast<std::int16_t>(10000 * std::sin(2 * 3.14159265358979 * 1000 * i / 44100.0)));
    high.push_back(static_cast<std::int16_t>(10000 * std::sin(2 * 3.14159265358979 * 6000 * i / 44100.0)));
  }
  const auto peak = [](const Samples& samples) {
    int most = 0;
    for (std::size_t i = 1000; i + 1000 < samples.size(); ++i) most = std::max(most, std::abs(int{samples[i]}));
    return most;
  };
  EXPECT_EQ(resample(low, 44100).size(), 8000u);
  EXPECT_NEAR(peak(resample(low, 44100)), 10000, 150);
  EXPECT_LT(peak(resample(high, 44100)), 150);
}

std::vector<std::byte> bytes_on_wire(const RtpOut& packet) {
  std::vector<std::byte> out;
  for (const auto byte : packet.header) out.push_back(std::byte{byte});
  for (const auto byte : packet.payload) out.push_back(std::byte{byte});
  return out;
}

// What the mouth says, the ear hears: sound in its place, digits once each, losses counted.
TEST(EarAndMouth, HearWhatWasSaid) {
  Random random(8);
  Mouth mouth;
  mouth.begin(8, 101, random);
  const auto sound = encode(tone(700, 0, 400ms, -10));
  mouth.say({{nullptr, 200ms}, {sound, 400ms}}, nullptr);
  mouth.press('1');
  mouth.press('#');
  Ear ear;
  TimePoint now{1s};
  ear.begin(now);
  ear.listen_from(now);
  int lost = 0;
  for (int i = 0; i < 60; ++i, now += 20ms) {
    const auto wire = bytes_on_wire(mouth.next());
    if (i == 45 || i == 46) {
      ++lost;
      continue;
    }
    ear.on_packet(wire, now, 101);
  }
  EXPECT_EQ(ear.digits(), "1#");
  EXPECT_EQ(ear.books().lost, static_cast<std::uint64_t>(lost));
  EXPECT_EQ(ear.books().gap_max, 60ms);
  EXPECT_EQ(ear.heard().size(), 9600u);
}

TEST(Ear, PlacesSoundByTimestampWhateverTheOrder) {
  Random random(8);
  Mouth mouth;
  mouth.begin(0, -1, random);
  mouth.say({{encode(tone(700, 0, 400ms, -10)), 400ms}}, nullptr);
  std::vector<std::vector<std::byte>> wires;
  for (int i = 0; i < 20; ++i) wires.push_back(bytes_on_wire(mouth.next()));
  Ear in_order, swapped;
  for (const int i : {0, 1, 2, 3, 4, 5, 6, 7})
    in_order.on_packet(wires[static_cast<std::size_t>(i)], TimePoint{} + i * 20ms, -1);
  int at = 0;
  for (const int i : {0, 2, 1, 4, 3, 3, 6, 5, 7})
    swapped.on_packet(wires[static_cast<std::size_t>(i)], TimePoint{} + at++ * 20ms, -1);
  EXPECT_EQ(in_order.heard(), swapped.heard());
  EXPECT_EQ(swapped.books().lost, 0u);
  EXPECT_FALSE(mouth.press('1'));
}

TEST(Ear, CountsWhatIsNoAudioOfThisCall) {
  Ear ear;
  ear.on_packet(bytes_of("short"), TimePoint{}, 101);
  ear.on_packet(bytes_of("\x80\x60zzzzzzzzzzzzzz"), TimePoint{}, 101);
  EXPECT_EQ(ear.books().foreign, 2u);
  EXPECT_EQ(ear.books().in, 0u);
}

TEST(Ear, OnsetIsWhereSoundBegins) {
  Random random(8);
  Mouth mouth;
  mouth.begin(0, -1, random);
  mouth.say({{nullptr, 300ms}, {encode(tone(700, 0, 400ms, -10)), 400ms}}, nullptr);
  Ear ear;
  ear.listen_from(TimePoint{} + 100ms);
  for (int i = 0; i < 30; ++i) ear.on_packet(bytes_on_wire(mouth.next()), TimePoint{} + i * 20ms, -1);
  EXPECT_EQ(ear.onset(), TimePoint{} + 300ms);
}

}  // namespace
}  // namespace carillon::carrier
