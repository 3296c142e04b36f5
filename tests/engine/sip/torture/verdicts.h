#pragma once
// What RFC 4475 and RFC 5118 expect of each of their messages, and what ours answers.

#include <string_view>

namespace carillon::sip::torture {

/// One message of tests/engine/sip/torture/.
struct Verdict {
  std::string_view name;
  std::string_view section;  ///< of RFC 4475 from "3.", of RFC 5118 from "4."
  std::string_view rfc;      ///< what the RFC expects, in its terms
  /// The parser and validate(): "ok", the name of the Fault, or "no message" (dropped whole).
  std::string_view parsed;
  /// A UserAgent's answer to a stranger: a status, "-" for none.
  std::string_view stranger;
  /// Its answer to who may: an INVITE comes from a trunk's gateway ("rings": it became a call), a REGISTER has a valid
  /// digest. The other methods ask for neither.
  std::string_view friends;
  std::string_view choice;  ///< where the RFC leaves one, or expects another thing: what was chosen and why
};

inline constexpr Verdict kVerdicts[] = {
    // ---- RFC 4475 §3.1.1: valid messages
    {"wsinv", "3.1.1.1", "well-formed", "ok", "481", "481", "its To has a tag of no dialog of ours (RFC 3261 §12.2.2)"},
    {"intmeth", "3.1.1.2", "501 with Allow", "ok", "501", "501", ""},
    {"esc01", "3.1.1.3", "well-formed; the user is not a SIPS URI", "ok", "401", "rings", ""},
    {"escnull", "3.1.1.4", "well-formed; two Contacts that differ", "ok", "401", "200", ""},
    {"esc02", "3.1.1.5", "501: neither REGISTER nor Contact are escaped so", "ok", "501", "501", ""},
    {"lwsdisp", "3.1.1.6", "well-formed", "ok", "200", "200", ""},
    {"longreq", "3.1.1.7", "well-formed", "ok", "401", "rings", ""},
    {"dblreq", "3.1.1.8", "the REGISTER; the bytes behind it are ignored", "ok", "401", "200", ""},
    {"semiuri", "3.1.1.9", "well-formed; the user is user;par=u@example.net", "ok", "200", "200", ""},
    {"transports", "3.1.1.10", "well-formed", "ok", "200", "200", ""},
    {"mpart01", "3.1.1.11", "well-formed", "ok", "405", "405", "we know MESSAGE and do not offer it"},
    {"unreason", "3.1.1.12", "well-formed", "ok", "-", "-", "a response to nothing of ours"},
    {"noreason", "3.1.1.13", "well-formed", "ok", "-", "-", "a response to nothing of ours"},
    // ---- §3.1.2: invalid messages
    {"badinv01", "3.1.2.1", "400", "Bad Via", "400", "400", ""},
    {"clerr", "3.1.2.2", "over UDP: 400", "Bad Content-Length", "400", "400", ""},
    {"ncl", "3.1.2.3", "400", "Bad Content-Length", "400", "400", ""},
    {"scalar02", "3.1.2.4", "400", "Bad CSeq", "400", "400", ""},
    {"scalarlg", "3.1.2.5", "dropped", "Bad CSeq", "-", "-", ""},
    {"quotbal", "3.1.2.6", "400", "Bad To", "400", "400", ""},
    {"ltgtruri", "3.1.2.7", "400, or the brackets are ignored", "Bad Request-Line", "400", "400",
     "400: nobody could tell which Request-URI was signed or routed by"},
    {"lwsruri", "3.1.2.8", "400, or the spaces are ignored", "Bad Request-Line", "400", "400", "400, as above"},
    {"lwsstart", "3.1.2.9", "400, or the spaces are ignored", "Bad Request-Line", "400", "400", "400, as above"},
    {"trws", "3.1.2.10", "400, or the spaces are ignored", "Bad Request-Line", "400", "400", "400, as above"},
    {"escruri", "3.1.2.11", "400, or the headers are ignored", "Bad Request-URI", "400", "400",
     "400: who wrote them means us to do what we must not"},
    {"baddate", "3.1.2.12", "Date ignored, or 400", "ok", "401", "rings", "ignored: we use Date for nothing"},
    {"regbadct", "3.1.2.13", "400", "Bad Contact", "400", "400", ""},
    {"badaspec", "3.1.2.14", "400, or the spaces are ignored", "ok", "200", "200",
     "ignored: the brackets leave no doubt where the URI is"},
    {"baddn", "3.1.2.15", "400, or the name is taken", "ok", "200", "200",
     "taken: gateways that copy names from ISDN write commas; From and To hold one address, so nothing is ambiguous"},
    {"badvers", "3.1.2.16", "505", "Version Not Supported", "505", "505", ""},
    {"mismatch01", "3.1.2.17", "400", "CSeq Method Mismatch", "400", "400", ""},
    {"mismatch02", "3.1.2.18", "501; 400 is acceptable", "CSeq Method Mismatch", "501", "501", ""},
    {"bigcode", "3.1.2.19", "dropped", "no message", "-", "-", ""},
    // ---- §3.2: transaction layer
    {"badbranch", "3.2.1", "matched as RFC 2543 does", "ok", "200", "200", ""},
    // ---- §3.3: application layer
    {"insuf", "3.3.1", "ideally 400", "Missing Header", "400", "400",
     "400 without the three: Via and CSeq are enough for the peer's transaction"},
    {"unkscm", "3.3.2", "416", "Unsupported URI Scheme", "416", "416", ""},
    {"novelsc", "3.3.3", "416", "Unsupported URI Scheme", "416", "416", ""},
    {"unksm2", "3.3.4", "400: To of a REGISTER is a SIP URI", "ok", "401", "400",
     "first the digest: who may not register is not told what would be wrong with it"},
    {"bext01", "3.3.5", "420 with Unsupported", "ok", "420", "420", ""},
    {"invut", "3.3.6", "415 with Accept", "ok", "401", "415", ""},
    {"regaut01", "3.3.7", "401", "ok", "401", "200", "with a digest beside it: 200"},
    {"multi01", "3.3.8", "400", "Duplicate Header", "400", "400", ""},
    {"mcl01", "3.3.9", "400", "Duplicate Header", "400", "400", ""},
    {"bcast", "3.3.10", "dropped", "ok", "-", "-", ""},
    {"zeromf", "3.3.11", "an endpoint serves it", "ok", "200", "200", ""},
    {"cparam01", "3.3.12", "bound without the header's parameter", "ok", "401", "200", ""},
    {"cparam02", "3.3.13", "bound with the URI's parameter", "ok", "401", "200", ""},
    {"regescrt", "3.3.14", "bound; calls to it carry the Route", "ok", "401", "200",
     "bound, and called without the Route: RFC 3261 §19.1.5 warns of honouring it, and ours goes where the phone "
     "registered from"},
    {"sdp01", "3.3.15", "406, or 400", "ok", "401", "406", ""},
    // ---- §3.4: RFC 2543
    {"inv2543", "3.4.1", "accepted by who wants to be compatible", "ok", "401", "400",
     "refused: without From tag and Contact there is no dialog of RFC 3261, and no carrier speaks RFC 2543 any more"},
    // ---- RFC 5118 §4
    {"ipv6-good", "4.1", "well-formed", "ok", "401", "200", ""},
    {"ipv6-bad", "4.2", "400", "Bad Request-URI", "400", "400", ""},
    {"port-ambiguous", "4.3", "well-formed; the port is part of the address", "ok", "401", "200", ""},
    {"port-unambiguous", "4.4", "well-formed", "ok", "401", "200", ""},
    {"via-received-param-with-delim", "4.5", "well-formed", "ok", "481", "481", "a BYE of no dialog of ours"},
    {"via-received-param-no-delim", "4.5", "well-formed", "ok", "200", "200", ""},
    {"ipv6-in-sdp", "4.6", "well-formed", "ok", "401", "rings", ""},
    {"mult-ip-in-header", "4.7", "well-formed", "ok", "481", "481", "a BYE of no dialog of ours"},
    {"mult-ip-in-sdp", "4.8", "well-formed", "ok", "401", "rings", ""},
    {"ipv4-mapped-ipv6", "4.9", "well-formed", "ok", "401", "rings", ""},
    {"ipv6-bug-abnf-3-colons", "4.10", "tolerated", "ok", "200", "200",
     "the host is no address, so nothing is sent to it"},
    {"ipv6-correct-abnf-2-colons", "4.10", "well-formed", "ok", "200", "200", ""},
};

}  // namespace carillon::sip::torture
