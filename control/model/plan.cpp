#include "control/model/plan.h"

#include "control/api/json/walker.h"
#include "control/model/checks.h"

namespace carillon::control {

using dialer::CallPlan;
using dialer::PlanEvent;
using dialer::PlanHangup;
using dialer::PlanPlay;
using dialer::PlanState;
using dialer::PlanWait;
using std::chrono::milliseconds;

namespace {

std::string check_one_digit(std::string_view text) {
  return text.size() == 1 && check_digits(text).empty() ? "" : "must be one of 0-9 * #";
}

constexpr std::pair<const char*, PlanEvent> kEvents[] = {{"done", PlanEvent::kDone},
                                                         {"timeout", PlanEvent::kTimeout},
                                                         {"digit", PlanEvent::kDigit},
                                                         {"human", PlanEvent::kHuman},
                                                         {"machine", PlanEvent::kMachine},
                                                         {"beep", PlanEvent::kBeep},
                                                         {"fax", PlanEvent::kFax},
                                                         {"tone", PlanEvent::kTone},
                                                         {"not_sure", PlanEvent::kNotSure},
                                                         {"silence_heard", PlanEvent::kSilenceHeard},
                                                         {"bridged", PlanEvent::kBridged},
                                                         {"bridge_lost", PlanEvent::kBridgeLost},
                                                         {"brain_lost", PlanEvent::kBrainLost}};

std::string check_event(std::string_view text) {
  std::string names;
  for (const auto& [name, event] : kEvents) {
    if (text == name) return {};
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return "must be one of " + names;
}

PlanEvent event_of(std::string_view text) {
  for (const auto& [name, event] : kEvents)
    if (text == name) return event;
  return PlanEvent::kDone;
}

// Resolves ids to digests, noting what is missing.
class Names {
 public:
  Names(const PromptNames& prompts, json::Faults& faults) : prompts_(prompts), faults_(faults) {}
  std::string one(const std::string& id, std::string pointer) {
    auto digest = prompts_(id);
    if (digest.empty()) faults_.push_back({std::move(pointer), "unknown", "no prompt of that id"});
    return digest;
  }
  std::vector<std::string> all(const std::vector<std::string>& ids, const std::string& pointer) {
    std::vector<std::string> digests;
    for (std::size_t i = 0; i < ids.size(); ++i) digests.push_back(one(ids[i], pointer + "/" + std::to_string(i)));
    return digests;
  }

 private:
  const PromptNames& prompts_;
  json::Faults& faults_;
};

PlanState state(std::string name, decltype(PlanState::action) action, std::string mark = {}) {
  PlanState state;
  state.name = std::move(name);
  state.action = std::move(action);
  state.mark = std::move(mark);
  return state;
}
PlanState hangup_state(std::string name, std::string why, std::string mark = {}) {
  return state(std::move(name), PlanHangup{.cause = 16, .why = std::move(why)}, std::move(mark));
}
void on(PlanState& from, PlanEvent event, std::uint32_t next) { from.on.push_back({event, "", next}); }

// States by number, as every message plan has them; those a plan does not reach are harmless.
enum : std::uint32_t { kVerdict, kMessage, kListen, kBeep, kOptOut, kMachine, kNobody, kDone, kHarbour };

void add_digits(PlanState& from, const MessagePlan& body) {
  if (body.opt_out_digit) from.on.push_back({PlanEvent::kDigit, *body.opt_out_digit, kOptOut});
  if (body.repeat_digit) from.on.push_back({PlanEvent::kDigit, *body.repeat_digit, kMessage});
}

CallPlan message_plan(const MessagePlan& body, bool detect, Names& names) {
  const std::string prompt = names.one(body.prompt, "/plan/prompt");
  const bool has_digits = body.opt_out_digit || body.repeat_digit;
  CallPlan plan;
  plan.states.resize(kHarbour);

  PlanState message = state("message", PlanPlay{.prompts = {prompt}, .loops = body.loops}, "message_started");
  on(message, PlanEvent::kDone, kListen);
  add_digits(message, body);
  // after the message: a moment for a digit, where digits mean something
  PlanState listen = has_digits ? state("listen", PlanWait{.duration = milliseconds(3000), .music = {}}, "message_done")
                                : hangup_state("done", "message done", "message_done");
  if (has_digits) {
    on(listen, PlanEvent::kTimeout, kDone);
    add_digits(listen, body);
  }
  PlanState beep = state("await_beep", PlanWait{.duration = milliseconds(32000), .music = {}});
  for (const auto event : {PlanEvent::kBeep, PlanEvent::kTimeout, PlanEvent::kHuman}) on(beep, event, kMessage);
  add_digits(beep, body);

  plan.states[kVerdict] = state("verdict", PlanWait{});
  plan.states[kMessage] = message;
  plan.states[kListen] = listen;
  plan.states[kBeep] = beep;
  plan.states[kOptOut] = hangup_state("opt_out", "opted out", "opt_out");
  plan.states[kMachine] = hangup_state("machine", "answering machine", "machine");
  plan.states[kNobody] = hangup_state("nobody", "fax or tone");
  plan.states[kDone] = hangup_state("done", "message done");
  if (body.safe_harbour) {
    PlanState harbour = state(
        "safe_harbour", PlanPlay{.prompts = {names.one(*body.safe_harbour, "/plan/safe_harbour")}}, "safe_harbour");
    on(harbour, PlanEvent::kDone, kDone);
    plan.states.push_back(harbour);
  }
  if (!detect) {
    plan.states[kVerdict] = message;
    return plan;
  }
  plan.detect = dialer::DetectConfig{.wait_for_beep = body.on_machine == OnMachine::kLeaveMessage};
  PlanState& verdict = plan.states[kVerdict];
  for (const auto event : {PlanEvent::kHuman, PlanEvent::kNotSure, PlanEvent::kSilenceHeard})
    on(verdict, event, kMessage);
  on(verdict, PlanEvent::kMachine,
     body.on_machine == OnMachine::kLeaveMessage ? kBeep
     : body.on_machine == OnMachine::kHangUp     ? kMachine
                                                 : kMessage);
  on(verdict, PlanEvent::kFax, kNobody);
  on(verdict, PlanEvent::kTone, kNobody);
  add_digits(verdict, body);
  // the detector owes a verdict by its deadline; should it stay silent, nobody is left waiting
  verdict.timeout = plan.detect->decide_by + milliseconds(2000);
  on(verdict, PlanEvent::kTimeout, body.safe_harbour ? kHarbour : kMessage);
  return plan;
}

CallPlan endpoint_plan(const EndpointPlan& body, bool detect, Names& names) {
  enum : std::uint32_t { kConnecting, kTalking, kOver, kHarbourMessage };
  CallPlan plan;
  PlanState connecting = body.safe_harbour
                             ? state("connecting", PlanWait{})
                             : state("connecting", dialer::PlanTone{.tone = dialer::PlanTone::Tone::kRingback});
  on(connecting, PlanEvent::kBridged, kTalking);
  on(connecting, PlanEvent::kTimeout, body.safe_harbour ? kHarbourMessage : kOver);
  if (detect)
    for (const auto event : {PlanEvent::kMachine, PlanEvent::kFax, PlanEvent::kTone}) on(connecting, event, kOver);
  connecting.timeout = body.safe_harbour ? milliseconds(2000) : milliseconds(1000 * (body.ring_time_s + 5));
  PlanState talking = state("talking", PlanWait{}, "connected");
  on(talking, PlanEvent::kBridgeLost, kOver);
  plan.states = {connecting, talking, hangup_state("over", "bridge ended")};
  if (body.safe_harbour) {
    PlanState harbour = state(
        "safe_harbour", PlanPlay{.prompts = {names.one(*body.safe_harbour, "/plan/safe_harbour")}}, "safe_harbour");
    on(harbour, PlanEvent::kDone, kOver);
    on(harbour, PlanEvent::kBridged, kTalking);
    plan.states.push_back(harbour);
  }
  if (detect) plan.detect = dialer::DetectConfig{.wait_for_beep = false};
  return plan;
}

PlanState full_state(const plan_body::State& body, const std::string& at, Names& names, json::Faults& faults) {
  PlanState out;
  out.name = body.name;
  out.mark = body.mark;
  out.timeout = milliseconds(body.timeout_ms);
  const int actions = body.play.has_value() + body.wait.has_value() + body.hangup.has_value() + body.tone.has_value() +
                      body.gather.has_value();
  if (actions != 1) faults.push_back({at, "choice", "needs exactly one of play, wait, hangup, tone, gather"});
  if (body.play) out.action = PlanPlay{names.all(body.play->prompts, at + "/play/prompts"), body.play->loops};
  if (body.wait)
    out.action = PlanWait{milliseconds(body.wait->for_ms), names.all(body.wait->music, at + "/wait/music")};
  if (body.hangup) out.action = PlanHangup{body.hangup->cause, body.hangup->why};
  if (body.tone) out.action = dialer::PlanTone{static_cast<dialer::PlanTone::Tone>(body.tone->tone)};
  if (body.gather)
    out.action = dialer::PlanGather{names.all(body.gather->prompts, at + "/gather/prompts"), body.gather->digits_max,
                                    milliseconds(body.gather->timeout_ms), body.gather->terminator};
  for (const auto& transition : body.on)
    out.on.push_back({event_of(transition.event), transition.digit, transition.next});
  return out;
}

CallPlan states_plan(const StatesPlan& body, bool detect, Names& names, json::Faults& faults) {
  CallPlan plan;
  for (std::size_t i = 0; i < body.states.size(); ++i)
    plan.states.push_back(full_state(body.states[i], "/plan/states/" + std::to_string(i), names, faults));
  if (body.detect)
    plan.detect = dialer::DetectConfig{milliseconds(body.detect->decide_by_ms), body.detect->wait_for_beep,
                                       milliseconds(body.detect->beep_wait_max_ms)};
  else if (detect)
    plan.detect = dialer::DetectConfig{};
  plan.call_time_max = milliseconds(body.call_time_max_ms);
  plan.hang_up_without_brain = body.hang_up_without_brain;
  plan.media_timeout = milliseconds(body.media_timeout_ms);
  return plan;
}

}  // namespace

json::Rules MessagePlan::rules() {
  static const json::Rule rules[] = {
      {.field = "prompt", .about = "Id of the message.", .required = true},
      {.field = "on_machine", .about = "With detect: what an answering machine gets."},
      {.field = "safe_harbour", .about = "Id of the prompt played where no verdict came in time."},
      {.field = "opt_out_digit", .about = "This key marks the call opt_out and ends it.", .check = check_one_digit},
      {.field = "repeat_digit", .about = "This key plays the message again.", .check = check_one_digit},
      {.field = "loops", .about = "How often it is played.", .min = 1, .max = 100},
  };
  return rules;
}

json::Rules EndpointPlan::rules() {
  static const json::Rule rules[] = {
      {.field = "endpoint", .about = "Id of the phone to ring at answer.", .required = true},
      {.field = "ring_time_s", .about = "Seconds.", .min = 1, .max = 600},
      {.field = "safe_harbour", .about = "Id of the prompt played when no agent came within two seconds."},
  };
  return rules;
}

namespace plan_body {

json::Rules Transition::rules() {
  static const json::Rule rules[] = {
      {.field = "event",
       .about = "done, timeout, digit, human, machine, beep, fax, tone, not_sure, silence_heard, "
                "bridged, bridge_lost or brain_lost.",
       .required = true,
       .check = check_event},
      {.field = "digit", .about = "For the event digit: which; empty: any.", .max = 1},
      {.field = "next", .about = "Index of the state to enter.", .required = true, .max = 63},
  };
  return rules;
}

json::Rules State::rules() {
  static const json::Rule rules[] = {
      {.field = "name", .about = "For reports.", .max = 32},
      {.field = "on", .about = "The first that matches is taken.", .max = 16},
      {.field = "timeout_ms", .about = "Event timeout after this; 0: none.", .max = 86400000},
      {.field = "mark", .about = "Reported when the state is entered.", .max = 32},
  };
  return rules;
}

}  // namespace plan_body

json::Rules StatesPlan::rules() {
  static const json::Rule rules[] = {
      {.field = "states", .about = "states[0] is entered at answer.", .max = 64},
      {.field = "call_time_max_ms", .about = "Hang up after this.", .min = 1000, .max = 86400000},
      {.field = "media_timeout_ms", .about = "Hang up after so long without RTP.", .min = 1000, .max = 3600000},
  };
  return rules;
}

CallPlan compile(const PlanBody& body, bool detect, bool record, const PromptNames& prompts, json::Faults& faults) {
  Names names(prompts, faults);
  CallPlan plan;
  if (const auto* message = std::get_if<MessagePlan>(&body)) plan = message_plan(*message, detect, names);
  if (const auto* endpoint = std::get_if<EndpointPlan>(&body)) plan = endpoint_plan(*endpoint, detect, names);
  if (const auto* states = std::get_if<StatesPlan>(&body)) plan = states_plan(*states, detect, names, faults);
  plan.record = record;
  if (!faults.empty()) return plan;
  if (const auto fault = plan.fault(); !fault.empty()) {
    const auto colon = fault.find(": ");
    faults.push_back({"/plan/" + fault.substr(0, colon), "plan", fault.substr(colon + 2)});
  }
  return plan;
}

CallPlan prompt_plan(const std::string& sha256, bool record) {
  CallPlan plan;
  PlanState message = state("message", PlanPlay{.prompts = {sha256}}, "message_started");
  on(message, PlanEvent::kDone, 1);
  plan.states = {message, hangup_state("done", "message done", "message_done")};
  plan.record = record;
  return plan;
}

CallPlan talking_plan(bool record) {
  CallPlan plan;
  PlanState talking = state("talking", PlanWait{});
  on(talking, PlanEvent::kBridgeLost, 1);
  plan.states = {talking, hangup_state("over", "bridge ended")};
  plan.record = record;
  return plan;
}

}  // namespace carillon::control
