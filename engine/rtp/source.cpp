#include "engine/rtp/source.h"

namespace carillon::rtp {

void Source::configure(const Endpoint& sdp, bool behind_nat, TimePoint now) {
  changes_until_ = has_source() ? now + kSilence : now;
  if (sdp == sdp_ && behind_nat == behind_nat_) return;
  behind_nat_ = behind_nat;
  sdp_ = sdp;
  if (sdp.is_unspecified()) return;  // old-style hold names nobody: whoever was locked stays
  changes_until_ = now;
  state_ = State::kWaiting;
  is_learned_ = false;
}

Source::Verdict Source::judge(const Endpoint& from, std::uint32_t ssrc, TimePoint now) {
  if (state_ == State::kWaiting) return may_start(from) ? take(from, ssrc, now) : Verdict::kForeign;
  if (state_ == State::kLearning && (now - first_ > kLearnTime || packets_ >= kLearnPackets)) state_ = State::kLocked;
  if (from == source_ && ssrc == ssrc_) {
    last_ = now;
    if (packets_ < kLearnPackets) ++packets_;
    return Verdict::kSame;
  }
  if (state_ == State::kLearning) return learn(from, ssrc, now);
  const bool may_change = now < changes_until_ || now - last_ >= kSilence;
  if (!may_change || !from.same_address(source_) || !may_start(from)) return Verdict::kForeign;
  changes_until_ = now;
  take(from, ssrc, now);
  state_ = State::kLocked;
  return Verdict::kChanged;
}

bool Source::takes_rtcp(const Endpoint& from, const Endpoint& sdp_rtcp) const {
  if (from == sdp_rtcp) return true;
  return behind_nat_ && has_source() && from.same_address(source_);
}

int Source::preference(const Endpoint& from) const { return from == sdp_ ? 2 : from.same_address(sdp_) ? 1 : 0; }

bool Source::may_start(const Endpoint& from) const { return from == sdp_ || (behind_nat_ && !sdp_.is_unspecified()); }

Source::Verdict Source::take(const Endpoint& from, std::uint32_t ssrc, TimePoint now) {
  if (state_ == State::kWaiting) {
    first_ = now;
    packets_ = 0;
  }
  source_ = from;
  ssrc_ = ssrc;
  last_ = now;
  ++packets_;
  is_learned_ = from != sdp_;
  state_ = is_learned_ ? State::kLearning : State::kLocked;  // nothing is better than what SDP names
  return Verdict::kChanged;
}

Source::Verdict Source::learn(const Endpoint& from, std::uint32_t ssrc, TimePoint now) {
  if (from != source_ && preference(from) <= preference(source_)) return Verdict::kForeign;
  return take(from, ssrc, now);
}

}  // namespace carillon::rtp
