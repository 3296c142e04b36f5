#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/endpoint.h"
#include "engine/base/fixed_text.h"
#include "engine/sip/label.h"
#include "engine/sip/message.h"
#include "engine/sip/writer.h"

namespace carillon::sip {

/// From and To without their tags. RFC 4475 §3.1.1.7 has one of 470 bytes.
using AddressText = FixedText<512>;

/// What both ends of a dialog must agree on (RFC 3261 §12), in fixed buffers. A peer whose fields do not fit gets 400.
struct Dialog {
  FixedText<192> call_id;
  FixedText<32> local_tag;
  FixedText<192> remote_tag;  ///< 155 bytes in RFC 4475 §3.1.1.7
  AddressText local, remote;  ///< From and To as we write them, without their tags
  FixedText<320> target;      ///< the peer's Contact URI
  FixedText<1024> routes;     ///< Route values in our order, separated by commas
  std::uint32_t local_cseq = 0;
  std::uint32_t remote_cseq = 0;

  Dialog() {}

  /// As UAS, from an INVITE (§12.1.1). False: a field is broken, missing or past its bound.
  bool begin_as_server(const Message& invite, std::string_view tag);
  /// As UAC, from a response with To-tag (§12.1.2). Call-ID and our side are taken from the response as well, so that
  /// it also serves for a 2xx whose call is gone. False as above.
  bool begin_as_client(const Message& response);
  /// Contact of a message that refreshes the target (§12.2). False: there is none, or it does not fit.
  static bool contact_of(const Message& message, FixedText<320>& target);

  /// Where requests go: the first Route's address, else the target's; `otherwise` when that is a name and no address.
  Endpoint next_hop(const Endpoint& otherwise) const;
  /// A request line and the headers Via to CSeq (§12.2.1.1). The first request of a dialog has no remote tag.
  void write_request(Writer& out, std::string_view method, std::uint32_t cseq, std::string_view sent_by,
                     const Label& branch) const;
};

/// The name and address of a header value, without its tag, into `to`.
bool copy_address(std::string_view value, AddressText& to, std::string_view& tag);

}  // namespace carillon::sip
