#pragma once

#include <string_view>

#include "engine/base/time.h"

namespace carillon::call {

/// A key pressed, as SIP INFO tells it.
struct InfoDigit {
  char digit = 0;  ///< 0-9 * # A-D; 0: the body says nothing that we know
  Duration duration = 100ms;
};

/// Reads the body of an INFO request: "5" (application/dtmf) or "Signal=5\r\nDuration=160" (application/dtmf-relay).
/// Never standardised: spaces, order and a missing or absurd duration (kept at 100 ms) are forgiven.
///
/// type, body  untrusted
InfoDigit read_info_digit(std::string_view type, std::string_view body);

}  // namespace carillon::call
