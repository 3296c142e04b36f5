#pragma once
// Judges the RTP of every channel: loss, doubles and order by sequence, payload against the prompt that should be
// heard, departure by time of arrival. A time is only as sharp as our own polling: after a turn that took too long the
// arrivals are "blurred" and their deviation is not counted, so that our own stalls are never taken for the engine's.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/far/sound.h"
#include "tests/bench/wire/frames.h"
#include "tests/bench/wire/histogram.h"
#include "tests/bench/wire/tsc.h"

namespace carillon::bench {

class Judge {
 public:
  static constexpr double kBlurredUs = 50;  ///< longest time since the ring was last seen empty

  /// `expected` may be nullptr: any payload will do. `rate` and `expected` outlive the judge.
  Judge(std::uint32_t channels, const Sound* expected, const TscRate& rate);

  /// A new call: nothing has been heard yet.
  void open(std::uint32_t channel) { ears_[channel] = {}; }
  void prefetch(std::uint32_t channel) const { __builtin_prefetch(&ears_[channel], 1); }
  /// One RTP packet that was there at `now`, when the ring was last seen empty at `emptied`.
  void take(std::uint32_t channel, Bytes rtp, Tsc now, Tsc emptied);

  void start(Tsc now);
  void stop(Tsc now);
  bool is_measuring() const { return measuring_; }
  /// Closes seconds that have passed.
  void tick(Tsc now) {
    if (now >= second_end_) next_second(now);
  }
  /// Fields of one JSON object, without its braces. `answered`: channels that should be heard.
  std::string json() const;

 private:
  struct Ear {
    Tsc arrival = 0;  ///< of the last packet; 0: its time was blurred
    std::uint32_t ssrc = 0, timestamp = 0;
    std::uint32_t frame = Sound::kUnknown;  ///< expected next
    std::uint32_t second = 0;               ///< the last one in which it was heard
    std::uint16_t sequence = 0;
    bool is_heard = false;
  };
  struct Counts {
    std::uint64_t packets = 0, lost = 0, doubled = 0, reordered = 0, malformed = 0, blurred = 0;
    std::uint64_t payload_right = 0, payload_wrong = 0, timestamp_wrong = 0, source_changed = 0;
  };

  void next_second(Tsc now);
  void judge_payload(Ear& ear, Bytes rtp, int step);

  const Sound* expected_;
  const TscRate& rate_;
  Tsc beat_, blurred_;
  std::vector<Ear> ears_;
  Counts counts_;
  Histogram deviation_;
  bool measuring_ = false;
  Tsc started_ = 0, stopped_ = 0, second_end_ = 0;
  std::uint32_t second_ = 1, heard_ = 0, seconds_whole_ = 0;
  std::uint32_t heard_last_ = 0, heard_min_ = 0;
  std::uint64_t packets_in_second_ = 0, packets_min_ = 0;
};

}  // namespace carillon::bench
