#pragma once
// A desk at its busiest, in simulated time: 100 agents and seven campaigns (four predictive, two broadcasts of 2,000
// lines, a queue of callers), full hoppers, 100,000 blocked numbers, thousands of attempts in flight. People answer,
// hear messages, wait, talk and hang up; leads never run out. One seed, one day.

#include <cstdint>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "dialer/dialer.h"
#include "engine/base/check.h"
#include "engine/base/random.h"

namespace carillon::dialer {

inline constexpr std::uint64_t kPredictive = 4, kBroadcasts = 2, kAgents = 100, kBlocked = 100'000;
inline constexpr CampaignId kQueue{kPredictive + kBroadcasts + 1};
inline constexpr const char* kZones[] = {"UTC", "Europe/Oslo", "America/Denver"};

/// The dialer and everyone around it: people who are called or call, agents, the owner of the leads.
class BusyDesk {
 public:
  explicit BusyDesk(std::uint64_t seed) : random_(seed), dialer_(zones_) {
    zones_.put(kZones[0], Zone());
    zones_.put(kZones[1], Zone({{WallTime::min(), 2h}}));
    zones_.put(kZones[2], Zone({{WallTime::min(), -6h}}));
    for (std::uint64_t id = 1; id <= kQueue.value; ++id) add_campaign(CampaignId{id});
    for (std::uint64_t i = 0; i < kBlocked; ++i)
      dialer_.block(number(100 * i));  // one in a hundred of the leads to come
    for (std::uint64_t i = 0; i < kAgents; ++i) seat(i);
    fill_hoppers();
  }

  /// Time passes: all news that is due is told, a caller may come, the hoppers are filled up.
  void pass(Duration time) {
    now_ += time;
    wall_ += std::chrono::duration_cast<std::chrono::milliseconds>(time);
    while (!news_.empty() && news_.top().at <= now_) {
      const News news = news_.top();
      news_.pop();
      tell(news);
    }
    if (random_.unit() < std::chrono::duration<double>(time).count() / 4) call_in();  // every 4 s
    fill_hoppers();
  }

  void decide() {
    actions_.clear();
    dialer_.decide(now_, wall_, actions_);
  }

  /// Carries out what was decided.
  void perform() {
    for (const Action& action : actions_) {
      if (const auto* dial = std::get_if<Dial>(&action)) {
        place(*dial);
      } else if (const auto* connect = std::get_if<Connect>(&action)) {
        dialer_.on_connected(connect->attempt, now_);
        later(connect->attempt, News::kTalkOver, between(20s, 60s));
        ++connects_;
      }
    }
  }

  /// A bare walk over what pacing can't do without: each agent's state, each age of a predictive campaign's dials.
  Duration walk() const {
    Duration sum{};
    for (const auto& [_, agent] : dialer_.roster().all())
      if (agent.status != AgentStatus::kReady) sum += now_ - agent.busy_since;
    for (std::uint64_t id = 1; id <= kPredictive; ++id)
      for (const auto& [_, attempt] : dialer_.find(CampaignId{id})->attempts)
        if (attempt.phase <= Attempt::Phase::kAnswered && !attempt.is_learned) sum += now_ - attempt.placed;
    return sum;
  }

  std::size_t in_flight(std::uint64_t first, std::uint64_t last) const {
    std::size_t sum = 0;
    for (std::uint64_t id = first; id <= last; ++id) sum += dialer_.find(CampaignId{id})->attempts.size();
    return sum;
  }
  std::uint64_t dials() const { return dials_; }
  std::uint64_t connects() const { return connects_; }

 private:
  struct News {
    enum Kind : std::uint8_t { kAnswered, kPerson, kMachine, kPatienceOver, kTalkOver, kEnded };
    TimePoint at;
    AttemptId attempt;
    Kind kind;
    friend bool operator>(const News& a, const News& b) { return a.at > b.at; }
  };

  static std::string number(std::uint64_t i) { return "+1646" + std::to_string(20'000'000 + i % 70'000'000); }
  static bool is_broadcast(CampaignId id) { return id.value > kPredictive && id != kQueue; }

