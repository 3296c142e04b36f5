#include "engine/link/event_book.h"

#include <algorithm>
#include <vector>

namespace carillon::link {
namespace {

constexpr std::uint32_t kTemporaryFailure = 41;  // Q.850

bool is_end(const wire::FromEngine& event) { return event.has_leg() && event.leg().state() == wire::LegState::ENDED; }

// The states after which a kill would leave a call without its CDR, or with one that lacks the time of answer.
bool is_milestone(const wire::FromEngine& event) {
  if (!event.has_leg()) return false;
  const auto state = event.leg().state();
  return state == wire::LegState::TRYING || state == wire::LegState::INCOMING || state == wire::LegState::ANSWERED;
}

void end_orphan(wire::LegState& leg, WallTime last_beat) {
  leg.set_state(wire::LegState::ENDED);
  leg.set_reason("engine restarted");
  leg.set_cause(kTemporaryFailure);
  leg.set_ended_by(wire::LegState::ENGINE);
  const std::int64_t last_known = std::max({leg.started_ms(), leg.ringing_ms(), leg.answered_ms()});
  leg.set_ended_ms(std::max<std::int64_t>(last_beat.time_since_epoch().count(), last_known));
}

}  // namespace

EventBook::EventBook(Journal& journal, std::size_t live_max, std::size_t live_bytes_max)
    : journal_(journal), live_max_(live_max), live_bytes_max_(live_bytes_max), dropped_(journal.last_sequence()) {}

void EventBook::end_orphans(WallTime now) {
  std::vector<wire::LegState> orphans;
  journal_.each_leg([&](LegId leg, std::string_view bytes) {
    wire::LegState state;
    if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) state.Clear();
    state.set_leg(leg.value);
    orphans.push_back(std::move(state));
  });
  for (auto& leg : orphans) {
    end_orphan(leg, journal_.last_beat());
    wire::FromEngine event;
    event.set_wall_ms(now.time_since_epoch().count());
    *event.mutable_leg() = std::move(leg);
    add(event);
  }
}

void EventBook::add(wire::FromEngine& event) {
  event.set_sequence(journal_.next_sequence());
  std::string bytes = event.SerializeAsString();
  if (!journal(event, bytes)) keep_live(event.sequence(), std::move(bytes));
}

void EventBook::add_recording(wire::FromEngine& event) {
  const LegId leg{event.record_done().leg()};
  wire::FromEngine before;
  const auto kept = journal_.leg(leg);
  // A state without Call-ID is only our note that the leg was asked for: control, which asked, knows that.
  if (kept && before.mutable_leg()->ParseFromArray(kept->data(), static_cast<int>(kept->size())) &&
      !before.leg().call_id().empty()) {
    before.set_sequence(journal_.next_sequence());
    before.set_wall_ms(event.wall_ms());
    std::string bytes = before.SerializeAsString();
    if (!journal_.add_event(before.sequence(), bytes)) {
      ++unjournaled_;
      keep_live(before.sequence(), std::move(bytes));
    }
  }
  add(event);
}

// True when the event stands in the journal now.
bool EventBook::journal(const wire::FromEngine& event, const std::string& bytes) {
  if (is_end(event) || event.has_record_done()) {
    const LegId ends = is_end(event) ? LegId{event.leg().leg()} : LegId{};
    if (journal_.add_event(event.sequence(), bytes, ends)) return true;
    ++unjournaled_;
    return false;
  }
  const LegId leg{event.leg().leg()};
  if (is_milestone(event) && !journal_.has_ended(leg) && !journal_.put_leg(leg, event.leg().SerializeAsString()))
    ++unjournaled_;
  return false;
}

void EventBook::keep_live(std::uint64_t sequence, std::string bytes) {
  live_bytes_ += bytes.size();
  live_.push_back({sequence, std::move(bytes)});
  while (live_.size() > live_max_ || live_bytes_ > live_bytes_max_) {
    dropped_ = live_.front().sequence;
    live_bytes_ -= live_.front().bytes.size();
    live_.pop_front();
  }
}

std::optional<Journal::Event> EventBook::after(std::uint64_t sequence) const {
  auto kept = journal_.event_after(sequence);
  const auto live = std::upper_bound(live_.begin(), live_.end(), sequence,
                                     [](std::uint64_t value, const Live& one) { return value < one.sequence; });
  if (live == live_.end() || (kept && kept->sequence < live->sequence)) return kept;
  return Journal::Event{live->sequence, live->bytes};
}

void EventBook::acknowledge(std::uint64_t sequence) {
  journal_.acknowledge(sequence);
  while (!live_.empty() && live_.front().sequence <= sequence) {
    live_bytes_ -= live_.front().bytes.size();
    live_.pop_front();
  }
}

}  // namespace carillon::link
