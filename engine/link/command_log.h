#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace carillon::link {

/// Which command ids have come: a repeated one is answered again, never performed again.
///
/// Bound   the last `answered_max` answered ids; older ones are forgotten. Control repeats a command only when it is
///         unanswered after a break, so what it may repeat is younger by far.
class CommandLog {
 public:
  explicit CommandLog(std::size_t answered_max = 65'536) : answered_max_(answered_max) {}

  enum class State : std::uint8_t { kNew, kPending, kAnswered };
  struct Answer {
    bool is_answered = false;
    bool ok = true;
    std::string error;
  };

  /// kNew: it is pending from now on.
  State begin(std::uint64_t id) {
    const auto [at, is_new] = answers_.try_emplace(id);
    if (is_new) return State::kNew;
    return at->second.is_answered ? State::kAnswered : State::kPending;
  }
  /// False when it was answered already: nothing to tell.
  bool answer(std::uint64_t id, bool ok, std::string_view error) {
    Answer& answer = answers_[id];
    if (answer.is_answered) return false;
    answer = {true, ok, std::string(error)};
    order_.push_back(id);
    if (order_.size() > answered_max_) {
      answers_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }
  const Answer& answer_of(std::uint64_t id) const { return answers_.at(id); }

 private:
  std::size_t answered_max_;
  std::unordered_map<std::uint64_t, Answer> answers_;
  std::deque<std::uint64_t> order_;
};

}  // namespace carillon::link
