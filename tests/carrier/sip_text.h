#pragma once
// SIP and SDP as text, the judge's own reading of them: deliberately not the product's parser, so that a fault there
// cannot hide here. Plain strings; speed is not the point.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/endpoint.h"
#include "engine/base/result.h"

namespace carillon::carrier {

struct SipHeader {
  std::string name;   ///< long form, lower case: "call-id" for "i" and "Call-ID"
  std::string value;  ///< unfolded, trimmed
};

enum class SipFault : std::uint8_t {
  kStartLine,  ///< neither a request line nor a status line
  kHeader,     ///< a line without a colon or with an empty name
  kMissing,    ///< no Via, From, To, Call-ID or CSeq (RFC 3261 §8.1.1)
  kCseq,       ///< not a number and a method, or another method than the request line's
  kLength,     ///< Content-Length is no number or longer than the datagram
};

/// One SIP message (RFC 3261 §7). Lists that were comma-separated stay so in `value`; all() splits them.
struct SipMessage {
  std::string method;  ///< empty: a response
  std::string uri;
  int status = 0;
  std::string reason;
  std::vector<SipHeader> headers;
  std::string body;

  bool is_request() const { return !method.empty(); }
  /// First header of that lower-case long name, empty when absent.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  /// Every element of that header in order, comma lists split outside quotes and angle brackets.
  std::vector<std::string> all(std::string_view name) const;
  void add(std::string name, std::string value) { headers.push_back({std::move(name), std::move(value)}); }
  std::uint32_t cseq() const;
  std::string_view cseq_method() const;
};

/// Reads one datagram. Bytes after Content-Length are dropped (RFC 3261 §18.3).
Result<SipMessage, SipFault> parse_sip(std::string_view wire);
/// The message as bytes, Content-Length computed.
std::string write_sip(const SipMessage& message);

/// `sip:+15550100@host;x` of `"A" <sip:+15550100@host;x>;tag=1`.
std::string_view uri_of(std::string_view name_addr);
/// User part of a sip or tel URI, parameters cut: "+15550100".
std::string_view user_of(std::string_view uri);
/// Parameter of a header value, outside the angle brackets: parameter("<sip:a>;tag=7", "tag") == "7".
/// A parameter without a value yields an empty view.
std::optional<std::string_view> parameter(std::string_view value, std::string_view name);
/// Host and port of a SIP URI when the host is an IP address; port 5060 unless given.
std::optional<Endpoint> endpoint_of(std::string_view uri);
bool same_text(std::string_view a, std::string_view b);  ///< ASCII, case-insensitive
std::string_view trimmed(std::string_view text);

/// What the judge needs of an SDP body (RFC 4566): the first audio line.
struct Media {
  Endpoint rtp;
  std::vector<int> payload_types;  ///< in the order offered
  int event_type = -1;             ///< telephone-event/8000, -1: none
  enum class Direction : std::uint8_t { kSendRecv, kSendOnly, kRecvOnly, kInactive } direction = Direction::kSendRecv;
};
/// Empty when there is no audio line, no address or no payload type.
std::optional<Media> parse_sdp(std::string_view body);
std::string write_sdp(const Media& media, std::uint64_t session, std::uint32_t version);

}  // namespace carillon::carrier
