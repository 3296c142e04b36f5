#include "engine/rtp/jitter_buffer.h"

#include <algorithm>
#include <cstring>

namespace carillon::rtp {

namespace {

constexpr std::int32_t kFrame = kFrameSamples;
constexpr std::int32_t kBucket = 80;            // ticks: 10 ms
constexpr std::int32_t kJump = 4000;            // half a second off: another clock, not jitter
constexpr std::uint32_t kWindow = 4 * 8000;     // ticks over which the least transit is kept, twice
constexpr std::uint16_t kLatenessMemory = 256;  // packets; then all counts are halved
constexpr int kLateShare = 100;                 // one in so many may come late
constexpr std::uint8_t kLateRunMax = 5;         // so many late in a row: their clock has moved
constexpr std::uint8_t kConcealMax = 5;         // frames; longer gaps are silence
constexpr std::int32_t kShrinkAt = 2 * kFrame;  // a steady line lags by less than one frame
constexpr std::int32_t kStretchAt = -kFrame * 3 / 4;
constexpr std::uint8_t kShiftGap = 5;        // frames between two shifts in quiet audio
constexpr std::uint8_t kShiftPatience = 50;  // frames to wait for quiet before audio is cut
constexpr std::int32_t kShrinkHard = 10 * kFrame;

std::uint32_t ticks_of(TimePoint now) { return static_cast<std::uint32_t>(now.time_since_epoch() / 125us); }

std::int32_t distance(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b); }

template <class Number>
void count_up(Number& number, Number most) {
  if (number < most) ++number;
}

}  // namespace

JitterBuffer::JitterBuffer(const JitterConfig& config)
    : is_fixed_(config.delay_min >= config.delay_max),
      delay_min_(static_cast<std::int32_t>(std::clamp<Duration>(config.delay_min, 0ms, 200ms) / kTick)),
      delay_max_(static_cast<std::int32_t>(std::clamp<Duration>(config.delay_max, config.delay_min, 200ms) / kTick)) {
  delay_ = delay_min_;
}

// ---- in ----

JitterBuffer::Taken JitterBuffer::push(const Packet& packet, Codec codec, TimePoint now) {
  if (packet.payload.empty() || packet.payload.size() > kPayloadMax) return Taken::kTooLong;
  const auto arrival = ticks_of(now);
  const auto transit = arrival - packet.time.ticks;
  if (!is_started_ || codec != codec_) {
    start(packet, codec, arrival);
  } else if (is_jump(transit)) {
    return leap(packet, codec, arrival);
  }
  has_probation_ = false;
  is_quiet_ = false;
  note_transit(transit, arrival);
  const auto taken = place(packet, transit);
  if (taken != Taken::kLate) {
    late_run_ = 0;
  } else {
    ++counters_.late;
    if (++late_run_ >= kLateRunMax) restart();
  }
  return taken;
}

/// The first packet of a clock: it plays `delay_` after now. The slot that was lent out stays as it is.
void JitterBuffer::start(const Packet& packet, Codec codec, std::uint32_t arrival) {
  if (is_playing_) ++counters_.restarts;
  codec_ = codec;
  head_ = lent_ == kSlots ? 0 : static_cast<std::uint8_t>((lent_ + 1) % kSlots);
  for (std::uint8_t slot = 0; slot < kSlots; ++slot)
    if (slot != lent_) clear(slot);
  is_started_ = true;
  is_playing_ = has_probation_ = false;
  late_run_ = since_shift_ = 0;
  gap_ = 0;
  play_ = end_ = packet.time;
  base_ = base_now_ = arrival - packet.time.ticks;
  window_start_ = arrival;
}

bool JitterBuffer::is_jump(std::uint32_t transit) const {
  const auto off = distance(transit, base_);
  return off > kJump || off < -kJump;
}

JitterBuffer::Taken JitterBuffer::leap(const Packet& packet, Codec codec, std::uint32_t arrival) {
  const bool follows = has_probation_ && packet.sequence == probation_sequence_ && packet.time - probation_time_ > 0 &&
                       packet.time - probation_time_ <= static_cast<std::int32_t>(kPayloadMax);
  if (!follows && !packet.marker) {
    has_probation_ = true;
    probation_sequence_ = static_cast<std::uint16_t>(packet.sequence + 1);
    probation_time_ = packet.time;
    return Taken::kProbation;
  }
  start(packet, codec, arrival);
  is_quiet_ = false;
  return place(packet, base_);
}

