#include "engine/sdp/offer_answer.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "engine/sdp/text_writer.h"

namespace carillon::sdp {

namespace {

using std::chrono::milliseconds;

constexpr std::uint8_t static_type(Codec codec) { return codec == Codec::kPcmu ? 0 : 8; }

bool is_same(std::string_view a, std::string_view b) {  // encoding names ignore case (RFC 8866 §6.6)
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

Direction reversed(Direction direction) {
  const int bits = static_cast<int>(direction);
  return static_cast<Direction>((bits & 1) << 1 | bits >> 1);
}

Direction both(Direction a, Direction b) { return static_cast<Direction>(static_cast<int>(a) & static_cast<int>(b)); }

/// What the media section says, else the session, else sendrecv (RFC 8866 §6.7), as its writer sees it.
Direction direction_of(const Session& session, const Media& media) {
  for (const auto part : {session.of(media), session.own()})
    for (const Attribute& attribute : part)
      for (const auto direction :
           {Direction::kInactive, Direction::kSendOnly, Direction::kRecvOnly, Direction::kSendRecv})
        if (attribute.name == name(direction)) return direction;
  return Direction::kSendRecv;
}

/// "PCMU/8000", "PCMU/8000/1": is it `encoding` at 8 kHz with one channel?
bool is_map_of(std::string_view map, std::string_view encoding) {
  if (map.size() < encoding.size() || !is_same(map.substr(0, encoding.size()), encoding)) return false;
  const auto rest = map.substr(encoding.size());
  return rest == "/8000" || rest == "/8000/1";
}

/// The value of an attribute such as rtpmap or fmtp for one payload type.
std::optional<std::string_view> value_for(const Session& session, const Media& media, std::string_view attribute_name,
                                          std::uint8_t type) {
  for (const Attribute& attribute : session.of(media)) {
    if (attribute.name != attribute_name) continue;
    const auto value = numbered(attribute.value);
    if (value && value->number == type) return value->rest;
  }
  return std::nullopt;
}

std::optional<std::uint8_t> type_of(std::string_view format) {
  const auto value = numbered(format);
  if (!value || value->number > 127) return std::nullopt;
  return static_cast<std::uint8_t>(value->number);
}

/// The type by which a media section names a codec, first in its order. Types 0 and 8 need no rtpmap (RFC 3551 §6).
std::uint8_t find_codec(const Session& session, const Media& media, Codec codec) {
  for (const auto format : media.formats) {
    const auto type = type_of(format);
    if (!type) continue;
    const auto map = value_for(session, media, "rtpmap", *type);
    if (map ? is_map_of(*map, name(codec)) : *type == static_type(codec)) return *type;
  }
  return kNoPayloadType;
}

/// Which of the events 0–15 an fmtp such as "0-15" or "0-11,16" takes (RFC 4733 §2.4.1); without one, all.
std::uint16_t events_of(std::optional<std::string_view> list) {
  if (!list || list->empty()) return 0xFFFF;
  std::uint16_t events = 0;
  unsigned value = 0, from = 0;
  bool is_range = false;
  const auto close = [&] {
    for (unsigned event = is_range ? from : value; event <= value && event < 16; ++event)
      events = static_cast<std::uint16_t>(events | 1u << event);
    value = 0;
    is_range = false;
  };
  for (const char c : *list) {
    if (c >= '0' && c <= '9') value = std::min(value * 10 + static_cast<unsigned>(c - '0'), 1000u);
    if (c == '-') {
      from = value;
      value = 0;
      is_range = true;
    }
    if (c == ',') close();
  }
  close();
  return events;
}

struct Events {
  std::uint8_t type = kNoPayloadType;
  bool takes_letters = false;
};

/// telephone-event at the clock of the audio, with the twelve keys at least.
Events find_events(const Session& session, const Media& media) {
  for (const auto format : media.formats) {
    const auto type = type_of(format);
    if (!type) continue;
    const auto map = value_for(session, media, "rtpmap", *type);
    if (!map || !is_map_of(*map, "telephone-event")) continue;
    const auto events = events_of(value_for(session, media, "fmtp", *type));
    if ((events & 0x0FFF) == 0x0FFF) return {*type, events == 0xFFFF};
  }
  return {};
}

std::optional<std::uint16_t> number_of(const Session& session, const Media& media, std::string_view attribute_name) {
  const Attribute* attribute = session.find(media, attribute_name);
  if (!attribute) return std::nullopt;
  auto text = attribute->value;
  const auto value = numbered(text.substr(0, text.find('.')));  // "20.0" exists
  return value ? std::optional(value->number) : std::nullopt;
}

bool is_multicast(const Endpoint& endpoint) {
  return endpoint.is_v6 ? endpoint.address[0] == 0xFF : endpoint.address[0] >= 224;
}

std::optional<Endpoint> endpoint_of(const Connection& connection, std::uint16_t port) {
  if (connection.address_type != "IP4" && connection.address_type != "IP6") return std::nullopt;
  auto endpoint = Endpoint::parse(connection.address, port);
  if (!endpoint || endpoint->is_v6 != (connection.address_type == "IP6") || is_multicast(*endpoint))
    return std::nullopt;
  return endpoint;
}

/// a=rtcp (RFC 3605), else the next port; port 0 where there is none.
Endpoint rtcp_of(const Session& session, const Media& media, const Endpoint& rtp) {
  Endpoint rtcp = rtp;
  rtcp.port = rtp.port == 0xFFFF ? 0 : static_cast<std::uint16_t>(rtp.port + 1);
  for (const Attribute& attribute : session.of(media)) {
    if (attribute.name != "rtcp") continue;
    const auto value = numbered(attribute.value);
    if (!value) break;
    rtcp.port = value->number;
    if (value->rest.starts_with("IN ") && value->rest.size() > 7) {
      const auto found = endpoint_of({value->rest.substr(3, 3), value->rest.substr(7)}, value->number);
      if (found && found->is_v6 == rtp.is_v6) rtcp = *found;
    }
    break;
  }
  return rtcp;
}

void read_ptime(const Session& session, const Media& media, Agreed& agreed) {
  const int wished = number_of(session, media, "ptime").value_or(20);
  const int most = number_of(session, media, "maxptime").value_or(60);
  agreed.ptime = milliseconds(std::clamp(std::min(wished, most), 10, 60));
  agreed.send_time = milliseconds(agreed.ptime < milliseconds(20) ? 10 : 20);
}

/// All that is read in the same way from an offer and from an answer. Codecs are the caller's.
Result<Agreed, Refusal> read_common(const Session& session, const Media& media, const Local& local) {
  const auto remote = endpoint_of(media.connection.is_present() ? media.connection : session.connection, media.port);
  if (!remote || remote->is_v6 != local.rtp.is_v6) return Refusal::kNoAddress;
  Agreed agreed;
  agreed.rtp = *remote;
  agreed.rtcp = rtcp_of(session, media, *remote);
  agreed.direction = both(reversed(direction_of(session, media)), local.direction);
  if (remote->is_unspecified()) {  // hold as before RFC 3264 (§8.4): the peer hears nothing
    agreed.direction = both(agreed.direction, Direction::kRecvOnly);
    agreed.rtcp.port = 0;
  }
  read_ptime(session, media, agreed);
  return agreed;
}

void set_codec(Agreed& agreed, Codec codec, std::uint8_t type) {
  (codec == Codec::kPcmu ? agreed.pcmu_type : agreed.pcma_type) = type;
}

std::span<const Codec> codecs_of(const Local& local) {
  return std::span(local.codecs).first(std::min<std::size_t>(local.codecs_count, local.codecs.size()));
}

bool is_plain(const Media& media) { return media.protocol == "RTP/AVP" || media.protocol == "RTP/AVPF"; }

// ---- writing ----

struct Line {
  Codec codec;
  std::uint8_t type;
};

void write_head(TextWriter& out, const Local& local, const LocalOrigin& origin) {
  char address[INET6_ADDRSTRLEN] = "0.0.0.0";
  inet_ntop(local.rtp.is_v6 ? AF_INET6 : AF_INET, local.rtp.address.data(), address, sizeof address);
  const std::string_view type = local.rtp.is_v6 ? "IP6 " : "IP4 ";
  out.put("v=0\r\no=").put(local.user.empty() ? "-" : local.user.view()).put(" ").put(origin.session_id).put(" ");
  out.put(origin.version).put(" IN ").put(type).put(address).end_line();
  out.put("s=-\r\nc=IN ").put(type).put(address).put("\r\nt=0 0\r\n");
}

void write_audio(TextWriter& out, std::string_view protocol, const Local& local, std::span<const Line> lines,
                 std::uint8_t event_type, Direction direction) {
  out.put("m=audio ").put(local.rtp.port).put(" ").put(protocol);
  for (const Line& line : lines) out.put(" ").put(line.type);
  if (event_type != kNoPayloadType) out.put(" ").put(event_type);
  out.end_line();
  for (const Line& line : lines) out.put("a=rtpmap:").put(line.type).put(" ").put(name(line.codec)).put("/8000\r\n");
  if (event_type != kNoPayloadType) {
    out.put("a=rtpmap:").put(event_type).put(" telephone-event/8000\r\n");
    out.put("a=fmtp:").put(event_type).put(" 0-15\r\n");
  }
  out.put("a=ptime:20\r\na=").put(name(direction)).end_line();
}

std::uint64_t digest_of(std::string_view text) {  // FNV-1a, 64 bits
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3u;
  return hash;
}

/// Writes with `write_media(out)`, raising the version only when something else changed (RFC 3264 §8).
template <class WriteMedia>
Text describe(const Local& local, LocalOrigin& origin, WriteMedia&& write_media) {
  std::array<char, 2048> buffer;
  const auto compose = [&](const LocalOrigin& with) {
    TextWriter out(buffer);
    write_head(out, local, with);
    write_media(out);
    CHECK(!out.failed());  // a line is below 3 × kTokenMax + 16 bytes, ours together below 512
    return out.written();
  };
  const auto digest = digest_of(compose({origin.session_id, 0, 0}));
  if (origin.version == 0 || digest != origin.digest) {
    ++origin.version;
    origin.digest = digest;
  }
  return Text(compose(origin));
}
static_assert(kMediaMax * (3 * kTokenMax + 16) + 512 <= 2048);

void write_rejected(TextWriter& out, const Media& media) {
  out.put("m=").put(media.kind).put(" 0 ").put(media.protocol).put(" ").put(media.formats[0]).end_line();
}

struct Choice {
  std::size_t media = 0;
  Codec codec = Codec::kPcmu;
  std::uint8_t type = 0;
};

Result<Choice, Refusal> choose(const Session& offer, const Local& local) {
  Refusal refusal = Refusal::kNoAudio;
  for (std::size_t i = 0; i < offer.media.size(); ++i) {
    const Media& media = offer.media[i];
    if (media.kind != "audio" || media.port == 0) continue;
    if (!is_plain(media)) {
      if (refusal == Refusal::kNoAudio) refusal = Refusal::kEncrypted;
      continue;
    }
    for (const Codec codec : codecs_of(local)) {
      const auto type = find_codec(offer, media, codec);
      if (type != kNoPayloadType) return Choice{i, codec, type};
    }
    refusal = Refusal::kNoCommonCodec;
  }
  return refusal;
}

}  // namespace

std::string_view name(Codec codec) { return codec == Codec::kPcmu ? "PCMU" : "PCMA"; }

std::string_view name(Direction direction) {
  constexpr std::array<std::string_view, 4> kNames{"inactive", "sendonly", "recvonly", "sendrecv"};
  return kNames[static_cast<std::size_t>(direction)];
}

std::string_view name(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNoAudio:
      return "no audio";
    case Refusal::kNoCommonCodec:
      return "no common codec";
    case Refusal::kNoAddress:
      return "no usable address";
    case Refusal::kEncrypted:
      return "secure profile only";
    case Refusal::kNotAnAnswer:
      return "does not answer our offer";
  }
  return "?";
}

Text make_offer(const Local& local, LocalOrigin& origin) {
  std::array<Line, 2> lines;
  std::size_t count = 0;
  for (const Codec codec : codecs_of(local)) lines[count++] = {codec, static_type(codec)};
  const auto event_type = local.telephone_event ? local.telephone_event_type : kNoPayloadType;
  return describe(local, origin, [&](TextWriter& out) {
    write_audio(out, "RTP/AVP", local, std::span(lines).first(count), event_type, local.direction);
  });
}

Result<Answer, Refusal> answer(const Session& offer, const Local& local, LocalOrigin& origin) {
  const auto choice = choose(offer, local);
  if (!choice) return choice.error();
  const Media& chosen = offer.media[choice->media];
  auto agreed = read_common(offer, chosen, local);
  if (!agreed) return agreed.error();

  agreed->codec = choice->codec;
  agreed->send_type = choice->type;
  set_codec(*agreed, choice->codec, choice->type);
  const Events events = local.telephone_event ? find_events(offer, chosen) : Events{};
  agreed->event_send_type = agreed->event_receive_type = events.type;
  agreed->event_takes_letters = events.takes_letters;

  const Line line{choice->codec, choice->type};
  const auto text = describe(local, origin, [&](TextWriter& out) {
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
      if (i == choice->media)
        write_audio(out, chosen.protocol, local, std::span(&line, 1), events.type, agreed->direction);
      else
        write_rejected(out, offer.media[i]);
    }
  });
  return Answer{*agreed, text};
}