  Duration between(Duration least, Duration most) {
    return least +
           Duration(static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>((most - least).count()))));
  }
  void later(AttemptId attempt, News::Kind kind, Duration after) { news_.push({now_ + after, attempt, kind}); }

  void add_campaign(CampaignId id) {
    CampaignConfig config;
    config.id = id;
    config.mode = id == kQueue ? Mode::kInbound : is_broadcast(id) ? Mode::kBroadcast : Mode::kPredictive;
    for (auto& day : config.window.days) day = {{0, 1440}};
    config.channels_max = 2000;
    config.calls_per_second_max = 200;
    config.wrap_up_max = 10s;
    dialer_.put_campaign(config);
    dialer_.set_state(id, CampaignState::kRunning, now_);
    dialer_.budget(id)->restore(wall_ - 1h, 5000, 100);  // 2 %: room to look ahead
  }

  // Each agent works for one predictive campaign, one in five for callers too, six for the first two campaigns.
  void seat(std::uint64_t i) {
    std::set<CampaignId> campaigns{CampaignId{1 + i % kPredictive}};
    if (i % 5 == 0) campaigns.insert(kQueue);
    if (i % 40 < 2) campaigns.insert({CampaignId{1}, CampaignId{2}});
    dialer_.agent_log_in(AgentId{i + 1}, std::move(campaigns), now_);
  }

  void fill_hoppers() {
    for (std::uint64_t id = 1; id < kQueue.value; ++id) {
      leads_.clear();
      for (std::size_t room = dialer_.find(CampaignId{id})->hopper.room(); room > 0; --room, ++last_lead_)
        leads_.push_back({.id = LeadId{last_lead_},
                          .number = number(last_lead_),
                          .time_zone = kZones[last_lead_ % 3],
                          .priority = static_cast<std::int32_t>(last_lead_ % 7)});
      CHECK(dialer_.add_leads(CampaignId{id}, leads_) == leads_.size());
    }
  }

  // Of a hundred dials 8 reach a person, 25 a machine, 15 a busy line or none at all; the others ring for 20 s.
  void place(const Dial& dial) {
    ++dials_;
    const std::uint64_t fate = random_.below(100);
    const Duration picked_up = between(4s, 12s);
    EndFacts end;
    if (fate < 33) {
      end.answered = true;
      end.person = fate < 8;
      end.machine = !end.person;
      later(dial.attempt, News::kAnswered, picked_up);
      later(dial.attempt, end.person ? News::kPerson : News::kMachine, picked_up + 800ms);
      if (end.machine) later(dial.attempt, News::kEnded, picked_up + 2s);
    } else {
      end.rang_out = fate >= 48;
      end.sip_status = end.rang_out ? 487 : fate < 43 ? 486 : 404;
      later(dial.attempt, News::kEnded, end.rang_out ? 20s : between(1s, 3s));
    }
    calls_[dial.attempt.value] = {.end = end, .is_broadcast = is_broadcast(dial.campaign)};
  }

  void call_in() {
    const AttemptId caller = dialer_.on_incoming(kQueue, number(random_.u32()), now_);
    CHECK(caller);
    calls_[caller.value] = {};
    later(caller, News::kPatienceOver, 60s);
  }

  void tell(const News& news) {
    const auto found = calls_.find(news.attempt.value);
    if (found == calls_.end()) return;  // patience that was not needed: the call is over
    Call& call = found->second;
    switch (news.kind) {
      case News::kAnswered:
        return dialer_.on_answered(news.attempt, now_);
      case News::kMachine:
        return dialer_.on_machine(news.attempt, now_);
      case News::kPerson:
        dialer_.on_person(news.attempt, !call.is_broadcast, now_, wall_);
        call.end.message_started = call.end.message_done = call.is_broadcast;
        return later(news.attempt, call.is_broadcast ? News::kEnded : News::kPatienceOver,
                     call.is_broadcast ? 20s : 2s);
      case News::kPatienceOver:
        if (dialer_.position(news.attempt) == 0) return;  // an agent came in time
        if (call.end.answered)
          dialer_.on_abandoned(news.attempt, now_, wall_);
        else
          dialer_.on_overflow(news.attempt);
        return later(news.attempt, News::kEnded, 5s);
      case News::kTalkOver:
        call.end.connected = true;
        [[fallthrough]];
      case News::kEnded:
        dialer_.on_ended(news.attempt, call.end, now_, wall_);
        calls_.erase(news.attempt.value);
    }
  }

  struct Call {
    EndFacts end;
    bool is_broadcast = false;
  };

  Random random_;
  Zones zones_;
  Dialer dialer_;
  TimePoint now_{1h};
  WallTime wall_ = std::chrono::sys_days(std::chrono::year(2026) / 5 / 5) + 12h;
  std::priority_queue<News, std::vector<News>, std::greater<>> news_;
  std::unordered_map<std::uint64_t, Call> calls_;
  std::vector<Action> actions_;
  std::vector<Lead> leads_;
  std::uint64_t last_lead_ = 1, dials_ = 0, connects_ = 0;
};

}  // namespace carillon::dialer
