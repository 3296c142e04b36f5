#include "engine/self_test/far_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "engine/base/random.h"

namespace carillon::self_test {
namespace {

constexpr io::SocketId kSip{0};  // the shard opens it first

Endpoint far(std::uint16_t port) { return Endpoint::v4(10, 0, 0, 2, port); }

/// G.711 µ-law noise in syllables of 100 ms, so that a detector goes on listening.
std::vector<std::byte> babble(std::size_t size) {
  std::vector<std::byte> bytes(size);
  Random random(7);
  for (std::size_t i = 0; i < size; ++i) {
    const bool is_loud = i / 800 % 3 != 0;
    const auto sign = random.below(2) == 0 ? 0x80u : 0u;
    bytes[i] = static_cast<std::byte>(sign | (is_loud ? 0x20u : 0x60u) | random.below(32));
  }
  return bytes;
}

/// The header line that begins so, without its end; empty when there is none.
std::string_view line(std::string_view message, std::string_view name) {
  const std::size_t at = message.find(name);
  if (at == std::string_view::npos) return {};
  return message.substr(at, message.find("\r\n", at) - at);
}

std::string answer_sdp(std::uint16_t port) {
  return fmt::format(
      "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio {} RTP/AVP 0 "
      "101\r\na=rtpmap:101 telephone-event/8000\r\n",
      port);
}

}  // namespace

FarSide::FarSide() : voice_(babble(kVoiceFrames * kPayload)) {}

Result<io::SocketId, io::IoError> FarSide::open(const Endpoint& local, bool) {
  locals_.push_back(local);
  return io::SocketId{static_cast<std::uint32_t>(locals_.size() - 1)};
}

std::span<const io::Received> FarSide::receive(int most) {
  received_.clear();
  if (!replies_.empty()) {
    handed_.swap(replies_);
    replies_.clear();
    for (const std::string& reply : handed_) received_.push_back({bytes_of(reply), far(5060), kSip, now});
    return received_;
  }
  const std::size_t count = std::min({due_, static_cast<std::size_t>(most), speech_.size()});
  for (std::size_t i = 0; i < count; ++i) speak();
  due_ -= count;
  counters_.packets_in += count;
  return received_;
}

void FarSide::transmit(std::span<const io::Outgoing> batch) {
  for (const io::Outgoing& out : batch) {
    if (out.socket == kSip) {
      answer(text_of(out.head));
      continue;
    }
    std::byte* const to = wire_.data() + sent_++ % kSent * 256;
    std::memcpy(to, out.head.data(), out.head.size());
    if (!out.body.empty()) std::memcpy(to + out.head.size(), out.body.data(), out.body.size());
    ++counters_.packets_out;
  }
}

void FarSide::speak() {
  const std::size_t index = next_speaker_++ % speakers_.size();
  Speaker& speaker = speakers_[index];
  auto& packet = speech_[received_.size()];
  ByteWriter head(packet);
  head.u8(0x80);  // RTP, version 2
  head.u8(0);     // PCMU
  head.u16(static_cast<std::uint16_t>(speaker.beat));
  head.u32(speaker.beat * kPayload);
  head.u32(static_cast<std::uint32_t>(index));
  std::memcpy(packet.data() + 12, voice_.data() + (speaker.beat + index) % kVoiceFrames * kPayload, kPayload);
  ++speaker.beat;
  received_.push_back({packet, far(speaker.port), speaker.socket, now});
}

io::SocketId FarSide::socket_of(std::uint16_t port) const {
  const auto found = std::ranges::find(locals_, port, &Endpoint::port);
  return {static_cast<std::uint32_t>(found - locals_.begin())};
}

void FarSide::answer(std::string_view message) {
  const bool is_invite = message.starts_with("INVITE");
  if (!is_invite && !message.starts_with("BYE")) return;
  std::string body;
  if (is_invite) {
    const std::string_view media = line(message, "m=audio ");
    std::uint16_t ours = 0;
    std::from_chars(media.data() + 8, media.data() + media.size(), ours);
    const auto port = static_cast<std::uint16_t>(10'000 + 2 * speakers_.size());
    speakers_.push_back({socket_of(ours), port});
    body = answer_sdp(port);
  }
  replies_.push_back(fmt::format(
      "SIP/2.0 200 OK\r\n{}\r\n{}\r\n{};tag=far\r\n{}\r\n{}\r\nContact: <sip:far@10.0.0.2>\r\n{}Content-Length: "
      "{}\r\n\r\n{}",
      line(message, "Via:"), line(message, "From:"), line(message, "To:"), line(message, "Call-ID:"),
      line(message, "CSeq:"), is_invite ? "Content-Type: application/sdp\r\n" : "", body.size(), body));
}

}  // namespace carillon::self_test
