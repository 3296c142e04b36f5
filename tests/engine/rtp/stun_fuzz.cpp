// Whatever comes in: what is read lies inside it, reads the same when written anew, and an agent answers only with
// messages that can be read, and never believes who does not know the password.

#include "engine/rtp/stun.h"

#include <array>

#include "engine/base/check.h"
#include "engine/rtp/demux.h"
#include "engine/rtp/ice_lite.h"

using namespace carillon;

namespace {

constexpr std::array<std::byte, rtp::IceCredentials::kRandomBytes> kZeros{};

void write_anew(const rtp::StunMessage& message) {
  std::array<std::byte, 2 * rtp::kStunSizeMax> out;
  rtp::StunWriter writer(out, message.kind, message.transaction, message.method);
  const rtp::StunKey key("password");
  writer.username(message.username);
  if (message.priority) writer.priority(*message.priority);
  if (message.mapped) writer.xor_mapped_address(*message.mapped);
  if (message.ice_controlled) writer.ice_controlled(*message.ice_controlled);
  if (message.ice_controlling) writer.ice_controlling(*message.ice_controlling);
  if (message.use_candidate) writer.use_candidate();
  if (message.error_code != 0) writer.error(message.error_code);
  for (const auto type : std::span(message.unknown).first(message.unknown_count)) writer.attribute(type, {});
  const auto again = rtp::parse_stun(writer.sign(key).fingerprint().finish());
  CHECK(again);
  CHECK(again->kind == message.kind && again->method == message.method);
  CHECK(again->transaction == message.transaction);
  CHECK(again->username == message.username);
  CHECK(again->priority == message.priority && again->mapped == message.mapped);
  CHECK(again->ice_controlled == message.ice_controlled && again->ice_controlling == message.ice_controlling);
  CHECK(again->use_candidate == message.use_candidate && again->error_code == message.error_code);
  CHECK(again->unknown_count == message.unknown_count && again->unknown == message.unknown);
  CHECK(again->has_fingerprint && rtp::is_authentic(*again, key));
}

void ask_agent(ByteView wire) {
  const auto credentials = rtp::IceCredentials::from(kZeros);
  rtp::IceLite agent(credentials);
  std::array<std::byte, rtp::IceLite::kReplyMax> reply;
  const auto from = Endpoint::v4(192, 0, 2, 1, 9);
  const auto outcome = agent.on_datagram(wire, from, TimePoint{1s}, reply);
  const bool is_answered = outcome.verdict == rtp::IceLite::Verdict::kAnswered;
  CHECK(agent.is_valid(from, TimePoint{1s}) == is_answered);
  if (is_answered) {  // the corpus has such a check; others are as likely as forged SHA-1
    const auto request = rtp::parse_stun(wire);
    CHECK(request && rtp::is_authentic(*request, rtp::StunKey(credentials.password)));
  }
  if (outcome.reply.empty()) return;
  const auto answer = rtp::parse_stun(outcome.reply);
  CHECK(answer && answer->has_fingerprint);
  CHECK(answer->kind == (is_answered ? rtp::StunClass::kSuccess : rtp::StunClass::kError));
  CHECK(answer->error_code == outcome.error);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView wire = std::as_bytes(std::span(data, size));
  (void)rtp::traffic_of(wire);
  ask_agent(wire);
  const auto message = rtp::parse_stun(wire);
  if (!message) return 0;
  // methods above 0xFF start as other protocols do (RFC 7983 §7): none exists
  CHECK((rtp::traffic_of(wire) == rtp::Traffic::kStun) == (message->method <= 0xFF));
  CHECK(message->integrity_at == 0 || message->integrity_at + 24 <= wire.size());
  if (!message->username.empty()) {
    CHECK(message->username.data() >= text_of(wire).data());
    CHECK(message->username.data() + message->username.size() <= text_of(wire).data() + wire.size());
  }
  write_anew(*message);
  return 0;
}
