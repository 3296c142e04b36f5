#include "tests/carrier/call.h"

#include <fmt/format.h>

#include <algorithm>

namespace carillon::carrier {
namespace {

constexpr Duration kT1 = 500ms, kT2 = 4s;
constexpr int kEventType = 101;

}  // namespace

void Resend::start(std::string text, const Endpoint& to, Duration gap_max, TimePoint now, UdpSocket& socket) {
  text_ = std::move(text);
  to_ = to;
  gap_ = kT1;
  gap_max_ = gap_max;
  next_ = now + gap_;
  last_ = now + 64 * kT1;
  is_on_ = true;
  socket.send(to_, text_);
}

bool Resend::step(TimePoint now, UdpSocket& socket) {
  if (!is_on_ || now < next_) return false;
  if (now >= last_) {
    is_on_ = false;
    return true;
  }
  socket.send(to_, text_);
  gap_ = std::min(gap_ * 2, gap_max_);
  next_ = now + gap_;
  return false;
}

SipMessage response_to(const SipMessage& request, int status, std::string_view reason, std::string_view to_tag,
                       const Endpoint& source) {
  SipMessage response;
  response.status = status;
  response.reason = reason;
  bool is_top = true;
  for (std::string via : request.all("via")) {
    if (is_top) {
      if (const auto rport = parameter(via, "rport"); rport && rport->empty()) {
        const auto at = via.find(";rport");
        via.insert(at + 6, fmt::format("={}", source.port));
      }
      via += ";received=" + source.address_text();
      is_top = false;
    }
    response.add("via", std::move(via));
  }
  response.add("from", std::string(request.get("from")));
  std::string to(request.get("to"));
  if (!to_tag.empty() && !parameter(to, "tag")) to += fmt::format(";tag={}", to_tag);
  response.add("to", std::move(to));
  response.add("call-id", std::string(request.get("call-id")));
  response.add("cseq", std::string(request.get("cseq")));
  if (request.method == "INVITE" && status < 300)
    for (const auto& header : request.headers)
      if (header.name == "record-route") response.headers.push_back(header);
  response.add("server", "carillon-carrier");
  return response;
}

Endpoint response_address(const SipMessage& request, const Endpoint& source) {
  const auto vias = request.all("via");
  if (vias.empty() || parameter(vias[0], "rport")) return source;
  const auto space = vias[0].find(' ');  // "SIP/2.0/UDP host:port;…"
  if (space == std::string::npos) return source;
  Endpoint out = source;
  out.port = 5060;
  const auto sent_by = std::string_view(vias[0]).substr(space + 1, vias[0].find(';') - space - 1);
  if (const auto colon = sent_by.rfind(':'); colon != std::string_view::npos)
    if (const auto named = endpoint_of(fmt::format("sip:0.0.0.0{}", trimmed(sent_by.substr(colon)))))
      out.port = named->port;
  return out;
}

Call::Call(Switchboard& board) : board_(board) {
  local_tag_ = new_token();
  session_ = board_.random.u32();
}

std::string Call::new_token() { return fmt::format("{:08x}{:08x}", board_.random.u32(), board_.random.u32()); }

std::string Call::contact() const { return fmt::format("<sip:carrier@{}>", board_.listen.text()); }

bool Call::offer_media(TimePoint now) {
  auto socket = board_.ports.open();
  if (!socket) return false;
  own_ = {.rtp = socket->local(), .payload_types = {0, 8, kEventType}, .event_type = kEventType};
  Endpoint control = own_.rtp;
  ++control.port;  // RTCP is let in and ignored, so that nobody is told "port unreachable"
  if (auto rtcp = UdpSocket::bind(control, 4096)) rtcp_ = std::move(*rtcp);
  rtp_ = std::move(*socket);
  ear_.begin(now);
  return true;
}

bool Call::accept(const Media& offer, TimePoint now) {
  const auto codec = std::ranges::find_if(offer.payload_types, [](int type) { return type == 0 || type == 8; });
  if (codec == offer.payload_types.end()) return false;
  if (!rtp_ && !offer_media(now)) return false;
  own_.payload_types = {*codec};
  own_.event_type = offer.event_type;
  if (offer.event_type >= 0) own_.payload_types.push_back(offer.event_type);
  remote_rtp_ = offer.rtp;
  using Direction = Media::Direction;
  static constexpr Direction kMirror[] = {Direction::kSendRecv, Direction::kRecvOnly, Direction::kSendOnly,
                                          Direction::kInactive};
  own_.direction = remote_rtp_.is_unspecified() ? Direction::kRecvOnly : kMirror[static_cast<int>(offer.direction)];
  may_send_ = own_.direction == Direction::kSendRecv || own_.direction == Direction::kSendOnly;
  has_description_ = true;
  mouth_.begin(*codec, own_.event_type, board_.random);
  return true;
}

std::string Call::own_sdp() { return write_sdp(own_, session_, ++version_); }

void Call::listen() {
  if (!rtp_) return;
  for (bool more = true; more;) {
    const auto datagrams = board_.receiver.read(rtp_);
    more = datagrams.size() == 32;
    for (const auto& datagram : datagrams) ear_.on_packet(datagram.bytes, datagram.arrival, own_.event_type);
  }
}

void Call::run_media() {
  listen();
  if (!rtp_ || !may_send_ || !mouth_.has_begun() || is_hanging_up_) return;
  rtp_.send(remote_rtp_, mouth_.next());
  ++truth_.rtp_out;
}

void Call::respond(const SipMessage& request, int status, std::string_view reason, const Endpoint& source) {
  board_.sip.send(response_address(request, source),
                  write_sip(response_to(request, status, reason, local_tag_, source)));
}

Endpoint Call::request_address() const {
  const auto& next = routes_.empty() ? target_ : routes_.front();
  return endpoint_of(uri_of(next)).value_or(peer_);  // a name: back to where it came from
}

std::string Call::request_text(std::string_view method, std::uint32_t cseq, std::string body) {
  SipMessage request;
  request.method = method;
  request.uri = target_;
  request.add("via", fmt::format("SIP/2.0/UDP {};branch=z9hG4bK{};rport", board_.listen.text(), new_token()));
  request.add("max-forwards", "70");
  for (const auto& route : routes_) request.add("route", route);
  request.add("from", local_);
  request.add("to", remote_);
  request.add("call-id", call_id_);
  request.add("cseq", fmt::format("{} {}", cseq, method));
  request.add("contact", contact());
  if (!body.empty()) request.add("content-type", "application/sdp");
  request.body = std::move(body);
  return write_sip(request);
}

void Call::answer_reinvite(const SipMessage& request, const Endpoint& source, TimePoint now) {
  if (const auto offer = parse_sdp(request.body)) {
    if (!accept(*offer, now)) return respond(request, 488, "Not Acceptable Here", source);
    if (!may_send_) ++truth_.held;
  }
  if (const auto contact = request.get("contact"); !contact.empty()) target_ = uri_of(contact);
  auto response = response_to(request, 200, "OK", local_tag_, source);
  response.add("contact", contact());
  response.add("content-type", "application/sdp");
  response.body = own_sdp();
  resend_.start(write_sip(response), response_address(request, source), kT2, now, board_.sip);
}

void Call::on_request(const SipMessage& request, const Endpoint& source, TimePoint now) {
  if (request.method == "BYE") {
    respond(request, 200, "OK", source);
    resend_.stop();
    bye_.stop();
    if (!is_finished()) finish(truth_.is_outgoing ? "callee" : "caller", now);
  } else if (request.method == "INFO" || request.method == "OPTIONS" || request.method == "UPDATE") {
    respond(request, 200, "OK", source);
  } else if (request.method != "ACK") {
    respond(request, 501, "Not Implemented", source);
  }
}

void Call::hang_up(TimePoint now) {
  if (is_hanging_up_ || is_finished()) return;
  is_hanging_up_ = true;
  resend_.stop();
  bye_.start(request_text("BYE", ++local_cseq_), request_address(), kT2, now, board_.sip);
  truth_.ended_at = wall_now();
  truth_.ended_by = "carrier";
}

void Call::finish(std::string_view ended_by, TimePoint now) {
  if (is_finished()) return;
  if (is_up_) listen();  // what has arrived by now was heard
  finished_at_ = now;
  if (truth_.ended_at == WallTime{}) truth_.ended_at = wall_now();
  if (truth_.ended_by.empty()) truth_.ended_by = ended_by;
  truth_.rtp = ear_.books();
  truth_.energy_share = ear_.energy_share();
  truth_.digits_heard = ear_.digits();
  if (answered_at_ != TimePoint{} && ear_.base() != TimePoint{}) truth_.answer_offset = answered_at_ - ear_.base();
  const auto to_wall = [now, wall = wall_now()](TimePoint at) {
    return wall - std::chrono::duration_cast<std::chrono::milliseconds>(now - at);
  };
  for (const auto& badge : ear_.badges())
    truth_.badges_heard.push_back({badge.hz, to_wall(badge.from), to_wall(badge.until)});
  truth_.heard = ear_.take_heard();
  rtp_ = UdpSocket{};
  rtcp_ = UdpSocket{};
  board_.truth.add(truth_);
}

}  // namespace carillon::carrier
