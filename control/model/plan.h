#pragma once
// What a call does once it is answered, as the API takes it: two shorthands and the full form that mirrors
// dialer/plan/plan.h. Prompts are named by id here and by SHA-256 there.

#include <boost/describe.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/api/json/rules.h"
#include "dialer/plan/plan.h"

namespace carillon::control {

enum class OnMachine { kLeaveMessage, kHangUp, kPlayNow };
BOOST_DESCRIBE_ENUM(OnMachine, kLeaveMessage, kHangUp, kPlayNow)

/// Play a message; with detection: to a person at once, to a machine after its beep.
struct MessagePlan {
  static constexpr const char* kSchema = "MessagePlan";
  static constexpr const char* kType = "message";
  std::string prompt;
  OnMachine on_machine = OnMachine::kLeaveMessage;
  std::optional<std::string> safe_harbour;
  std::optional<std::string> opt_out_digit, repeat_digit;
  std::uint32_t loops = 1;
  static json::Rules rules();
};
BOOST_DESCRIBE_STRUCT(MessagePlan, (), (prompt, on_machine, safe_harbour, opt_out_digit, repeat_digit, loops))

/// Ring an agent's phone at answer and bridge; the safe-harbour message after two seconds without an agent.
struct EndpointPlan {
  static constexpr const char* kSchema = "EndpointPlan";
  static constexpr const char* kType = "endpoint";
  std::string endpoint;
  std::uint32_t ring_time_s = 30;
  std::optional<std::string> safe_harbour;
  static json::Rules rules();
};
BOOST_DESCRIBE_STRUCT(EndpointPlan, (), (endpoint, ring_time_s, safe_harbour))

namespace plan_body {

using Event = dialer::PlanEvent;
enum class Tone { kRingback, kBusy, kCongestion, kSilence };
BOOST_DESCRIBE_ENUM(Tone, kRingback, kBusy, kCongestion, kSilence)

struct Play {
  std::vector<std::string> prompts;
  std::uint32_t loops = 1;
};
BOOST_DESCRIBE_STRUCT(Play, (), (prompts, loops))
struct Wait {
  std::uint32_t for_ms = 0;
  std::vector<std::string> music;
};
BOOST_DESCRIBE_STRUCT(Wait, (), (for_ms, music))
struct Hangup {
  std::uint32_t cause = 16;
  std::string why;
};
BOOST_DESCRIBE_STRUCT(Hangup, (), (cause, why))
struct Sound {
  Tone tone = Tone::kRingback;
};
BOOST_DESCRIBE_STRUCT(Sound, (), (tone))
struct Gather {
  std::vector<std::string> prompts;
  std::uint32_t digits_max = 1;
  std::uint32_t timeout_ms = 5000;
  std::string terminator = "#";
};
BOOST_DESCRIBE_STRUCT(Gather, (), (prompts, digits_max, timeout_ms, terminator))
struct Transition {
  std::string event;
  std::string digit;
  std::uint32_t next = 0;
  static json::Rules rules();
};
BOOST_DESCRIBE_STRUCT(Transition, (), (event, digit, next))
/// Exactly one of play, wait, hangup, tone, gather.
struct State {
  static constexpr const char* kSchema = "PlanState";
  std::string name;
  std::optional<Play> play;
  std::optional<Wait> wait;
  std::optional<Hangup> hangup;
  std::optional<Sound> tone;
  std::optional<Gather> gather;
  std::vector<Transition> on;
  std::uint32_t timeout_ms = 0;
  std::string mark;
  static json::Rules rules();
};
BOOST_DESCRIBE_STRUCT(State, (), (name, play, wait, hangup, tone, gather, on, timeout_ms, mark))
struct Detect {
  std::uint32_t decide_by_ms = 4000;
  bool wait_for_beep = true;
  std::uint32_t beep_wait_max_ms = 30000;
};
BOOST_DESCRIBE_STRUCT(Detect, (), (decide_by_ms, wait_for_beep, beep_wait_max_ms))

}  // namespace plan_body

/// The full form. No states: answer, stay silent, report everything.
struct StatesPlan {
  static constexpr const char* kSchema = "StatesPlan";
  static constexpr const char* kType = "states";
  static constexpr bool kDefault = true;
  std::vector<plan_body::State> states;
  std::optional<plan_body::Detect> detect;
  std::uint32_t call_time_max_ms = 4 * 60 * 60 * 1000;
  bool hang_up_without_brain = false;
  std::uint32_t media_timeout_ms = 30000;
  static json::Rules rules();
};
BOOST_DESCRIBE_STRUCT(StatesPlan, (), (states, detect, call_time_max_ms, hang_up_without_brain, media_timeout_ms))

using PlanBody = std::variant<StatesPlan, MessagePlan, EndpointPlan>;

/// A prompt's SHA-256 by its id, or empty when there is none.
using PromptNames = std::function<std::string(const std::string& id)>;

/// The engine's plan for what was asked. `detect` and `record` are those of the call. Faults point below "/plan".
dialer::CallPlan compile(const PlanBody& body, bool detect, bool record, const PromptNames& prompts,
                         json::Faults& faults);

/// Plan of a caller who hears one prompt and is then hung up.
dialer::CallPlan prompt_plan(const std::string& sha256, bool record);
/// Plan of a leg that only talks: ends when its bridge does.
dialer::CallPlan talking_plan(bool record);

}  // namespace carillon::control
