#pragma once
// A peer written by hand, line by line: it says what our own SIP would never say.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/rtp/packet.h"
#include "media/codec/g711.h"
#include "media/tone/generator.h"
#include "tests/engine/shard/world.h"

namespace carillon::shard {

inline std::string header(const std::string& message, const std::string& name) {
  const auto at = message.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const auto from = at + name.size() + 4;
  return message.substr(from, message.find("\r\n", from) - from);
}

/// A phone at 10.0.0.3 that speaks SIP as told. It is trunk "p" of engine a.
class Peer {
 public:
  explicit Peer(World& world) : world_(world), port_(world.network.make_port()) {
    sip_ = *port_->open(Endpoint::v4(10, 0, 0, 3, 5060), false);
    rtp_ = *port_->open(Endpoint::v4(10, 0, 0, 3, 7000), false);
    world.a.trunk("p", {Endpoint::v4(10, 0, 0, 3, 5060)}, [](call::Trunk& trunk) { trunk.follow_redirects = true; });
    world.also = [this](TimePoint) { return turn(); };
    world.run(5ms);
  }
  void send(const std::string& message) {
    const io::Outgoing out{sip_, world_.a.address(), bytes_of(message), {}};
    port_->transmit({&out, 1});
  }
  /// Answers the request with this status; extra lines end in CRLF.
  void reply(const std::string& request, const std::string& status, const std::string& extra = {},
             const std::string& body = {}) {
    send("SIP/2.0 " + status + "\r\nVia: " + header(request, "Via") + "\r\nFrom: " + header(request, "From") +
         "\r\nTo: " + header(request, "To") + ";tag=peer\r\nCall-ID: " + header(request, "Call-ID") +
         "\r\nCSeq: " + header(request, "CSeq") + "\r\n" + extra + "Contact: <sip:peer@10.0.0.3:5060>\r\n" +
         (body.empty() ? "" : "Content-Type: application/sdp\r\n") + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body);
  }
  /// A request within the dialog of this INVITE that we answered.
  std::string request(const std::string& invite, const std::string& method, int cseq, const std::string& extra,
                      const std::string& body) {
    return method + " sip:engine@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.3:5060;branch=z9hG4bK" + method +
           std::to_string(cseq) + "\r\nFrom: " + header(invite, "To") + ";tag=peer\r\nTo: " + header(invite, "From") +
           "\r\nCall-ID: " + header(invite, "Call-ID") + "\r\nCSeq: " + std::to_string(cseq) + " " + method +
           "\r\nMax-Forwards: 70\r\nContact: <sip:peer@10.0.0.3:5060>\r\n" + extra +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static std::string sdp(const std::string& formats = "0", const std::string& attributes = {}, int port = 7000) {
    return "v=0\r\no=- 1 1 IN IP4 10.0.0.3\r\ns=-\r\nc=IN IP4 10.0.0.3\r\nt=0 0\r\nm=audio " + std::to_string(port) +
           " RTP/AVP " + formats + "\r\n" + attributes;
  }
  /// Speaks 20 ms frames to the engine's RTP port from now on, from this port of its own.
  void speak(std::uint16_t port, media::ToneGenerator sound, std::uint16_t own = 7000) {
    if (own != port_->local(rtp_).port) rtp_ = *port_->open(Endpoint::v4(10, 0, 0, 3, own), false);
    to_ = Endpoint::v4(10, 0, 0, 1, port);
    sound_ = sound;
    next_ = world_.now;
  }
  bool has(const std::string& start) const {
    return std::ranges::any_of(heard, [&](const std::string& message) { return message.starts_with(start); });
  }
  std::function<void(const std::string&)> on_message;
  std::vector<std::string> heard;
  Endpoint source, rtp_source;  ///< of the last message, of the last RTP packet
  int rtp_packets = 0;

 private:
  TimePoint turn() {
    for (const auto& packet : port_->receive(64)) {
      if (packet.socket == rtp_) {
        ++rtp_packets;
        rtp_source = packet.peer;
        continue;
      }
      source = packet.peer;
      heard.emplace_back(text_of(packet.data));
      if (on_message) on_message(std::string(heard.back()));
    }
    if (!sound_) return TimePoint::max();
    for (; next_ <= world_.now; next_ += 20ms) {
      std::array<std::int16_t, kFrameSamples> samples;
      sound_->fill(samples);
      std::array<std::byte, rtp::kHeaderSize + kFrameSamples> packet;
      ++sequence_;
      rtp::write_header(std::span(packet).first<rtp::kHeaderSize>(),
                        {false, 0, sequence_, {sequence_ * 160u}, 0x1234, {}});
      media::encode(media::Codec::kPcmu, samples, std::span(packet).subspan(rtp::kHeaderSize));
      const io::Outgoing out{rtp_, to_, packet, {}};
      port_->transmit({&out, 1});
    }
    return next_;
  }

  World& world_;
  std::unique_ptr<io::Port> port_;
  io::SocketId sip_, rtp_;
  Endpoint to_;
  std::optional<media::ToneGenerator> sound_;
  TimePoint next_{};
  std::uint16_t sequence_ = 0;
};

inline std::uint16_t media_port(const std::string& message) {
  const auto at = message.find("m=audio ");
  return at == std::string::npos ? std::uint16_t{0} : static_cast<std::uint16_t>(std::stoi(message.substr(at + 8)));
}

}  // namespace carillon::shard
