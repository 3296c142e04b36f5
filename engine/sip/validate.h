#pragma once

#include <cstdint>
#include <string_view>

#include "engine/sip/message.h"

namespace carillon::sip {

/// Bytes of a Request-URI, and values of one header, be they in one line or in many: no use of SIP comes near (a
/// request that 64 proxies handed on has been in a loop), and whoever sends more wants us to look at them for nothing.
inline constexpr std::size_t kRequestUriMax = 1024;
inline constexpr std::size_t kValuesMax = 64;

/// What the parser does not look into, in a request that it found nothing wrong with (RFC 3261 §8.2, RFC 4475): the
/// Request-URI, each Via and Contact, From and To. Answers the first fault, kNone for none.
///
/// Strict where our answer or a later request depends on the field, liberal elsewhere: a URI of any scheme may stand in
/// From, To and Contact, a display name need not consist of tokens, and the spaces of "< sip:a@b >" are passed over.
///
/// cost     one pass over these fields, no allocation
Fault validate(const Message& request);

/// The status that refuses a request with `fault`.
int status_of(Fault fault);

/// *( ";" name [ "=" value ] ) of §25.1, with the white space that is allowed around each: no empty one, names are
/// tokens, values are not empty, contain no white space and no bracket unless they are quoted strings.
bool are_parameters(std::string_view text);

}  // namespace carillon::sip
