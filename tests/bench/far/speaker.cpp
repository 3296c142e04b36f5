#include "tests/bench/far/speaker.h"

#include <rte_prefetch.h>

#include <algorithm>
#include <cmath>

namespace carillon::bench {
namespace {

constexpr std::size_t kRtpHead = 12;

}  // namespace

Speaker::Speaker(const Sound& sound, std::uint32_t channels, double share, const TscRate& rate)
    : sound_(sound),
      per_thousand_(static_cast<std::uint32_t>(std::lround(1000 * share))),
      slot_(rate.cycles(20'000.0 / kSlots)),
      mouths_(per_thousand_ ? channels : 0),
      slots_(kSlots) {
  for (auto& slot : slots_) slot.reserve(mouths_.size() / kSlots + 1);
}

void Speaker::open(std::uint32_t channel, const Route& route) {
  if (channel % 1000 >= per_thousand_) return;
  close(channel);
  Mouth& mouth = mouths_[channel];
  write_head(mouth.head, route, kRtpHead + Sound::kFrame);
  std::uint8_t* rtp = mouth.head + kUdpHead;
  rtp[0] = 0x80;  // version 2; payload type 0: PCMU
  rtp[1] = 0;
  write16(rtp + 2, 0);
  write32(rtp + 4, 0);
  write32(rtp + 8, 0x5100'0000 + channel);
  mouth.sum = head_sum(mouth.head) + word_sum(rtp, kRtpHead);
  mouth.frame = channel * 37 % sound_.frames();
  mouth.sequence = static_cast<std::uint16_t>(channel);
  mouth.timestamp = channel * 7919;
  auto& slot = slots_[channel % kSlots];
  mouth.at = static_cast<std::uint32_t>(slot.size());
  slot.push_back(channel);
  ++spoken_to_;
}

void Speaker::close(std::uint32_t channel) {
  if (channel % 1000 >= per_thousand_ || mouths_[channel].at == Mouth::kNotOpen) return;
  auto& slot = slots_[channel % kSlots];
  mouths_[slot.back()].at = mouths_[channel].at;
  slot[mouths_[channel].at] = slot.back();
  slot.pop_back();
  mouths_[channel].at = Mouth::kNotOpen;
  --spoken_to_;
}

void Speaker::run_due(DpdkPort& port, Tsc now) {
  if (per_thousand_ == 0) return;
  if (due_ == 0) due_ = now;
  if (now < due_) return;
  counts_.late_longest = std::max(counts_.late_longest, now - due_);
  while (now - due_ > kSlots * slot_) {
    due_ += slot_;
    hand_ = (hand_ + 1) % kSlots;
    ++counts_.slots_skipped;
  }
  for (int i = 0; i < kSlotsPerTurn && now >= due_; ++i) {
    const auto& slot = slots_[hand_];
    for (std::size_t at = 0; at < slot.size(); ++at) {
      if (at + 3 < slot.size()) {
        rte_prefetch0(&mouths_[slot[at + 3]]);
        rte_prefetch0(reinterpret_cast<const std::uint8_t*>(&mouths_[slot[at + 3]]) + 64);
      }
      say(port, mouths_[slot[at]]);
    }
    due_ += slot_;
    hand_ = (hand_ + 1) % kSlots;
  }
}

void Speaker::say(DpdkPort& port, Mouth& mouth) {
  rte_mbuf* frame = port.make(kHead + Sound::kFrame);
  ++mouth.sequence;  // what could not be sent is missing in the sequence, as on any network
  mouth.timestamp += Sound::kFrame;
  mouth.frame = sound_.next(mouth.frame);
  if (!frame) return;
  auto* at = rte_pktmbuf_mtod(frame, std::uint8_t*);
  std::memcpy(at, mouth.head, kHead);
  std::uint8_t* rtp = at + kUdpHead;
  write16(rtp + 2, mouth.sequence);
  write32(rtp + 4, mouth.timestamp);
  std::memcpy(rtp + kRtpHead, sound_.frame(mouth.frame).data(), Sound::kFrame);
  std::uint16_t sequence;
  std::memcpy(&sequence, rtp + 2, 2);  // in memory order, as sums are
  seal(at, mouth.sum + (static_cast<std::uint32_t>(sequence) << 16) + word_sum(rtp + 4, 4) + sound_.sum(mouth.frame));
  port.send(frame);
  ++counts_.packets;
}

}  // namespace carillon::bench
