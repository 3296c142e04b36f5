#include "dialer/plan/plan.h"

#include <fmt/format.h>

#include <string_view>

namespace carillon::dialer {
namespace {

constexpr std::size_t kStatesMax = 64;
constexpr std::size_t kTransitionsMax = 16;

bool is_sha256(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string prompts_fault(const std::vector<std::string>& prompts, const char* field) {
  for (std::size_t i = 0; i < prompts.size(); ++i)
    if (!is_sha256(prompts[i])) return fmt::format("{}/{}: not a SHA-256 in lower-case hex", field, i);
  return {};
}

struct ActionFault {
  std::string operator()(const PlanWait& wait) const { return prompts_fault(wait.music, "wait/music"); }
  std::string operator()(const PlanPlay& play) const {
    if (play.prompts.empty()) return "play/prompts: at least one prompt";
    return prompts_fault(play.prompts, "play/prompts");
  }
  std::string operator()(const PlanHangup& hangup) const {
    return hangup.cause > 127 ? "hangup/cause: Q.850 causes are 0 to 127" : "";
  }
  std::string operator()(const PlanTone&) const { return {}; }
  std::string operator()(const PlanGather& gather) const {
    if (gather.digits_max == 0 || gather.digits_max > 32) return "gather/digits_max: 1 to 32";
    return prompts_fault(gather.prompts, "gather/prompts");
  }
};

std::string transition_fault(const PlanTransition& transition, std::size_t states) {
  if (transition.next >= states) return fmt::format("next: state {} does not exist", transition.next);
  if (transition.digit.empty()) return {};
  if (transition.event != PlanEvent::kDigit) return "digit: only for the event digit";
  if (transition.digit.size() != 1 || std::string_view("0123456789*#").find(transition.digit) == std::string_view::npos)
    return "digit: one of 0-9 * #";
  return {};
}

}  // namespace

std::string CallPlan::fault() const {
  if (states.size() > kStatesMax) return fmt::format("states: {} are too many, {} at most", states.size(), kStatesMax);
  for (std::size_t i = 0; i < states.size(); ++i) {
    const PlanState& state = states[i];
    if (const auto fault = std::visit(ActionFault{}, state.action); !fault.empty())
      return fmt::format("states/{}/{}", i, fault);
    if (state.on.size() > kTransitionsMax) return fmt::format("states/{}/on: {} at most", i, kTransitionsMax);
    for (std::size_t k = 0; k < state.on.size(); ++k)
      if (const auto fault = transition_fault(state.on[k], states.size()); !fault.empty())
        return fmt::format("states/{}/on/{}/{}", i, k, fault);
  }
  return {};
}

}  // namespace carillon::dialer
