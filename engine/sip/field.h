#pragma once
// The structured header fields: Via, name-addr (From, To, Contact, Route), URI, Reason.

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/endpoint.h"
#include "engine/sip/message.h"

namespace carillon::sip {

/// sip:user:password@host:port;parameters?headers (RFC 3261 §19.1); tel: URIs have their number in `user`.
struct Uri {
  std::string_view scheme, user, host, parameters, headers;
  std::uint16_t port = 0;  ///< 0: none given

  /// `text`, which it was parsed from, without its headers: a Request-URI, To and From have none (§19.1.1).
  std::string_view without_headers(std::string_view text) const {
    return headers.data() ? text.substr(0, static_cast<std::size_t>(headers.data() - text.data()) - 1) : text;
  }
  /// Nothing for other schemes, an empty host, a port that is no number up to 65,535, or white space, quotes and
  /// brackets anywhere.
  static std::optional<Uri> parse(std::string_view text);
  /// Where to send to, if the host is an address and not a name; port 5060 when none is given.
  std::optional<Endpoint> endpoint() const;
};

/// "Name" <uri>;tag=x — or the bare form, whose parameters belong to the header and which must have no comma and no
/// question mark (§20.10).
struct NameAddress {
  std::string_view name;  ///< without quotes
  std::string_view uri, parameters;
  std::string_view address;  ///< everything before the parameters, as written

  static std::optional<NameAddress> parse(std::string_view text);
  std::string_view tag() const;
};

/// One Via (§20.42), of any version of SIP: a request of another one is answered too.
struct Via {
  std::string_view transport, host, parameters;
  std::uint16_t port = 0;
  std::string_view branch;
  bool has_rport = false;

  static std::optional<Via> parse(std::string_view text);
  /// Where its response goes (§18.2.2, RFC 3581): the source's address; its port only when rport asks for that.
  Endpoint reply_to(const Endpoint& source) const;
};
inline constexpr std::string_view kBranchCookie = "z9hG4bK";

/// The first Q.850 cause in the Reason headers (RFC 3326), 0 for none.
struct Reason {
  int cause = 0;
  std::string_view text;
};
Reason q850_of(const Message& message);

/// First Via of the message, as written; empty when there is none.
std::string_view top_via(const Message& message);

}  // namespace carillon::sip
