#include "control/model/queue.h"

#include <algorithm>
#include <charconv>

#include "control/model/attempt.h"
#include "control/model/campaign.h"
#include "dialer/queue/account.h"

namespace carillon::control {

Rules HangUpOverflow::rules() {
  static const Rule rules[] = {{.field = "prompt", .about = "Id of a prompt that is heard first."}};
  return rules;
}

Rules EndpointOverflow::rules() {
  static const Rule rules[] = {
      {.field = "endpoint", .about = "Id of the phone to ring.", .required = true},
      {.field = "ring_time_s", .about = "Seconds.", .min = 1, .max = 600},
  };
  return rules;
}

Rules NumberOverflow::rules() {
  static const Rule rules[] = {
      {.field = "number", .about = "Number to call.", .required = true, .check = check_dialable},
      {.field = "trunk", .about = "Id of the trunk to call it by.", .required = true},
      {.field = "ring_time_s", .about = "Seconds.", .min = 1, .max = 600},
  };
  return rules;
}

Rules QueueOverflow::rules() {
  static const Rule rules[] = {{.field = "queue", .about = "Id of the next queue.", .required = true}};
  return rules;
}

Rules PromptOverflow::rules() {
  static const Rule rules[] = {{.field = "prompt", .about = "Id of the prompt.", .required = true}};
  return rules;
}

Rules Queue::rules() {
  static const Rule rules[] = {
      {.field = "id", .about = "Opaque, prefixed, ordered by time.", .read_only = true},
      {.field = "name", .about = "Unique within the project.", .required = true, .min = 1, .max = 64},
      {.field = "greeting_prompt", .about = "Heard to its end before an agent is joined."},
      {.field = "music_prompt", .about = "Heard over and over while waiting."},
      {.field = "wait_prompt", .about = "Heard in between, such as \"please wait\"."},
      {.field = "wait_prompt_every_s",
       .about = "Seconds between two of them; at most 16 in one wait.",
       .min = 5,
       .max = 600},
      {.field = "position_prompts",
       .about = "What a caller hears on becoming the first, second, … in the queue.",
       .max = 50},
      {.field = "max_wait_s", .about = "From the end of the greeting; then comes the overflow.", .min = 1, .max = 7200},
      {.field = "overflow", .about = "Where a caller goes whose time is up; null: hung up."},
      {.field = "service_level_s", .about = "Answered within this counts as answered in time.", .min = 1, .max = 600},
      {.field = "wrap_up_s", .about = "An agent is ready again so long after a call.", .max = 3600},
      {.field = "created_at", .about = "", .read_only = true},
      {.field = "updated_at", .about = "", .read_only = true}};
  return rules;
}

std::vector<Queue> queue_chain(const std::string& id, const QueueNames& queues) {
  std::vector<Queue> chain;
  std::string next = id;
  while (chain.size() < kQueueChainMax) {
    const bool is_circle = std::ranges::any_of(chain, [&](const Queue& queue) { return queue.id == next; });
    auto queue = is_circle ? std::nullopt : queues(next);
    if (!queue) break;
    chain.push_back(std::move(*queue));
    const auto* on = chain.back().overflow ? std::get_if<QueueOverflow>(&*chain.back().overflow) : nullptr;
    if (on == nullptr) break;
    next = on->queue;
  }
  return chain;
}

dialer::CampaignConfig config_of(const Queue& queue) {
  dialer::CampaignConfig config;
  config.id = {dialer_number(queue.id)};
  config.mode = dialer::Mode::kInbound;
  config.channels_max = 100'000;  // the engine's legs are the limit
  config.wrap_up_max = std::chrono::seconds(queue.wrap_up_s);
  return config;
}

std::optional<std::size_t> waiting_in(std::string_view mark) {
  constexpr std::string_view kWord = "waiting";
  if (!mark.starts_with(kWord)) return std::nullopt;
  mark.remove_prefix(kWord.size());
  if (mark.empty()) return 0;
  std::size_t number = 0;
  if (mark.front() != '.') return std::nullopt;
  const auto [end, error] = std::from_chars(mark.data() + 1, mark.data() + mark.size(), number);
  if (error != std::errc{} || end != mark.data() + mark.size() || number < 2) return std::nullopt;
  return number - 1;
}

namespace {

// From the first mark "waiting" on; those of further queues count on.
void count_wait(Call& call, WallTime until) {
  const auto since = std::ranges::find_if(call.marks, [](const Mark& mark) { return waiting_in(mark.mark) == 0u; });
  call.waited_ms =
      since == call.marks.end() || until < since->at ? 0 : static_cast<std::uint64_t>((until - since->at).count());
}

}  // namespace

void take_mark(Call& call, std::string mark, WallTime at) {
  if (!call.queue_chain.empty()) {
    const auto index = waiting_in(mark);
    if (index && *index < call.queue_chain.size()) call.queue = call.queue_chain[*index];
    const bool is_first_end = (mark == "connected" || mark == "overflow") && !has_mark(call, "connected") &&
                              (mark == "connected" || !has_mark(call, "overflow"));
    if (is_first_end) count_wait(call, at);
  }
  call.marks.push_back({std::move(mark), at});
}

void end_visit(Call& call) {
  if (call.queue_chain.empty() || !call.answered_at) return;
  const auto last = std::find_if(call.marks.rbegin(), call.marks.rend(),
                                 [](const Mark& mark) { return mark.mark == "overflow" || waiting_in(mark.mark); });
  // an agent who was joined in the moment of the overflow: the plan calls that a transfer
  const bool joined_late = call.agent && has_mark(call, "transferred");
  const dialer::CallerFacts facts{.connected = has_mark(call, "connected") || joined_late,
                                  .overflowed = last != call.marks.rend() && last->mark == "overflow",
                                  .engine_fault = call.error.has_value()};
  if (!facts.connected && !facts.overflowed && call.ended_at) count_wait(call, *call.ended_at);
  call.queue_outcome = dialer::text(dialer::classify(facts));
}

}  // namespace carillon::control
