#include "tests/bench/far/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace carillon::bench {
namespace {

constexpr std::size_t kHead = 12;

}  // namespace

Judge::Judge(std::uint32_t channels, const Sound* expected, const TscRate& rate)
    : expected_(expected),
      rate_(rate),
      beat_(rate.cycles(20'000)),
      blurred_(rate.cycles(kBlurredUs)),
      ears_(channels) {}

void Judge::take(std::uint32_t channel, Bytes rtp, Tsc now, Tsc emptied) {
  Ear& ear = ears_[channel];
  if (rtp.size() < kHead || rtp[0] != 0x80) {  // version 2, no padding, extension or CSRC: what our engine writes
    counts_.malformed += measuring_;
    return;
  }
  const std::uint16_t sequence = read16(rtp.data() + 2);
  const std::uint32_t timestamp = read32(rtp.data() + 4), ssrc = read32(rtp.data() + 8);
  if (ear.second != second_) {
    ear.second = second_;
    ++heard_;
  }
  ++packets_in_second_;
  counts_.packets += measuring_;
  const bool is_blurred = now - emptied > blurred_;
  if (ear.is_heard && ear.ssrc == ssrc) {
    const int step = static_cast<std::int16_t>(sequence - ear.sequence);
    if (step <= 0) {
      counts_.doubled += measuring_ && step == 0;
      counts_.reordered += measuring_ && step < 0;
      return;
    }
    if (measuring_) {
      counts_.lost += static_cast<std::uint64_t>(step - 1);
      counts_.timestamp_wrong += timestamp - ear.timestamp != 160u * static_cast<unsigned>(step);
      counts_.blurred += is_blurred;
      if (step == 1 && !is_blurred && ear.arrival) {
        const Tsc gap = now - ear.arrival;
        deviation_.add(rate_.us(gap > beat_ ? gap - beat_ : beat_ - gap));
      }
    }
    judge_payload(ear, rtp, step);
  } else {
    counts_.source_changed += measuring_ && ear.is_heard;
    ear.frame = Sound::kUnknown;
    judge_payload(ear, rtp, 1);
  }
  ear.is_heard = true;
  ear.ssrc = ssrc;
  ear.sequence = sequence;
  ear.timestamp = timestamp;
  ear.arrival = is_blurred ? 0 : now;
}

/// Where the prompt stands is found from a frame that occurs once in it; from there on each packet must carry the next.
void Judge::judge_payload(Ear& ear, Bytes rtp, int step) {
  if (!expected_) return;
  if (rtp.size() != kHead + Sound::kFrame || (rtp[1] & 0x7F) != 0) {
    counts_.payload_wrong += measuring_;
    return;
  }
  const std::uint8_t* bytes = rtp.data() + kHead;
  if (ear.frame == Sound::kUnknown) {
    ear.frame = expected_->find(bytes);
  } else {
    ear.frame = static_cast<std::uint32_t>((ear.frame + static_cast<unsigned>(step - 1)) % expected_->frames());
    const bool is_right = std::memcmp(expected_->frame(ear.frame).data(), bytes, Sound::kFrame) == 0;
    counts_.payload_right += measuring_ && is_right;
    counts_.payload_wrong += measuring_ && !is_right;
    if (!is_right) ear.frame = expected_->find(bytes);
  }
  if (ear.frame != Sound::kUnknown) ear.frame = expected_->next(ear.frame);
}

void Judge::start(Tsc now) {
  counts_ = {};
  deviation_.clear();
  measuring_ = true;
  started_ = now;
  seconds_whole_ = 0;
  heard_min_ = 0xFFFF'FFFF;
  packets_min_ = ~std::uint64_t{0};
  heard_ = 0;
  packets_in_second_ = 0;
  ++second_;
  second_end_ = now + rate_.cycles(1e6);
}

void Judge::stop(Tsc now) {
  if (!measuring_) return;
  measuring_ = false;
  stopped_ = now;
}

void Judge::next_second(Tsc now) {
  heard_last_ = heard_;
  if (measuring_) {
    ++seconds_whole_;
    heard_min_ = std::min(heard_min_, heard_);
    packets_min_ = std::min(packets_min_, packets_in_second_);
  }
  heard_ = 0;
  packets_in_second_ = 0;
  ++second_;
  second_end_ = now + rate_.cycles(1e6);
}

std::string Judge::json() const {
  const double seconds = started_ && stopped_ > started_ ? rate_.us(stopped_ - started_) / 1e6 : 0;
  return fmt::format(
      "\"seconds\":{:.3f},\"packets\":{},\"packets_per_second\":{:.1f},\"packets_per_second_min\":{},\"heard_min\":{},"
      "\"heard_last\":{},\"lost\":{},\"doubled\":{},\"reordered\":{},\"malformed\":{},\"source_changed\":{},"
      "\"timestamp_wrong\":{},\"payload_right\":{},\"payload_wrong\":{},\"deviations\":{},\"blurred\":{},{}",
      seconds, counts_.packets, seconds > 0 ? static_cast<double>(counts_.packets) / seconds : 0,
      seconds_whole_ ? packets_min_ : 0, seconds_whole_ ? heard_min_ : 0, heard_last_, counts_.lost, counts_.doubled,
      counts_.reordered, counts_.malformed, counts_.source_changed, counts_.timestamp_wrong, counts_.payload_right,
      counts_.payload_wrong, deviation_.count(), counts_.blurred, deviation_.json("deviation"));
}

}  // namespace carillon::bench
