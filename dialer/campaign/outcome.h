#pragma once

#include <cstdint>

#include "dialer/types.h"

namespace carillon::dialer {

/// What is known of an attempt when its call has ended.
struct EndFacts {
  int sip_status = 0;  ///< final status of the INVITE; 0: none came
  bool answered = false;
  bool engine_fault = false;  ///< ended by our side for a reason of ours: restart, no trunk, no media port
  bool rang_out = false;      ///< we gave up ringing (CANCEL)
  bool person = false;        ///< the detector's or the called person's own word (a digit)
  bool machine = false;
  bool fax = false;
  bool tone = false;  ///< SIT, busy or congestion in band
  bool silence = false;
  bool message_started = false, message_done = false;
  bool opted_out = false;
  bool abandoned = false;  ///< the safe-harbour message had to begin
  bool connected = false;  ///< an agent talked
};

/// How the attempt ended, in business terms. Total: every combination has an answer.
Outcome classify(const EndFacts& facts);

}  // namespace carillon::dialer
