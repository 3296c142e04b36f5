#include "engine/sip/compose.h"

#include "engine/sip/field.h"
#include "engine/sip/text.h"

namespace carillon::sip {
namespace {

void copy(Writer& out, const Message& from, HeaderId id, std::string_view name) {
  for (std::size_t i = 0; i < from.size(); ++i)
    if (from.id(i) == id) out.header(name, from.value(i));
}

// The first Via as the server must send it back: with the address and port that the request really came from.
void write_received_via(Writer& out, std::string_view via, const Endpoint& from) {
  auto parameters = via;
  out.unfolded(next_element(parameters, ';'));
  bool has_rport = false;
  for (auto element = next_element(parameters, ';'); !element.empty(); element = next_element(parameters, ';')) {
    const auto name = trim(element.substr(0, element.find('=')));
    if (equals_ignoring_case(name, "received")) continue;
    if (equals_ignoring_case(name, "rport")) {
      has_rport = true;
      continue;
    }
    out.put(';').unfolded(element);
  }
  out.put(";received=");
  char text[64];
  Writer address(text);
  address.host(from, false);
  auto plain = address.text();
  if (from.is_v6) plain = plain.substr(1, plain.size() - 2);
  out.put(plain);
  if (has_rport) out.put(";rport=", unsigned{from.port});
}

void write_vias(Writer& out, const Message& source, const Endpoint* from) {
  bool is_first = from != nullptr;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source.id(i) != HeaderId::kVia) continue;
    if (!is_first) {
      out.header("Via", source.value(i));
      continue;
    }
    is_first = false;
    auto rest = source.value(i);
    out.put("Via: ");
    write_received_via(out, next_element(rest), *from);
    if (!trim(rest).empty()) out.put(", ").unfolded(trim(rest));
    out.put("\r\n");
  }
}

}  // namespace

std::string_view phrase_of(int status) {
  switch (status) {
    case 100:
      return "Trying";
    case 180:
      return "Ringing";
    case 181:
      return "Call Is Being Forwarded";
    case 182:
      return "Queued";
    case 183:
      return "Session Progress";
    case 200:
      return "OK";
    case 302:
      return "Moved Temporarily";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 406:
      return "Not Acceptable";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 410:
      return "Gone";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Unsupported URI Scheme";
    case 420:
      return "Bad Extension";
    case 423:
      return "Interval Too Brief";
    case 480:
      return "Temporarily Unavailable";
    case 481:
      return "Call/Transaction Does Not Exist";
    case 484:
      return "Address Incomplete";
    case 486:
      return "Busy Here";
    case 487:
      return "Request Terminated";
    case 488:
      return "Not Acceptable Here";
    case 491:
      return "Request Pending";
    case 500:
      return "Server Internal Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "Version Not Supported";
    case 600:
      return "Busy Everywhere";
    case 603:
      return "Decline";
    default:
      break;
  }
  constexpr std::string_view kClasses[] = {"Progress",      "OK",     "Redirected", "Request Failed",
                                           "Server Failed", "Refused"};
  return status >= 100 && status < 700 ? kClasses[status / 100 - 1] : "Unknown";
}

void write_via(Writer& out, std::string_view sent_by, const Label& branch) {
  const auto text = branch.text();
  out.put("Via: SIP/2.0/UDP ", sent_by, ";branch=", kBranchCookie, std::string_view(text.data(), text.size()),
          ";rport\r\n");
}

void write_response(Writer& out, const Message& source, const Endpoint* from, int status, std::string_view reason,
                    std::string_view tag) {
  out.put("SIP/2.0 ", status, " ").unfolded(reason.empty() ? phrase_of(status) : reason).put("\r\n");
  write_vias(out, source, from);
  if (const auto value = source.find(HeaderId::kFrom)) out.header("From", *value);
  if (const auto to = source.find(HeaderId::kTo)) {
    const auto address = NameAddress::parse(*to);
    out.put("To: ").unfolded(*to);
    if (!tag.empty() && (!address || address->tag().empty())) out.put(";tag=", tag);
    out.put("\r\n");
  }
  if (const auto value = source.find(HeaderId::kCallId)) out.header("Call-ID", *value);
  out.header("CSeq", source.value(HeaderId::kCSeq));
  if (source.method() == Method::kInvite && status < 300) copy(out, source, HeaderId::kRecordRoute, "Record-Route");
}

void write_failure_ack(Writer& out, const Message& invite, const Message& response) {
  out.put("ACK ", invite.request_uri(), " SIP/2.0\r\n").header("Via", top_via(invite));
  copy(out, invite, HeaderId::kRoute, "Route");
  out.header("From", invite.value(HeaderId::kFrom)).header("To", response.value(HeaderId::kTo));
  out.header("Call-ID", invite.value(HeaderId::kCallId)).put("CSeq: ", invite.cseq(), " ACK\r\nMax-Forwards: 70\r\n");
  out.body({}, {});
}

void write_cancel(Writer& out, const Message& invite) {
  out.put("CANCEL ", invite.request_uri(), " SIP/2.0\r\n").header("Via", top_via(invite));
  copy(out, invite, HeaderId::kRoute, "Route");
  out.header("From", invite.value(HeaderId::kFrom)).header("To", invite.value(HeaderId::kTo));
  out.header("Call-ID", invite.value(HeaderId::kCallId));
  out.put("CSeq: ", invite.cseq(), " CANCEL\r\nMax-Forwards: 70\r\n").body({}, {});
}

void write_again(Writer& out, const Message& request, std::string_view sent_by, const Label& branch, std::uint32_t cseq,
                 std::string_view header_name, std::string_view header_value) {
  out.put(request.method_text(), " ", request.request_uri(), " SIP/2.0\r\n");
  write_via(out, sent_by, branch);
  for (std::size_t i = 0; i < request.size(); ++i) {
    const auto id = request.id(i);
    if (id == HeaderId::kVia || id == HeaderId::kContentType || id == HeaderId::kContentLength) continue;
    if (equals_ignoring_case(request.name(i), header_name)) continue;
    if (id == HeaderId::kCSeq)
      out.put("CSeq: ", cseq, " ", request.method_text(), "\r\n");
    else
      out.header(request.name(i), request.value(i));
  }
  out.header(header_name, header_value);
  out.body(request.value(HeaderId::kContentType), request.body());
}

void copy_credentials(Writer& out, const Message& invite) {
  copy(out, invite, HeaderId::kAuthorization, "Authorization");
  copy(out, invite, HeaderId::kProxyAuthorization, "Proxy-Authorization");
}

void write_reason(Writer& out, int q850, std::string_view text) {
  if (q850 <= 0) return;
  out.put("Reason: Q.850;cause=", q850);
  if (!text.empty()) out.put(";text=").quoted(text);
  out.put("\r\n");
}

}  // namespace carillon::sip
