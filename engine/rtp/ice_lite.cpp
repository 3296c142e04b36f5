#include "engine/rtp/ice_lite.h"

#include <algorithm>

namespace carillon::rtp {

IceCredentials IceCredentials::from(std::span<const std::byte, kRandomBytes> random) {
  // ice-char (RFC 8839 §5.4) has 64 letters: six bits each, three bytes give four.
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<char, 32> text;
  ByteReader in(random);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::uint32_t bits = in.u24();
    for (std::size_t j = 0; j < 4; ++j) text[i + j] = kLetters[bits >> (18 - 6 * j) & 63];
  }
  const std::string_view letters(text.data(), text.size());
  return {.ufrag = FixedText<8>(letters.substr(0, 8)), .password = FixedText<24>(letters.substr(8))};
}

IceLite::IceLite(const IceCredentials& local, std::string_view remote_ufrag)
    : current_{local.ufrag, StunKey(local.password)}, remote_ufrag_(remote_ufrag) {}

void IceLite::restart(const IceCredentials& local, std::string_view remote_ufrag) {
  previous_ = current_;
  has_previous_ = !is_lost_;
  current_ = {local.ufrag, StunKey(local.password)};
  remote_ufrag_.assign(remote_ufrag);
  is_lost_ = false;
}

// "ours:theirs" (RFC 8445 §7.2.2), each without a colon.
const IceLite::Session* IceLite::session_of(std::string_view username) const {
  const auto colon = username.find(':');
  if (colon == username.npos) return nullptr;
  const auto ours = username.substr(0, colon), theirs = username.substr(colon + 1);
  if (ours == current_.ufrag.view() && (remote_ufrag_.empty() || theirs == remote_ufrag_.view())) return &current_;
  if (has_previous_ && ours == previous_.ufrag.view()) return &previous_;
  return nullptr;
}

bool IceLite::may_refuse(TimePoint now) {
  if (refusals_ == 0 || now - refusals_since_ >= 1s) {
    refusals_since_ = now;
    refusals_ = 0;
  }
  return refusals_ < kRefusalsPerSecond && ++refusals_ != 0;
}

// An answer of error is signed where the asker knows the password, and bounded where he does not (RFC 8489 §9.1.4).
IceLite::Outcome IceLite::refuse(const StunMessage& request, int code, const StunKey* key, TimePoint now,
                                 ByteSpan reply) {
  if (!key && !may_refuse(now)) return {.verdict = Verdict::kSilent, .error = code};
  StunWriter writer(reply, StunClass::kError, request.transaction);
  writer.error(code);
  if (code == 420) writer.unknown_attributes(std::span(request.unknown).first(request.unknown_count));
  if (key) writer.sign(*key);
  return {.verdict = Verdict::kRefused, .error = code, .reply = writer.fingerprint().finish()};
}

IceLite::Outcome IceLite::on_datagram(ByteView wire, const Endpoint& from, TimePoint now, ByteSpan reply) {
  const auto request = parse_stun(wire);
  if (!request) return {.verdict = Verdict::kMalformed};
  if (request->kind != StunClass::kRequest || request->method != kStunBinding) return {.verdict = Verdict::kNoRequest};
  if (is_lost_) return {.verdict = Verdict::kSilent};
  if (request->username.empty() || request->integrity_at == 0) return refuse(*request, 400, nullptr, now, reply);
  const Session* session = session_of(request->username);
  if (!session || !is_authentic(*request, session->key)) return refuse(*request, 401, nullptr, now, reply);
  if (request->unknown_count != 0) return refuse(*request, 420, &session->key, now, reply);
  // A lite agent is always the controlled one (RFC 8445 §6.1.1): a peer that thinks it is so too has to switch.
  if (request->ice_controlled) return refuse(*request, 487, &session->key, now, reply);

  StunWriter writer(reply, StunClass::kSuccess, request->transaction);
  Outcome outcome{.verdict = Verdict::kAnswered,
                  .reply = writer.xor_mapped_address(from).sign(session->key).fingerprint().finish()};
  outcome.event = note(*request, from, now, session == &current_);
  return outcome;
}

IceLite::Source& IceLite::source_of(const Endpoint& from, bool& is_new) {
  const auto known = std::span(sources_).first(count_);
  const auto found = std::ranges::find(known, from, &Source::endpoint);
  is_new = found == known.end();
  if (!is_new) return *found;
  Source* place = nullptr;
  if (count_ < kSourcesMax) {
    place = &sources_[count_++];
  } else {
    for (std::size_t i = 0; i < sources_.size(); ++i)
      if (i != selected_ && (!place || sources_[i].checked < place->checked)) place = &sources_[i];
  }
  *place = {.endpoint = from};
  return *place;
}

IceLite::Event IceLite::note(const StunMessage& request, const Endpoint& from, TimePoint now, bool is_current) {
  bool is_new = false;
  Source& source = source_of(from, is_new);
  is_new |= now - source.checked >= kConsent;  // forgotten meanwhile
  source.checked = now;
  source.priority = request.priority.value_or(0);
  const auto at = static_cast<std::uint8_t>(&source - sources_.data());
  const Event otherwise = is_new ? Event::kValid : Event::kNone;
  if (!request.use_candidate || (!is_current && selected_ != kNobody)) return otherwise;
  source.nominated = now;
  if (is_current && has_previous_) {
    has_previous_ = false;  // the restart is through: whoever was chosen before has no say any more
    previous_ = {};
  } else if (selected_ != kNobody && selected_ != at) {
    const Source& other = sources_[selected_];
    if (now - other.nominated < kNominationSettles && other.priority > source.priority) return otherwise;
  }
  if (selected_ == at) return otherwise;
  selected_ = at;
  return Event::kSelected;
}

bool IceLite::is_valid(const Endpoint& from, TimePoint now) const {
  const auto counts = [&](const Source& source) { return source.endpoint == from && now - source.checked < kConsent; };
  if (selected_ != kNobody && counts(sources_[selected_])) return true;
  return std::ranges::any_of(std::span(sources_).first(count_), counts);
}

std::optional<Endpoint> IceLite::selected() const {
  if (selected_ == kNobody) return std::nullopt;
  return sources_[selected_].endpoint;
}

TimePoint IceLite::deadline() const {
  return selected_ == kNobody ? TimePoint::max() : sources_[selected_].checked + kConsent;
}

IceLite::Event IceLite::on_deadline(TimePoint now) {
  if (now < deadline()) return Event::kNone;
  count_ = 0;
  selected_ = kNobody;
  is_lost_ = true;
  return Event::kConsentLost;
}

}  // namespace carillon::rtp
