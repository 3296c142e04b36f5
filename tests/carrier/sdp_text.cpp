// SDP half of sip_text.h.

#include <fmt/format.h>

#include <charconv>

#include "tests/carrier/sip_text.h"

namespace carillon::carrier {
namespace {

std::string_view take(std::string_view& rest, char until) {
  const auto end = rest.find(until);
  const auto part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

int number(std::string_view text, int otherwise) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : otherwise;
}

// "IN IP4 127.0.0.1"
std::string_view address_in(std::string_view value) {
  take(value, ' ');
  take(value, ' ');
  return trimmed(take(value, '/'));
}

void read_attribute(std::string_view value, Media& media) {
  using Direction = Media::Direction;
  if (value == "sendrecv") media.direction = Direction::kSendRecv;
  if (value == "sendonly") media.direction = Direction::kSendOnly;
  if (value == "recvonly") media.direction = Direction::kRecvOnly;
  if (value == "inactive") media.direction = Direction::kInactive;
  if (value.starts_with("rtpmap:")) {
    value.remove_prefix(7);
    const int type = number(take(value, ' '), -1);
    if (type >= 0 && type < 128 && same_text(trimmed(value), "telephone-event/8000")) media.event_type = type;
  }
}

}  // namespace

std::optional<Media> parse_sdp(std::string_view body) {
  Media media;
  std::string_view session_address, media_address;
  int port = -1;
  bool in_audio = false, done = false;
  while (!body.empty() && !done) {
    const auto line = trimmed(take(body, '\n'));
    if (line.size() < 2 || line[1] != '=') continue;
    auto value = line.substr(2);
    switch (line[0]) {
      case 'c':
        (port < 0 ? session_address : media_address) = address_in(value);
        break;
      case 'm':
        if (in_audio) {
          done = true;  // only the first audio line is ours
          break;
        }
        if (take(value, ' ') != "audio") break;
        in_audio = true;
        port = number(take(value, ' '), -1);
        take(value, ' ');  // RTP/AVP
        while (!value.empty())
          if (const int type = number(trimmed(take(value, ' ')), -1); type >= 0 && type < 128)
            media.payload_types.push_back(type);
        break;
      case 'a':
        if (in_audio || port < 0) read_attribute(value, media);
        break;
      default:
        break;
    }
  }
  if (port <= 0 || port > 0xFFFF || media.payload_types.empty()) return std::nullopt;
  const auto address =
      Endpoint::parse(media_address.empty() ? session_address : media_address, static_cast<std::uint16_t>(port));
  if (!address) return std::nullopt;
  media.rtp = *address;
  return media;
}

std::string write_sdp(const Media& media, std::uint64_t session, std::uint32_t version) {
  static constexpr std::string_view kDirections[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
  const std::string family = media.rtp.is_v6 ? "IP6" : "IP4";
  const std::string address = media.rtp.address_text();
  std::string types, maps;
  for (const int type : media.payload_types) {
    types += fmt::format(" {}", type);
    if (type == 0) maps += "a=rtpmap:0 PCMU/8000\r\n";
    if (type == 8) maps += "a=rtpmap:8 PCMA/8000\r\n";
    if (type == media.event_type) maps += fmt::format("a=rtpmap:{0} telephone-event/8000\r\na=fmtp:{0} 0-15\r\n", type);
  }
  return fmt::format(
      "v=0\r\no=carrier {} {} IN {} {}\r\ns=-\r\nc=IN {} {}\r\nt=0 0\r\nm=audio {} "
      "RTP/AVP{}\r\n{}a=ptime:20\r\na={}\r\n",
      session, version, family, address, family, address, media.rtp.port, types, maps,
      kDirections[static_cast<int>(media.direction)]);
}

}  // namespace carillon::carrier
