#include "dialer/campaign/outcome.h"

namespace carillon::dialer {
namespace {

/// Never answered: the final SIP status speaks (RFC 3261 §21).
Outcome of_status(int status, bool rang_out) {
  switch (status) {
    case 486:
    case 600:
      return Outcome::kBusy;
    case 404:
    case 410:
    case 484:
    case 485:
    case 604:
      return Outcome::kInvalidNumber;
    case 401:
    case 402:
    case 407:
      return Outcome::kFailed;  // our trunk is not let in
    case 403:
    case 603:
    case 607:
      return Outcome::kRejected;
    case 408:
    case 480:
    case 487:
      return Outcome::kNoAnswer;
    default:
      break;
  }
  if (rang_out) return Outcome::kNoAnswer;
  return status >= 400 ? Outcome::kCongestion : Outcome::kFailed;
}

}  // namespace

Outcome classify(const EndFacts& facts) {
  if (facts.opted_out) return Outcome::kOptedOut;
  if (facts.connected) return Outcome::kConnected;
  if (facts.abandoned) return Outcome::kAbandoned;
  if (!facts.answered) {
    if (facts.engine_fault) return Outcome::kFailed;
    if (facts.tone) return Outcome::kInvalidNumber;
    return of_status(facts.sip_status, facts.rang_out);
  }
  if (facts.machine) return facts.message_done ? Outcome::kMessageLeft : Outcome::kMachine;
  if (facts.fax) return Outcome::kFax;
  if (facts.tone) return Outcome::kInvalidNumber;
  if (facts.message_done) return Outcome::kMessageHeard;
  if (facts.engine_fault) return Outcome::kFailed;
  if (facts.silence && !facts.person) return Outcome::kSilence;
  if (facts.message_started) return Outcome::kMessageCut;
  return Outcome::kPersonHungUp;
}

}  // namespace carillon::dialer