void JitterBuffer::note_transit(std::uint32_t transit, std::uint32_t arrival) {
  if (arrival - window_start_ >= kWindow) {
    base_ = base_now_;
    base_now_ = transit;
    window_start_ = arrival;
  }
  if (distance(transit, base_now_) < 0) base_now_ = transit;
  if (distance(transit, base_) < 0) base_ = transit;
  if (is_fixed_) return;

  const auto late = distance(transit, base_);
  const auto bucket = std::min<std::size_t>(static_cast<std::size_t>(late / kBucket), kBuckets - 1);
  ++lateness_[bucket];
  if (++lateness_count_ >= kLatenessMemory) {
    lateness_count_ = 0;
    for (auto& count : lateness_) lateness_count_ = static_cast<std::uint16_t>(lateness_count_ + (count /= 2));
  }
  if (late >= delay_ || lateness_count_ % 8 == 0) delay_ = chosen_delay();
}

/// The least delay, in whole buckets, that all but one in a hundred of the remembered packets keep.
std::int32_t JitterBuffer::chosen_delay() const {
  int allowed = lateness_count_ / kLateShare;
  std::size_t bucket = kBuckets;
  while (bucket > 0 && (allowed -= lateness_[bucket - 1]) >= 0) --bucket;
  return std::clamp(static_cast<std::int32_t>(bucket) * kBucket, delay_min_, delay_max_);
}

JitterBuffer::Taken JitterBuffer::place(const Packet& packet, std::uint32_t transit) {
  auto payload = packet.payload;
  const auto length = static_cast<std::int32_t>(payload.size());
  auto ahead = packet.time - play_;
  if (ahead < 0 && rewind(-ahead, transit)) ahead = packet.time - play_;
  if (ahead + length <= 0) return Taken::kLate;
  if (ahead < 0) {  // its first part has been played without it
    payload = payload.subspan(static_cast<std::size_t>(-ahead));
    ahead = 0;
  }
  const auto end = ahead + static_cast<std::int32_t>(payload.size());
  if (end > room()) {
    if (!make_room(end)) return Taken::kTooFar;
    ahead = packet.time - play_;
  }
  copy(ahead, payload);
  return Taken::kTaken;
}

/// Ticks ahead of play_ that may be written: never into the slot that is lent out.
std::int32_t JitterBuffer::room() const {
  if (lent_ == kSlots) return kRing - kFrame;
  return (lent_ - head_ + kSlots) % kSlots * kFrame;
}

/// Throws away the oldest frames so that `end` fits; false when it lies so far ahead that nothing would be left, or
/// when the lent slot is in the way (beats were missed; the next pop puts things right).
bool JitterBuffer::make_room(std::int32_t end) {
  if (lent_ != kSlots) return false;
  const auto frames = (end - room() + kFrame - 1) / kFrame;
  if (frames > kSlots - 4) {
    restart();
    return false;
  }
  for (std::int32_t i = 0; i < frames; ++i) {
    if (filled_[head_] != 0) ++counters_.overflow;
    skip(1);
  }
  return true;
}

/// A packet came late for what has been concealed since the last audio, and nothing newer is here: the line fell
/// behind as a whole. Playing goes back to it; the delay has grown for free.
bool JitterBuffer::rewind(std::int32_t late, std::uint32_t transit) {
  if (lent_ != kSlots) return false;
  const bool is_empty = end_ - play_ <= 0;
  if (is_playing_) {
    if (is_fixed_ || !is_empty || late > gap_) return false;
    if (distance(transit, base_) > delay_max_) return false;
  }
  const auto frames = (late + kFrame - 1) / kFrame;
  const auto used = is_empty ? 0 : end_ - play_;
  if (used + frames * kFrame > kRing - 2 * kFrame) return false;
  step(-frames);
  gap_ = static_cast<std::uint16_t>(std::max(0, gap_ - frames * kFrame));
  since_shift_ = 0;
  if (is_playing_) counters_.shifted_ms += static_cast<std::uint32_t>(frames) * 20;
  return true;
}

void JitterBuffer::copy(std::int32_t ahead, ByteView payload) {
  const auto end = play_ + (ahead + static_cast<std::int32_t>(payload.size()));
  if (end - end_ > 0) end_ = end;
  while (!payload.empty()) {
    const auto slot = static_cast<std::size_t>(head_ + ahead / kFrame) % kSlots;
    const auto offset = static_cast<std::size_t>(ahead % kFrame);
    const auto count = std::min<std::size_t>(payload.size(), kFrame - offset);
    std::memcpy(ring_.data() + slot * kFrame + offset, payload.data(), count);
    filled_[slot] = static_cast<std::uint8_t>(std::min<std::size_t>(filled_[slot] + count, kFrame));
    payload = payload.subspan(count);
    ahead += static_cast<std::int32_t>(count);
  }
}

// ---- out ----