Result<Agreed, Refusal> accept(const Session& answer, const Local& local) {
  if (answer.media.empty() || answer.media[0].kind != "audio") return Refusal::kNotAnAnswer;
  const Media& media = answer.media[0];
  if (media.port == 0) return Refusal::kNoAudio;
  if (!is_plain(media)) return Refusal::kNotAnAnswer;
  auto agreed = read_common(answer, media, local);
  if (!agreed) return agreed.error();

  // Each side numbers what it wants to receive: we send by the answer's numbers and hear by those of our offer.
  bool has_codec = false;
  std::uint8_t best = 0xFF;
  for (const Codec codec : codecs_of(local)) {
    const auto type = find_codec(answer, media, codec);
    if (type == kNoPayloadType) continue;
    set_codec(*agreed, codec, static_type(codec));
    const auto place = static_cast<std::uint8_t>(
        std::ranges::find_if(media.formats, [&](std::string_view format) { return type_of(format) == type; }) -
        media.formats.begin());
    if (place >= best) continue;  // the answerer's first is what it wants to hear
    best = place;
    has_codec = true;
    agreed->codec = codec;
    agreed->send_type = type;
  }
  if (!has_codec) return Refusal::kNoCommonCodec;

  const Events events = local.telephone_event ? find_events(answer, media) : Events{};
  agreed->event_send_type = events.type;
  agreed->event_receive_type = events.type == kNoPayloadType ? kNoPayloadType : local.telephone_event_type;
  agreed->event_takes_letters = events.takes_letters;
  return agreed;
}

}  // namespace carillon::sdp
