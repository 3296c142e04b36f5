#include "control/link/command_queue.h"

#include "control/link/engine_link.h"

namespace carillon::control {
namespace {

// Whether `answer` ends the command, or more parts follow.
bool is_final(const wire::ToEngine& command, const wire::FromEngine& answer) {
  if (answer.has_snapshot()) return !answer.snapshot().more();
  if (answer.has_prompt()) return command.has_put_chunk();
  return true;
}

}  // namespace

std::uint64_t CommandQueue::add(wire::ToEngine command, TimePoint now, bool is_call) {
  const std::lock_guard lock(mutex_);
  if (is_closed_ || commands_.size() >= most_) return 0;
  if (command.id() == 0) command.set_id(next_id_++);
  const std::uint64_t id = command.id();
  const auto [at, is_new] = commands_.try_emplace(id);
  if (!is_new) return id;  // under way already
  at->second = {.order = next_order_++,
                .message = std::move(command),
                .queued = now,
                .boot = {},
                .is_call = is_call,
                .answer = {},
                .is_answered = false};
  unsent_.emplace(at->second.order, id);
  return id;
}

std::optional<wire::ToEngine> CommandQueue::next_to_send(const std::string& boot) {
  const std::lock_guard lock(mutex_);
  if (unsent_.empty()) return {};
  Command& command = commands_.at(unsent_.begin()->second);
  unsent_.erase(unsent_.begin());
  command.boot = boot;
  return command.message;
}

std::vector<wire::FromEngine> CommandQueue::connected(const std::string& boot, WallTime wall) {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> lost;
  for (auto& [id, command] : commands_) {
    if (command.is_answered) continue;
    if (!command.boot.empty() && command.boot != boot) lost.push_back(id);
    if (command.answer) command.answer.reset();  // parts of a snapshot begin anew
    unsent_.emplace(command.order, id);
  }
  return refuse(lost, kEngineRestarted, wall);
}

std::vector<wire::FromEngine> CommandQueue::expire(TimePoint now, Duration unsent_max, WallTime wall) {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> late;
  for (const auto& [order, id] : unsent_) {
    const Command& command = commands_.at(id);
    if (command.boot.empty() && now - command.queued > unsent_max) late.push_back(id);
  }
  return refuse(late, "engine not connected", wall);
}

std::vector<wire::FromEngine> CommandQueue::refuse(const std::vector<std::uint64_t>& ids, const char* why,
                                                   WallTime wall) {
  std::vector<wire::FromEngine> answers;
  for (const std::uint64_t id : ids) {
    wire::FromEngine answer;
    answer.set_answers(id);
    answer.set_wall_ms(wall.time_since_epoch().count());
    answer.mutable_done()->set_ok(false);
    answer.mutable_done()->set_error(why);
    if (auto shown = finish(commands_.find(id), std::move(answer))) answers.push_back(std::move(*shown));
  }
  return answers;
}

std::optional<wire::FromEngine> CommandQueue::answered(wire::FromEngine answer) {
  const std::lock_guard lock(mutex_);
  const auto at = commands_.find(answer.answers());
  if (at == commands_.end() || at->second.is_answered) return {};
  if (is_final(at->second.message, answer)) return finish(at, std::move(answer));
  if (!answer.has_snapshot()) return answer;  // a PromptState among several: each counts by itself
  if (at->second.answer)
    at->second.answer->mutable_snapshot()->MergeFrom(answer.snapshot());
  else
    at->second.answer = std::move(answer);
  return {};
}

std::optional<wire::FromEngine> CommandQueue::finish(Commands::iterator at, wire::FromEngine answer) {
  Command& command = at->second;
  unsent_.erase(command.order);
  if (command.answer && answer.has_snapshot()) {
    command.answer->mutable_snapshot()->MergeFrom(answer.snapshot());
    answer = std::move(*command.answer);
    answer.mutable_snapshot()->set_more(false);
  }
  if (!command.is_call) {
    commands_.erase(at);
    return answer;
  }
  command.answer = std::move(answer);
  command.is_answered = true;
  changed_.notify_all();
  return {};
}

std::optional<wire::FromEngine> CommandQueue::wait(std::uint64_t id, Duration timeout) {
  std::unique_lock lock(mutex_);
  const auto is_there = [&] { return is_closed_ || commands_.at(id).is_answered; };
  changed_.wait_for(lock, timeout, is_there);
  const auto at = commands_.find(id);
  std::optional<wire::FromEngine> answer;
  if (at->second.is_answered) answer = std::move(at->second.answer);
  unsent_.erase(at->second.order);
  commands_.erase(at);
  return answer;
}

void CommandQueue::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  changed_.notify_all();
}

std::size_t CommandQueue::size() const {
  const std::lock_guard lock(mutex_);
  return commands_.size();
}

}  // namespace carillon::control
