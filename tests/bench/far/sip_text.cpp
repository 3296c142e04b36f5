#include "tests/bench/far/sip_text.h"

#include <charconv>

#include "tests/bench/wire/frames.h"

namespace carillon::bench {
namespace {

Method method_of(std::string_view message) {
  if (message.starts_with("INVITE ")) return Method::kInvite;
  if (message.starts_with("ACK ")) return Method::kAck;
  if (message.starts_with("BYE ")) return Method::kBye;
  if (message.starts_with("CANCEL ")) return Method::kCancel;
  if (message.starts_with("OPTIONS ")) return Method::kOptions;
  return Method::kOther;
}

/// Takes the next line off `rest`; without its CRLF.
std::string_view next_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// The Via lines stand together in what our engine writes; one that does not is left out.
void add_via(Request& request, std::string_view line) {
  if (request.vias.empty())
    request.vias = line;
  else if (request.vias.data() + request.vias.size() + 2 == line.data())
    request.vias = {request.vias.data(), request.vias.size() + 2 + line.size()};
}

}  // namespace

std::optional<Request> read_request(std::string_view message) {
  Request request;
  request.method = method_of(message);
  std::string_view rest = message;
  if (next_line(rest).starts_with("SIP/2.0")) return std::nullopt;
  for (std::string_view line = next_line(rest); !line.empty(); line = next_line(rest)) {
    switch (line[0]) {
      case 'V':
        if (line.starts_with("Via:")) add_via(request, line);
        break;
      case 'F':
        if (line.starts_with("From:")) request.from = line;
        break;
      case 'T':
        if (line.starts_with("To:")) request.to = line;
        break;
      case 'C':
        if (line.starts_with("Call-ID:")) request.call_id = line;
        if (line.starts_with("CSeq:")) request.cseq = line;
        break;
      default:
        break;
    }
  }
  request.body = rest;
  if (request.vias.empty() || request.from.empty() || request.to.empty() || request.call_id.empty() ||
      request.cseq.empty())
    return std::nullopt;
  return request;
}

std::optional<Target> read_target(std::string_view sdp) {
  constexpr std::string_view kAddress = "c=IN IP4 ", kAudio = "m=audio ";
  Target target;
  while (!sdp.empty()) {
    const std::string_view line = next_line(sdp);
    if (line.starts_with(kAddress)) {
      const auto address = read_ipv4(line.substr(kAddress.size()));
      if (!address) return std::nullopt;
      target.address = *address;
    } else if (line.starts_with(kAudio)) {
      std::from_chars(line.data() + kAudio.size(), line.data() + line.size(), target.port);
    }
  }
  if (target.address == 0 || target.port == 0) return std::nullopt;
  return target;
}

}  // namespace carillon::bench
