#pragma once
// Messages that are made from other messages: responses, and the requests that repeat an INVITE of ours.

#include <string_view>

#include "engine/base/endpoint.h"
#include "engine/sip/label.h"
#include "engine/sip/message.h"
#include "engine/sip/writer.h"

namespace carillon::sip {

inline constexpr std::string_view kAllow = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REGISTER\r\n";

/// The standard phrase for a status (RFC 3261 §21), or the one of its class.
std::string_view phrase_of(int status);

void write_via(Writer& out, std::string_view sent_by, const Label& branch);

/// Status line and the headers Via to CSeq of a response (§8.2.6.2), Record-Route included where it makes a dialog.
///
/// source   the request, or an earlier response of ours to it
/// from     where the request came from: `received` and `rport` are written into its first Via (RFC 3581); null when
///          `source` is a response
/// tag      ours, added to a To that has none; empty: add none
void write_response(Writer& out, const Message& source, const Endpoint* from, int status, std::string_view reason,
                    std::string_view tag);

/// ACK for a 3xx-6xx (§17.1.1.3): the INVITE's own Via, the response's To.
void write_failure_ack(Writer& out, const Message& invite, const Message& response);
/// CANCEL (§9.1): the INVITE's own Via.
void write_cancel(Writer& out, const Message& invite);
/// The request again with another branch and CSeq and with credentials (§22.2), or with another Expires (§10.3).
void write_again(Writer& out, const Message& request, std::string_view sent_by, const Label& branch, std::uint32_t cseq,
                 std::string_view header_name, std::string_view header_value);
/// Its Authorization and Proxy-Authorization, which the ACK of a 2xx repeats (§13.2.2.4).
void copy_credentials(Writer& out, const Message& invite);
/// Reason: Q.850;cause=16;text="…" (RFC 3326); nothing for cause 0.
void write_reason(Writer& out, int q850, std::string_view text);

}  // namespace carillon::sip
