// What is shown of inbound queues.

#include <algorithm>

#include "control/api/json/walker.h"
#include "control/live/campaigns.h"
#include "control/live/stored.h"

namespace carillon::control {

boost::json::object Campaigns::live_of(QueueRun& queue) {
  const WallTime now = parts_.wall();
  boost::json::array waiting;
  std::int64_t longest_ms = 0;
  if (const auto* line = dialer_.find(queue.number)) {
    for (const dialer::AttemptId id : line->waiting) {
      const auto flight = flights_.find(id.value);
      if (flight == flights_.end()) continue;
      const Attempt& body = flight->second.body;
      const WallTime since = body.waiting_at.value_or(now);
      longest_ms = std::max<std::int64_t>(longest_ms, (now - since).count());
      waiting.push_back(boost::json::object{{"call", body.call},
                                            {"attempt", body.id},
                                            {"number", body.number},
                                            {"since", rfc3339(since)},
                                            {"position", waiting.size() + 1}});
    }
  }
  std::int64_t greeting = 0, connecting = 0, talking = 0, passed_on = 0;
  for (const auto& [serial, flight] : flights_) {
    if (flight.campaign != queue.number) continue;
    if (flight.body.connected_at)
      ++talking;
    else if (flight.caller && flight.caller->is_overflowed)
      ++passed_on;
    else if (!flight.body.waiting_at)
      ++greeting;
    else if (flight.body.agent)
      ++connecting;
  }
  int idle = 0, busy = 0, on_break = 0;
  for (const auto& [id, agent] : dialer_.roster().all()) {
    if (!agent.campaigns.contains(queue.number)) continue;
    int& count = agent.status == dialer::AgentStatus::kReady   ? idle
                 : agent.status == dialer::AgentStatus::kBreak ? on_break
                                                               : busy;
    ++count;
  }
  const auto day = queue.account.sum(now);
  const auto level = day.service_level();
  const auto average_ms = day.answered == 0 ? 0 : day.waited.count() / static_cast<std::int64_t>(day.answered);
  return {{"queue", queue.body.id},
          {"name", queue.body.name},
          {"waiting", std::move(waiting)},
          {"greeting", greeting},
          {"connecting", connecting},
          {"talking", talking},
          {"overflowing", passed_on},
          {"agents", boost::json::object{{"idle", idle}, {"busy", busy}, {"break", on_break}}},
          {"answered", day.answered},
          {"abandoned", day.abandoned},
          {"overflowed", day.overflowed},
          {"failed", day.failed},
          {"longest_wait_s", longest_ms / 1000},
          {"longest_wait_day_s", day.wait_longest.count() / 1000},
          {"average_wait_ms", average_ms},
          {"service_level", level ? boost::json::value(*level) : boost::json::value(nullptr)},
          {"service_level_s", queue.body.service_level_s}};
}

std::optional<boost::json::object> Campaigns::queue_state(const std::string& project, const std::string& id) {
  const Lock lock(mutex_);
  const auto run = queues_.find(id);
  if (run == queues_.end() || run->second.project != project) return std::nullopt;
  return live_of(run->second);
}

// Whoever moved up is told so; the engine's music goes on behind it.
void Campaigns::tell_positions() {
  for (const auto& [id, run] : queues_) {
    const auto* line = dialer_.find(run.number);
    if (run.body.position_prompts.empty() || line == nullptr) continue;
    std::size_t position = 0;
    for (const dialer::AttemptId attempt : line->waiting) {
      ++position;
      const auto flight = flights_.find(attempt.value);
      if (flight == flights_.end() || flight->second.caller->announced == position) continue;
      const bool is_news = flight->second.caller->announced.has_value();
      flight->second.caller->announced = position;
      if (is_news && position <= run.body.position_prompts.size())
        play_to(flight->second.body, run.body.position_prompts[position - 1]);
    }
  }
}

void Campaigns::play_to(const Attempt& attempt, const std::string& prompt) {
  const auto row = parts_.store.find(Kind::kPrompts, attempt.project, prompt);
  const auto known = row ? read_stored<Prompt>(row->body) : std::nullopt;
  const auto call = parts_.live.live_call(attempt.call);
  if (!known || !call) return;
  wire::ToEngine command;
  command.mutable_play()->set_leg(call->leg);
  command.mutable_play()->add_prompts(known->sha256);
  command.mutable_play()->set_loops(1);
  (void)parts_.live.act(*call, std::move(command), true);  // an engine that is away: told with the next move
}

// With the campaigns' beat, and only what has changed.
void Campaigns::publish_queues() {
  if (last_live_ == queues_shown_) return;
  queues_shown_ = last_live_;
  bool has_news = false;
  for (auto& [id, run] : queues_) {
    std::string text = json::text(live_of(run));
    if (text == run.published) continue;
    has_news = true;
    run.published = text;
    parts_.hub.put_figure(id, {.project = run.project, .type = "queue.live", .data = std::move(text)});
  }
  if (has_news) parts_.hub.notify();
}

}  // namespace carillon::control
