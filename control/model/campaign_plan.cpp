// The call plans of campaigns: what an engine does on its own so that no law waits for the brain.

#include "control/model/campaign.h"

namespace carillon::control {
namespace {

using dialer::CallPlan;
using dialer::PlanEvent;
using dialer::PlanState;
using std::chrono::milliseconds;

// States by number, as every campaign's plan has them; those a plan does not reach are harmless.
enum : std::uint32_t {
  kVerdict,
  kPerson,     // a person waits for an agent
  kHarbour,    // nobody came in time
  kConnected,  // bridged to an agent
  kOver,
  kMachine,
  kBeep,
  kMessage,
  kListen,
  kOptOut,
  kNobody,
  kStates
};

constexpr milliseconds kAskedForAgentMax{60'000}, kBeepMax{32'000}, kListenMax{3000};

PlanState state(std::string name, decltype(PlanState::action) action, std::string mark = {}) {
  PlanState made;
  made.name = std::move(name);
  made.action = std::move(action);
  made.mark = std::move(mark);
  return made;
}
PlanState hangup(std::string name, std::string why, std::string mark = {}) {
  return state(std::move(name), dialer::PlanHangup{.cause = 16, .why = std::move(why)}, std::move(mark));
}
void on(PlanState& from, PlanEvent event, std::uint32_t next) { from.on.push_back({event, "", next}); }

class Builder {
 public:
  Builder(const Campaign& campaign, const PromptNames& prompts, json::Faults& faults)
      : campaign_(campaign), prompts_(prompts), faults_(faults) {}

  CallPlan build() {
    plan_.states.resize(kStates);
    const bool is_broadcast = campaign_.mode == CampaignMode::kBroadcast;
    if (is_broadcast && !campaign_.prompt) faults_.push_back({"/prompt", "required", "a broadcast needs its message"});
    if (campaign_.mode == CampaignMode::kPredictive && !campaign_.safe_harbour_prompt)
      faults_.push_back({"/safe_harbour_prompt", "required", "predictive needs a safe-harbour message"});
    if (campaign_.on_machine == MachineAnswer::kLeaveMessage && !campaign_.prompt)
      faults_.push_back({"/prompt", "required", "is what would be left on a machine"});
    add_agent_states(is_broadcast);
    add_message_states();
    add_ends();
    add_verdict(is_broadcast ? kMessage : kPerson);
    plan_.record = campaign_.record;
    return std::move(plan_);
  }

 private:
  std::vector<std::string> named(const std::optional<std::string>& id, const char* pointer) {
    if (!id) return {};
    const auto digest = prompts_(*id);
    if (digest.empty()) faults_.push_back({pointer, "unknown", "no prompt of that id"});
    return {digest};
  }
  void add_digits(PlanState& from) {
    if (campaign_.opt_out_digit) from.on.push_back({PlanEvent::kDigit, *campaign_.opt_out_digit, kOptOut});
    if (campaign_.repeat_digit && campaign_.prompt)
      from.on.push_back({PlanEvent::kDigit, *campaign_.repeat_digit, kMessage});
    if (campaign_.agent_digit) from.on.push_back({PlanEvent::kDigit, *campaign_.agent_digit, kPerson});
  }
  void add_opt_out(PlanState& from) {
    if (campaign_.opt_out_digit) from.on.push_back({PlanEvent::kDigit, *campaign_.opt_out_digit, kOptOut});
  }

  void add_agent_states(bool is_broadcast) {
    PlanState& person = plan_.states[kPerson];
    person = state("person", dialer::PlanWait{}, is_broadcast ? "wants_agent" : "person");
    if (is_broadcast) person.action = dialer::PlanWait{milliseconds(0), named(campaign_.music_prompt, "/music_prompt")};
    person.timeout = is_broadcast ? kAskedForAgentMax : milliseconds(campaign_.pacing.connect_time_max_ms);
    on(person, PlanEvent::kBridged, kConnected);
    on(person, PlanEvent::kTimeout, kHarbour);
    add_opt_out(person);

    PlanState& harbour = plan_.states[kHarbour];
    if (campaign_.safe_harbour_prompt) {
      harbour = state("safe_harbour", dialer::PlanPlay{named(campaign_.safe_harbour_prompt, "/safe_harbour_prompt"), 1},
                      "safe_harbour");
      on(harbour, PlanEvent::kDone, kOver);
      on(harbour, PlanEvent::kBridged, kConnected);
      add_opt_out(harbour);
    } else {
      harbour = hangup("abandoned", "no agent in time", "abandoned");
    }
    plan_.states[kConnected] = state("connected", dialer::PlanWait{}, "connected");
    on(plan_.states[kConnected], PlanEvent::kBridgeLost, kOver);
  }

