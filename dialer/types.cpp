#include "dialer/types.h"

namespace carillon::dialer {

std::string_view text(Outcome outcome) {
  constexpr std::array<std::string_view, kOutcomes> kTexts = {
      "connected", "message_heard", "message_cut", "message_left",  "machine",        "abandoned",
      "opted_out", "no_answer",     "busy",        "congestion",    "invalid_number", "rejected",
      "fax",       "silence",       "failed",      "person_hung_up"};
  return kTexts[static_cast<std::size_t>(outcome)];
}

}  // namespace carillon::dialer
