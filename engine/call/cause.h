#pragma once
// Q.850 causes and SIP statuses: RFC 3398 §7.2.4.1, §8.2.6.1, and RFC 4497 where it says nothing.

#include <cstdint>
#include <string_view>

namespace carillon::call {

inline constexpr std::uint8_t kCauseNormal = 16;       ///< normal call clearing
inline constexpr std::uint8_t kCauseBusy = 17;         ///< user busy
inline constexpr std::uint8_t kCauseNoAnswer = 19;     ///< alerted, did not answer
inline constexpr std::uint8_t kCauseRejected = 21;     ///< call rejected
inline constexpr std::uint8_t kCauseOutOfOrder = 27;   ///< destination out of order
inline constexpr std::uint8_t kCauseUnspecified = 31;  ///< normal, unspecified
inline constexpr std::uint8_t kCauseNoCircuit = 34;    ///< no circuit or channel available
inline constexpr std::uint8_t kCauseTemporary = 41;    ///< temporary failure
inline constexpr std::uint8_t kCauseTimer = 102;       ///< recovery on timer expiry

/// The cause that a final SIP status (300–699) means; 31 for what has none.
std::uint8_t cause_of_status(int status);
/// The status that refuses a call for this cause; 480 for what has none.
int status_of_cause(std::uint8_t cause);
/// "User busy"; empty for causes without a name here.
std::string_view cause_text(std::uint8_t cause);

/// Should the next trunk candidate be tried after this status before answer? 408, 5xx and our own failures: yes.
/// What the called party or its network said about the number itself (486, 404, 603 …): no.
constexpr bool moves_on(int status) { return status == 408 || (status >= 500 && status < 600); }

/// The same for the Contacts of one phone: this device is not there, another one may be. Busy and declined are answers.
constexpr bool is_away(int status) { return moves_on(status) || status == 404 || status == 410 || status == 480; }

}  // namespace carillon::call
