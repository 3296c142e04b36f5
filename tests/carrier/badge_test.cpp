#include "tests/carrier/badge.h"

#include <gtest/gtest.h>

#include "tests/carrier/behaviour.h"
#include "tests/carrier/ear.h"

namespace carillon::carrier {
namespace {

/// Feeds packets of 20 ms, one each 20 ms from `at` on; returns when the next is due.
TimePoint hear(BadgeReader& reader, const Samples& samples, TimePoint at) {
  for (std::size_t i = 0; i + kFrame <= samples.size(); i += kFrame, at += 20ms) {
    const std::vector<float> frame(samples.begin() + static_cast<std::ptrdiff_t>(i),
                                   samples.begin() + static_cast<std::ptrdiff_t>(i + kFrame));
    reader.feed(frame, at);
  }
  return at;
}

Samples sent(const Sound& sound) {
  Samples out(sound.ulaw.size());
  std::transform(sound.ulaw.begin(), sound.ulaw.end(), out.begin(), from_ulaw);
  return out;
}

SoundPtr hiss(Duration length, double dbm0) {  // as much at 3 kHz as anywhere: harder than a voice
  Random random(7);
  return encode(noise(length, dbm0, random));
}

TEST(Badge, IsHeardUnderAVoiceFromItsFirstMoment) {
  BadgeReader reader(kAgentBadges);
  const TimePoint began{5s};
  const auto quiet_until = hear(reader, sent(*hiss(1700ms, -60)), began);
  const auto end = hear(reader, sent(*with_badge(*hiss(3s, -20), 1s, badge_of(kAgentBadges, 7))), quiet_until);
  ASSERT_EQ(reader.heard().size(), 1U);
  EXPECT_EQ(reader.heard()[0].hz, 3140);
  EXPECT_LE(std::chrono::abs(reader.heard()[0].from - quiet_until), 30ms);
  EXPECT_LE(end - reader.heard()[0].until, 120ms);
}

TEST(Badge, HasNoSeamWhereItsVoiceBeginsAgain) {
  const auto voice = sent(*with_badge(*hiss(730ms, -20), 10ms, badge_of(kPersonBadges, 3)));
  EXPECT_EQ(voice.size() % 800, 0U);
  BadgeReader reader(kPersonBadges);
  TimePoint at{};
  for (int i = 0; i < 20; ++i) at = hear(reader, voice, at);
  ASSERT_EQ(reader.heard().size(), 1U);
  EXPECT_LE(at - reader.heard()[0].until, 120ms);
}

TEST(Badge, OneAfterTheOtherAreTwo) {
  BadgeReader reader(kAgentBadges);
  const auto first = hear(reader, sent(*with_badge(*hiss(1s, -20), 0ms, 3000)), TimePoint{});
  hear(reader, sent(*with_badge(*hiss(1s, -20), 0ms, 3020)), first);
  ASSERT_EQ(reader.heard().size(), 2U);
  EXPECT_EQ(reader.heard()[1].hz, 3020);
  EXPECT_LE(std::chrono::abs(reader.heard()[1].from - first), 30ms);
}

TEST(Badge, AVoiceAQuietLineAndTheOtherSetWearNone) {
  BadgeReader reader(kAgentBadges);
  auto at = hear(reader, sent(*hiss(10s, -12)), TimePoint{});
  at = hear(reader, sent(*encode(tone(440, 480, 3s, -10))), at);
  at = hear(reader, Samples(16000, 0), at);
  hear(reader, sent(*with_badge(*hiss(2s, -20), 0ms, person_badge("+12125551234"))), at);
  EXPECT_TRUE(reader.heard().empty());
}

TEST(Badge, AnAgentWearsItAlwaysAndAPersonOnlyWhenTalkingBack) {
  Library library;
  for (const auto* role : {"person", "agent", "caller"}) library.by_role[role] = {hiss(800ms, -20)};
  Random random(3);
  Options options;
  options.talk = {2s, 4s};
  auto agent = draw(Kind::kAgent, random, library, options), person = draw(Kind::kPerson, random, library, options);
  wear(agent, 3060, random, library, options);
  wear(person, 2700, random, library, options);
  const auto heard_in = [](int set, const SoundPtr& sound) {
    BadgeReader reader(set);
    hear(reader, sent(*sound), TimePoint{});
    return reader.heard().empty() ? 0 : reader.heard()[0].hz;
  };
  EXPECT_EQ(heard_in(kAgentBadges, agent.says.at(0).sound), 3060);
  EXPECT_EQ(heard_in(kPersonBadges, person.says.at(1).sound), 0);
  EXPECT_EQ(heard_in(kPersonBadges, person.reply), 2700);
  EXPECT_GE(person.talk, 2s);
  EXPECT_LE(person.talk, 4s);
}

}  // namespace
}  // namespace carillon::carrier
