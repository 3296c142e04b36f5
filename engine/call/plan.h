#pragma once
// The call plan as a shard runs it: the schema's CallPlan with prompts resolved (engine/link does that).

#include <cstdint>
#include <vector>

#include "engine/base/fixed_text.h"
#include "engine/base/time.h"

namespace carillon::media {
class Prompt;
}

namespace carillon::call {

/// The schema's values (engine.proto PlanEvent), in its order.
enum class PlanEvent : std::uint8_t {
  kDone,
  kTimeout,
  kDigit,
  kHuman,
  kMachine,
  kBeep,
  kFax,
  kTone,
  kNotSure,
  kSilenceHeard,
  kBridged,
  kBridgeLost,
  kBrainLost
};

struct PlanTransition {
  PlanEvent event = PlanEvent::kDone;
  char digit = 0;  ///< for kDigit; 0: any
  std::uint8_t next = 0;
};

struct PlanState {
  enum class Action : std::uint8_t { kWait, kPlay, kHangup, kTone, kGather };
  enum class Tone : std::uint8_t { kRingback, kBusy, kCongestion, kSilence };

  FixedText<32> name;
  Action action = Action::kWait;
  std::vector<const media::Prompt*> prompts;  ///< kPlay, kGather; kWait: music
  std::uint32_t loops = 1;                    ///< kPlay
  Duration wait{0};                           ///< kWait, kGather; 0: for ever
  std::uint8_t cause = 16;                    ///< kHangup
  FixedText<64> why;                          ///< kHangup
  Tone tone = Tone::kSilence;                 ///< kTone
  std::uint8_t digits_max = 1;                ///< kGather
  char terminator = '#';                      ///< kGather; 0: none
  std::vector<PlanTransition> on;
  Duration timeout{0};  ///< kTimeout after this in the state; 0: none
  FixedText<32> mark;   ///< reported when the state is entered
};

struct DetectConfig {
  Duration decide_by = 4s;
  Duration greeting_max{0};  ///< 0: the detector's default
  bool wait_for_beep = false;
  Duration beep_wait_max = 30s;
};

struct Plan {
  std::vector<PlanState> states;  ///< empty: answer, stay silent, report everything
  bool detects = false;
  DetectConfig detect;
  bool record = false;
  Duration call_time_max = 4h;
  bool hang_up_without_brain = false;
  Duration media_timeout = 30s;
};

}  // namespace carillon::call
