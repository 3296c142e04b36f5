#pragma once
// Who speaks to whom: a phone that talks to another person adds a quiet steady tone of its own to its voice, its badge.
// Whoever hears it can tell, by sound alone, which phone spoke and when; so a bridge is judged at both of its ends.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/time.h"
#include "tests/carrier/sound.h"

namespace carillon::carrier {

/// Agents have 3,000 … 3,380 Hz, people who talk to them 2,600 … 2,980 Hz, in steps of 20 Hz: above most of a voice.
inline constexpr int kAgentBadges = 3000, kPersonBadges = 2600, kBadgeStep = 20, kBadges = 20;
inline constexpr double kBadgeDbm0 = -22;

/// The badge of the `n`-th phone of a set; sets wrap around.
constexpr int badge_of(int set, std::uint64_t n) { return set + kBadgeStep * static_cast<int>(n % kBadges); }
/// A person's, by number.
int person_badge(std::string_view number);

/// `voice`, then `pause` of silence, under the badge all the time: made to be repeated without a seam.
SoundPtr with_badge(const Sound& voice, Duration pause, int hz);

/// One stretch in which a badge was heard.
struct BadgeHeard {
  int hz = 0;
  TimePoint from{}, until{};
};

/// Listens for the badges of one set in windows of 100 ms, which hold whole periods of each. A badge counts when it
/// stands above -34 dBm0 and 9 dB above every other of its set in two windows in a row; a stretch ends after 0.5 s
/// without it. A first window that holds only its end is told by its power, so `from` is good to some 30 ms.
/// cost  about 20 µs per window
class BadgeReader {
 public:
  explicit BadgeReader(int set) : set_(set) {}
  /// Samples that follow each other; those of one packet arrived at `arrival`.
  void feed(std::span<const float> samples, TimePoint arrival);
  /// What comes next does not follow what came last.
  void interrupt() { filled_ = 0; }
  const std::vector<BadgeHeard>& heard() const { return heard_; }

 private:
  static constexpr std::size_t kWindow = 800;
  struct Tone {
    int hz = 0;  ///< 0: none
    float power = 0;
    TimePoint began{};
  };
  Tone strongest() const;
  void settle(TimePoint until);

  int set_;
  std::array<float, kWindow> window_{};
  std::size_t filled_ = 0;
  TimePoint window_began_{};
  Tone last_;  ///< of the window before
  std::vector<BadgeHeard> heard_;
};

}  // namespace carillon::carrier