  void add_message_states() {
    const auto message = named(campaign_.prompt, "/prompt");
    if (message.empty()) {
      plan_.states[kMessage] = plan_.states[kListen] = plan_.states[kBeep] = hangup("over", "no message");
      return;
    }
    const bool has_digits = campaign_.opt_out_digit || campaign_.repeat_digit || campaign_.agent_digit;
    plan_.states[kMessage] = state("message", dialer::PlanPlay{message, 1}, "message_started");
    on(plan_.states[kMessage], PlanEvent::kDone, kListen);
    add_digits(plan_.states[kMessage]);
    PlanState& listen = plan_.states[kListen];
    if (has_digits) {  // a moment for a digit
      listen = state("listen", dialer::PlanWait{kListenMax, {}}, "message_done");
      on(listen, PlanEvent::kTimeout, kOver);
      add_digits(listen);
    } else {
      listen = hangup("done", "message done", "message_done");
    }
    PlanState& beep = plan_.states[kBeep];
    beep = state("await_beep", dialer::PlanWait{kBeepMax, {}});
    for (const auto event : {PlanEvent::kBeep, PlanEvent::kTimeout}) on(beep, event, kMessage);
    add_digits(beep);
  }

  void add_ends() {
    plan_.states[kOver] = hangup("over", "done");
    plan_.states[kMachine] = hangup("machine", "answering machine");
    plan_.states[kOptOut] = hangup("opt_out", "opted out", "opt_out");
    plan_.states[kNobody] = hangup("nobody", "fax, tone or silence");
  }

  void add_verdict(std::uint32_t for_person) {
    PlanState& verdict = plan_.states[kVerdict];
    if (!campaign_.detect) {
      verdict = plan_.states[for_person];
      return;
    }
    const bool is_broadcast = for_person == kMessage;
    const bool leaves = campaign_.on_machine == MachineAnswer::kLeaveMessage;
    plan_.detect = dialer::DetectConfig{.wait_for_beep = leaves};
    verdict = state("verdict", dialer::PlanWait{});
    for (const auto event : {PlanEvent::kHuman, PlanEvent::kNotSure}) on(verdict, event, for_person);
    on(verdict, PlanEvent::kSilenceHeard, is_broadcast ? for_person : kNobody);
    on(verdict, PlanEvent::kMachine,
       leaves                                           ? kBeep
       : campaign_.on_machine == MachineAnswer::kHangUp ? kMachine
                                                        : for_person);
    on(verdict, PlanEvent::kFax, kNobody);
    on(verdict, PlanEvent::kTone, kNobody);
    add_digits(verdict);
    // the detector owes a verdict by its deadline; should it stay silent, nobody is left waiting
    verdict.timeout = plan_.detect->decide_by + milliseconds(2000);
    on(verdict, PlanEvent::kTimeout, for_person);
  }

  const Campaign& campaign_;
  const PromptNames& prompts_;
  json::Faults& faults_;
  CallPlan plan_;
};

}  // namespace

dialer::CallPlan campaign_plan(const Campaign& campaign, const PromptNames& prompts, json::Faults& faults) {
  CallPlan plan = Builder(campaign, prompts, faults).build();
  if (!faults.empty()) return plan;
  if (const auto fault = plan.fault(); !fault.empty()) faults.push_back({"", "plan", fault});
  return plan;
}

dialer::CallPlan seat_plan(const std::string& music_sha256) {
  CallPlan plan;
  dialer::PlanWait between;
  if (!music_sha256.empty()) between.music.push_back(music_sha256);
  PlanState idle = state("idle", between);
  on(idle, PlanEvent::kBridged, 1);
  PlanState talking = state("talking", dialer::PlanWait{});
  on(talking, PlanEvent::kBridgeLost, 0);
  plan.states = {idle, talking};
  plan.call_time_max = std::chrono::hours(24);
  return plan;
}

}  // namespace carillon::control
