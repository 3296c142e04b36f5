#pragma once
// What a phone hears: RTP packets laid on a time line by their timestamps, with the books of the stream kept.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "tests/carrier/badge.h"

namespace carillon::carrier {

struct RtpBooks {
  std::uint64_t in = 0;        ///< audio packets taken
  std::uint64_t expected = 0;  ///< by sequence number, over all sources
  std::uint64_t lost = 0;      ///< expected - distinct ones received
  std::uint64_t late = 0;      ///< more than 60 ms after their place on the time line
  std::uint64_t foreign = 0;   ///< no RTP, or a payload type that was not agreed
  std::uint64_t streams = 0;   ///< sources (SSRCs) or restarts seen
  Duration gap_max{0};         ///< between arrivals
};

/// One per call; `begin` is where its time line starts. Keeps µ-law bytes, 8 kB for each second heard, at most
/// `kHeardMax`; later audio is counted but not kept.
class Ear {
 public:
  static constexpr std::size_t kHeardMax = 8000 * 300;

  void begin(TimePoint at) { base_ = at; }
  /// Takes one datagram. `is_alaw_agreed`: payload type 8 may come; `event_type` is that of RFC 4733, -1: none.
  void on_packet(ByteView wire, TimePoint arrival, int event_type);
  /// Speech or tone above -40 dBm0 in 3 of 5 packets since listen_from(): when the first of them came.
  void listen_from(TimePoint at);
  TimePoint onset() const { return onset_; }  ///< TimePoint{} until then

  /// Which phones of that set are heard, and when.
  void read_badges(int set) { badges_.emplace(set); }
  std::span<const BadgeHeard> badges() const {
    return badges_ ? std::span(badges_->heard()) : std::span<const BadgeHeard>();
  }

  const RtpBooks& books() const { return books_; }
  const std::string& digits() const { return digits_; }  ///< heard by RFC 4733
  TimePoint base() const { return base_; }
  TimePoint last_arrival() const { return last_arrival_; }  ///< of a packet; TimePoint{} until then
  /// µ-law, index 0 at base(); silence where nothing came.
  const std::vector<std::uint8_t>& heard() const { return heard_; }
  std::vector<std::uint8_t> take_heard() { return std::move(heard_); }
  double energy_share() const {
    return books_.in == 0 ? 0 : static_cast<double>(loud_) / static_cast<double>(books_.in);
  }

 private:
  void count(std::uint16_t sequence, std::uint32_t ssrc, TimePoint arrival);
  void place(std::uint32_t time, ByteView audio, bool is_alaw, TimePoint arrival);
  void read(std::int64_t index, ByteView audio, bool is_alaw, TimePoint arrival);
  void weigh(double level_squared, TimePoint arrival);
  void on_event(std::uint32_t time, ByteView payload);

  TimePoint base_{}, last_arrival_{}, listen_from_ = TimePoint::max(), onset_{}, onset_candidate_{};
  RtpBooks books_;
  std::vector<std::uint8_t> heard_;
  std::optional<BadgeReader> badges_;
  std::int64_t badges_next_ = 0;  // index that follows what the reader has
  std::string digits_;
  std::uint64_t loud_ = 0;
  unsigned recent_ = 0;  // one bit per packet: loud
  std::uint32_t ssrc_ = 0, anchor_time_ = 0, last_event_ = 0;
  std::int64_t anchor_index_ = 0;
  std::uint64_t first_sequence_ = 0, highest_sequence_ = 0, stream_in_ = 0, stream_expected_ = 0, stream_lost_ = 0;
  std::uint64_t seen_ = 0;  // window of 64 sequence numbers up to the highest
  bool has_stream_ = false, has_anchor_ = false, has_event_ = false;
};

}  // namespace carillon::carrier
