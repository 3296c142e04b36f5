#pragma once
// Runs the product's dialer against modelled callers and agents in virtual time and checks, after each step and by
// books of its own, what must never happen. A broken rule ends the run with its text.

#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dialer/dialer.h"
#include "dialer/sim/callers.h"

namespace carillon::dialer::sim {

struct Scenario {
  std::uint64_t seed = 1;
  Model model;
  CampaignConfig campaign;
  int agents = 30;
  std::uint64_t leads = 0;  ///< 0: as many as are asked for, never dialed twice
  Seconds duration{8 * 3600};
  WallTime start{};                ///< wall clock at the beginning
  double do_not_call_share = 0;    ///< of the leads
  Seconds crash_every{0};          ///< the dialer is thrown away and restored from the books; 0: never
  std::vector<std::string> zones;  ///< leads are spread over these; empty: the campaign's
};

struct Report {
  std::uint64_t dials = 0, live = 0, abandoned = 0, connected = 0, machines = 0, refused = 0, leads_done = 0,
                leads_open = 0, crashes = 0, decisions = 0;
  std::array<std::uint64_t, kOutcomes> outcomes{};
  double utilisation = 0;                  ///< agents busy, wrap-up included / logged in
  double wait_mean_s = 0, wait_p95_s = 0;  ///< an agent's wait between calls
  double worst_hour_abandoned = 0;
  Seconds simulated{0};
  std::string broken;  ///< the first rule that was broken, empty: none
  double abandoned_rate() const { return live == 0 ? 0 : static_cast<double>(abandoned) / static_cast<double>(live); }
};

class World {
 public:
  World(const Scenario& scenario, const Zones& zones);
  Report run();

 private:
  enum class What : std::uint8_t {
    kAnswer,
    kVerdict,
    kPatience,
    kFail,
    kRingOut,
    kTalkEnd,
    kWrapEnd,
    kMessageEnd,
    kCrash
  };
  struct Event {
    TimePoint at;
    std::uint64_t order;
    What what;
    AttemptId attempt;
    AgentId agent;
    friend bool operator>(const Event& a, const Event& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }
  };
  struct Call {
    Fate fate;
    Lead lead;
    TimePoint placed{};
    AgentId agent{};
    bool answered = false, person = false, waiting = false, abandoned = false, connected = false;
  };
  enum class LeadState : std::uint8_t { kOpen, kWithDialer, kDone };
  struct LeadBook {
    Lead lead;
    LeadState state = LeadState::kOpen;
    std::uint32_t dials = 0;
    std::int64_t last_day = -1;
    std::uint32_t dials_that_day = 0;
  };

  WallTime wall() const {
    return scenario_.start + std::chrono::duration_cast<std::chrono::milliseconds>(now_ - TimePoint{});
  }
  void schedule(Seconds after, What what, AttemptId attempt, AgentId agent = {});
  void happen(const Event& event);
  void answer(AttemptId id, Call& call);
  void verdict(AttemptId id, Call& call);
  void end(AttemptId id, EndFacts facts);
  void perform();
  void perform(const Dial& dial);
  void perform(const Connect& connect);
  void perform(const HangUp& hang_up);
  void perform(const LeadBack& back);
  void perform(const LeadRefused& refused);
  void perform(const WantLeads& want);
  void perform(const AgentChanged&) {}
  void perform(const CampaignFinished&) { finished_ = true; }
  void crash();
  void log_in_agents();
  void check_dial(const Dial& dial);
  void check_books();
  void broke(const std::string& rule);
  LeadBook& book(LeadId lead);
  void give(std::size_t count);
  TimePoint next_step() const;

  Scenario scenario_;
  const Zones& zones_;
  std::optional<Dialer> dialer_;  ///< empty only in the middle of a crash
  TimePoint now_{};
  std::uint64_t order_ = 0, next_number_ = 0, dial_number_ = 0;
  bool finished_ = false;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::unordered_map<std::uint64_t, Call> calls_;
  std::unordered_map<std::uint64_t, LeadBook> books_;
  std::priority_queue<std::pair<WallTime, std::uint64_t>, std::vector<std::pair<WallTime, std::uint64_t>>,
                      std::greater<>>
      open_;
  std::unordered_set<std::string> blocked_;
  std::unordered_map<std::uint64_t, TimePoint> agent_free_since_;
  std::unordered_map<std::uint64_t, AttemptId> agent_call_;
  std::unordered_map<std::uint64_t, Seconds> agent_wrap_;
  std::vector<double> waits_;
  std::map<std::int64_t, std::pair<std::uint64_t, std::uint64_t>> hours_;  ///< live, abandoned
  std::vector<Action> actions_;
  Seconds busy_total_{0};
  Report report_;
};

}  // namespace carillon::dialer::sim