Frame JitterBuffer::pop(TimePoint now) {
  if (lent_ != kSlots) clear(lent_);
  lent_ = kSlots;
  if (!is_started_) return {.kind = Frame::Kind::kSilence, .codec = codec_, .payload = {}};
  auto behind = lag(now);
  if (!is_playing_) {
    if (behind < 0) return {.kind = Frame::Kind::kSilence, .codec = codec_, .payload = {}};
    is_playing_ = true;
  }
  count_up<std::uint8_t>(since_shift_, 255);
  if (behind >= kShrinkAt) shrink(behind);
  if (stretches(behind)) {
    since_shift_ = 0;
    counters_.shifted_ms += 20;
    return missing();
  }
  const auto slot = head_;
  const bool is_audio = filled_[slot] >= kFrame / 2;
  if (!is_audio && filled_[slot] != 0) clear(slot);
  step(1);
  if (!is_audio) {
    gap_ = static_cast<std::uint16_t>(std::min<std::int32_t>(gap_ + kFrame, kRing));
    return missing();
  }
  gap_ = 0;
  misses_ = 0;
  lent_ = slot;
  return {.kind = Frame::Kind::kAudio,
          .codec = codec_,
          .payload = ByteView(ring_).subspan(static_cast<std::size_t>(slot) * kFrame, kFrame)};
}

Frames JitterBuffer::waiting() const { return {is_started_ ? std::max(0, end_ - play_) : 0}; }

/// How far playing is behind where it should be; on a steady line 0–159, by the phase of the beat.
std::int32_t JitterBuffer::lag(TimePoint now) const {
  return distance(ticks_of(now) - base_ - static_cast<std::uint32_t>(delay_), play_.ticks);
}

/// Leaves out audio that waits too long: what is missing or quiet first, any when it is much or has waited long.
void JitterBuffer::shrink(std::int32_t& lag) {
  if (lag >= kRing) {  // beats were missed: nothing in the ring has a time to come
    const auto frames = lag / kFrame;
    skip(frames);
    lag -= frames * kFrame;
    return;
  }
  while (lag >= kShrinkAt) {
    const bool is_free = filled_[head_] == 0 || lag >= kShrinkHard;
    const bool is_time = since_shift_ >= kShiftPatience || (since_shift_ >= kShiftGap && is_soft(head_));
    if (!is_free && !is_time) return;
    skip(1);
    since_shift_ = 0;
    counters_.shifted_ms += 20;
    lag -= kFrame;
  }
}

/// Whether this beat holds still so that the delay grows.
bool JitterBuffer::stretches(std::int32_t lag) const {
  if (is_fixed_ || lag > kStretchAt) return false;
  return filled_[head_] == 0 || since_shift_ >= 2 * kShiftGap || (since_shift_ >= kShiftGap && is_soft(head_));
}

Frame JitterBuffer::missing() {
  count_up<std::uint8_t>(misses_, 255);
  const bool is_silence = is_quiet_ || misses_ > kConcealMax;
  if (!is_silence) ++counters_.concealed;
  return {.kind = is_silence ? Frame::Kind::kSilence : Frame::Kind::kConceal, .codec = codec_, .payload = {}};
}

/// Passes over frames unheard; what they held is gone.
void JitterBuffer::skip(std::int32_t frames) {
  for (std::int32_t i = 0; i < std::min<std::int32_t>(frames, kSlots); ++i) {
    const auto slot = static_cast<std::uint8_t>((head_ + i) % kSlots);
    if (filled_[slot] != 0) clear(slot);
  }
  step(frames);
  gap_ = 0;
}

void JitterBuffer::step(std::int32_t frames) {
  head_ = static_cast<std::uint8_t>((head_ + frames % kSlots + kSlots) % kSlots);
  play_ = play_ + frames * kFrame;
}

void JitterBuffer::clear(std::uint8_t slot) {
  filled_[slot] = 0;
  std::memset(ring_.data() + static_cast<std::size_t>(slot) * kFrame, std::to_integer<int>(silence()), kFrame);
}

/// Below about -30 dBm0 throughout: the two or three lowest segments of the G.711 curve.
bool JitterBuffer::is_soft(std::uint8_t slot) const {
  const auto quiet_bits = codec_ == Codec::kPcmu ? 0xFF : 0x55;
  const auto* bytes = ring_.data() + static_cast<std::size_t>(slot) * kFrame;
  int loud = 0;
  for (int i = 0; i < kFrame; ++i) loud += ((std::to_integer<int>(bytes[i]) ^ quiet_bits) & 0x7F) >= 0x30;
  return loud <= kFrame / 16;
}

}  // namespace carillon::rtp
