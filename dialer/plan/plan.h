#pragma once
// The call plan as the dialer and control see it: what an engine does on its own with one answered call.
// Pure data; control/link turns it into the schema's CallPlan, field by field (engine/link/engine.proto says more).

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace carillon::dialer {

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
  std::string digit;  ///< for kDigit: one of 0-9 * #; empty: any
  std::uint32_t next = 0;
};

/// Prompts are named by the SHA-256 of their WAV file, in hex.
struct PlanPlay {
  std::vector<std::string> prompts;
  std::uint32_t loops = 1;
};
struct PlanWait {
  std::chrono::milliseconds duration{0};  ///< 0: for ever
  std::vector<std::string> music;
};
struct PlanHangup {
  std::uint32_t cause = 16;  ///< Q.850
  std::string why;
};
struct PlanTone {
  enum class Tone : std::uint8_t { kRingback, kBusy, kCongestion, kSilence };
  Tone tone = Tone::kRingback;
};
struct PlanGather {
  std::vector<std::string> prompts;
  std::uint32_t digits_max = 1;
  std::chrono::milliseconds timeout{5000};
  std::string terminator = "#";
};

struct PlanState {
  std::string name;
  std::variant<PlanWait, PlanPlay, PlanHangup, PlanTone, PlanGather> action;
  std::vector<PlanTransition> on;
  std::chrono::milliseconds timeout{0};  ///< 0: none
  std::string mark;                      ///< reported when the state is entered
};

struct DetectConfig {
  std::chrono::milliseconds decide_by{4000};  ///< final verdict at the latest, from answer
  bool wait_for_beep = true;
  std::chrono::milliseconds beep_wait_max{30000};
};

struct CallPlan {
  std::vector<PlanState> states;  ///< states[0] is entered at answer
  std::optional<DetectConfig> detect;
  bool record = false;
  std::chrono::milliseconds call_time_max{4 * 60 * 60 * 1000};
  bool hang_up_without_brain = false;
  std::chrono::milliseconds media_timeout{30000};

  /// The first fault as "states/2/on/0/next: reason", or empty. An engine refuses what this refuses.
  std::string fault() const;
};

}  // namespace carillon::dialer
