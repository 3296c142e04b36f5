// The call plan of an inbound queue: all that a caller hears, so that nobody waits in silence when the brain is away.

#include <fmt/format.h>

#include <algorithm>

#include "control/model/queue.h"

namespace carillon::control {
namespace {

using dialer::CallPlan;
using dialer::PlanEvent;
using dialer::PlanState;
using std::chrono::milliseconds;
using std::chrono::seconds;

enum : std::uint32_t { kEntry, kConnected, kTransferred, kOver, kFixed };
constexpr std::uint32_t kPartsMax = 16;   // of one wait, cut by wait_prompt
constexpr std::uint32_t kStatesMax = 60;  // of a plan: 64, less those at both ends
constexpr milliseconds kRingSlack{3000};  // control gives up ringing first
constexpr std::uint32_t kNoAnswer = 19;   // Q.850

PlanState state(std::string name, decltype(PlanState::action) action, std::string mark = {}) {
  PlanState made;
  made.name = std::move(name);
  made.action = std::move(action);
  made.mark = std::move(mark);
  return made;
}
void on(PlanState& from, PlanEvent event, std::uint32_t next) { from.on.push_back({event, "", next}); }

class Builder {
 public:
  explicit Builder(const PromptNames& prompts) : prompts_(prompts) {
    states_.resize(kFixed);
    states_[kConnected] = state("connected", dialer::PlanWait{}, "connected");
    states_[kTransferred] = state("transferred", dialer::PlanWait{}, "transferred");
    for (const auto talk : {kConnected, kTransferred}) on(states_[talk], PlanEvent::kBridgeLost, kOver);
    states_[kOver] = state("over", dialer::PlanHangup{.cause = 16, .why = "done"});
  }

  std::vector<PlanState> build(const std::vector<Queue>& chain) {
    // n parts are n times music, n - 1 prompts, a greeting and a step
    parts_max_ = std::min(kPartsMax, (kStatesMax - kFixed) / static_cast<std::uint32_t>(chain.size()) / 2 - 1);
    // from the last to the first: each knows where its overflow begins
    std::uint32_t next = kOver;
    for (std::size_t i = chain.size(); i-- > 0;) {
      const bool is_last = i + 1 == chain.size();
      next = add_queue(chain[i], i, is_last ? add_overflow(chain[i]) : next, is_last);
    }
    states_[kEntry] = states_[next];  // transitions lead to `next` itself, never back to the entry
    return std::move(states_);
  }

 private:
  std::vector<std::string> named(const std::optional<std::string>& id) {
    const std::string digest = id ? prompts_(*id) : std::string();
    return digest.empty() ? std::vector<std::string>{} : std::vector{digest};
  }
  std::uint32_t add(PlanState made) {
    states_.push_back(std::move(made));
    return static_cast<std::uint32_t>(states_.size() - 1);
  }

  // The state by which a caller enters the queue.
  std::uint32_t add_queue(const Queue& queue, std::size_t index, std::uint32_t overflow, bool is_last) {
    if (!is_last) overflow = add_step(overflow);
    const auto comfort = named(queue.wait_prompt);
    const milliseconds wait = seconds(queue.max_wait_s);
    std::uint32_t parts = 1;
    if (!comfort.empty())
      parts = std::min(parts_max_, (queue.max_wait_s + queue.wait_prompt_every_s - 1) / queue.wait_prompt_every_s);
    const milliseconds part = milliseconds(seconds(queue.wait_prompt_every_s));
    const milliseconds each = parts == 1 ? wait : std::max(part, wait / parts);
    std::uint32_t next = overflow;
    for (std::uint32_t i = parts; i-- > 0;) {
      const milliseconds lasts = i + 1 == parts ? wait - each * (parts - 1) : each;
      PlanState music = state("music", dialer::PlanWait{lasts, named(queue.music_prompt)});
      if (i == 0) music.mark = index == 0 ? "waiting" : fmt::format("waiting.{}", index + 1);
      on(music, PlanEvent::kBridged, kConnected);
      on(music, PlanEvent::kTimeout, next);
      next = add(std::move(music));
      if (i == 0) break;
      PlanState please = state("please_wait", dialer::PlanPlay{comfort, 1});
      on(please, PlanEvent::kBridged, kConnected);
      on(please, PlanEvent::kDone, next);
      next = add(std::move(please));
    }
    const auto greeting = named(queue.greeting_prompt);
    if (greeting.empty()) return next;
    PlanState greets = state("greeting", dialer::PlanPlay{greeting, 1});
    on(greets, PlanEvent::kBridged, kConnected);  // an agent of the queue before may still be on the way
    on(greets, PlanEvent::kDone, next);
    return add(std::move(greets));
  }

  // A moment between two queues that says that the first is over.
  std::uint32_t add_step(std::uint32_t next) {
    PlanState step = state("overflow", dialer::PlanWait{milliseconds(20), {}}, "overflow");
    on(step, PlanEvent::kBridged, kConnected);
    on(step, PlanEvent::kTimeout, next);
    return add(std::move(step));
  }

  std::uint32_t add_message(const std::optional<std::string>& prompt) {
    const auto message = named(prompt);
    if (message.empty())
      return add(state("overflow", dialer::PlanHangup{.cause = 16, .why = "no agent in time"}, "overflow"));
    PlanState play = state("overflow", dialer::PlanPlay{message, 1}, "overflow");
    on(play, PlanEvent::kBridged, kConnected);
    on(play, PlanEvent::kDone, kOver);
    return add(std::move(play));
  }

  // Ringback until control has bridged the phone; control rings it at the mark "overflow".
  std::uint32_t add_ringing(std::uint32_t ring_time_s) {
    const auto nobody = add(state("nobody", dialer::PlanHangup{.cause = kNoAnswer, .why = "overflow did not answer"}));
    PlanState ringing = state("overflow", dialer::PlanTone{dialer::PlanTone::Tone::kRingback}, "overflow");
    ringing.timeout = seconds(ring_time_s) + kRingSlack;
    on(ringing, PlanEvent::kBridged, kTransferred);
    on(ringing, PlanEvent::kTimeout, nobody);
    return add(std::move(ringing));
  }

  std::uint32_t add_overflow(const Queue& queue) {
    if (!queue.overflow) return add_message(std::nullopt);
    if (const auto* ends = std::get_if<HangUpOverflow>(&*queue.overflow)) return add_message(ends->prompt);
    if (const auto* tells = std::get_if<PromptOverflow>(&*queue.overflow)) return add_message(tells->prompt);
    if (const auto* phone = std::get_if<EndpointOverflow>(&*queue.overflow)) return add_ringing(phone->ring_time_s);
    if (const auto* number = std::get_if<NumberOverflow>(&*queue.overflow)) return add_ringing(number->ring_time_s);
    return add_message(std::nullopt);  // a queue that is gone, or a circle
  }

  const PromptNames& prompts_;
  std::vector<PlanState> states_;
  std::uint32_t parts_max_ = kPartsMax;
};

}  // namespace

dialer::CallPlan queue_plan(const std::vector<Queue>& chain, const PromptNames& prompts, bool record) {
  CallPlan plan;
  plan.states = Builder(prompts).build(chain);
  plan.record = record;
  return plan;
}

}  // namespace carillon::control
