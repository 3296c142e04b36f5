#pragma once
// The campaigns' driver: the one owner of dialer::Dialer. In: news of calls from the live registry, what the API's
// users want, the clock. Out: attempts (committed before their INVITE leaves), bridges, leads given back, events.
//
// step() is one turn: take the news, decide, perform, commit. A thread of its own takes one every 250 ms and at every
// piece of news; tests take them by hand. Everything else may be called from any thread and waits for the turn to end.
//
// Crash: an attempt's row holds its lead as counted. dialing → ended → settled (its lead is back in its list). A
// restart finds the open rows, keeps those whose calls live, ends the others, and frees every other lead in hand.

#include <boost/json/object.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "control/live/delays.h"
#include "control/live/lead_source.h"
#include "control/live/live.h"
#include "control/model/agent.h"
#include "control/model/attempt.h"
#include "control/model/campaign.h"
#include "control/model/queue.h"
#include "dialer/dialer.h"
#include "dialer/queue/account.h"

namespace carillon::control {

/// Why an action is refused: a code of the error catalogue.
struct Refused {
  std::string code, detail = {};
  json::Faults errors = {};
};
using Accepted = Result<std::monostate, Refused>;

struct DispositionBody {
  static constexpr const char* kSchema = "Disposition";
  std::string agent, disposition, note;
  std::optional<WallTime> callback_at;
  bool was_machine = false;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(DispositionBody, (), (agent, disposition, note, callback_at, was_machine))

class Campaigns {
 public:
  struct Parts {
    Store& store;
    IdMaker& ids;
    EventHub& hub;
    Live& live;
    LeadSource& leads;
    const dialer::Zones& zones;
    std::function<WallTime()> wall;
    std::function<TimePoint()> mono;
  };
  /// Brings back what an earlier life left: campaigns, seats, attempts. Before events flow. throws DatabaseError
  explicit Campaigns(Parts parts);
  ~Campaigns();
  void start_thread();
  void stop_thread();
  /// One turn.
  void step();

  // campaigns
  Accepted start(const std::string& project, const std::string& id);
  Accepted pause(const std::string& project, const std::string& id);
  Accepted stop(const std::string& project, const std::string& id);
  /// One call with the campaign's plan, outside its books.
  Result<Call, Refused> test_call(const std::string& project, const std::string& id, const std::string& to);
  /// Pauses every campaign of the project. Returns how many ran.
  std::size_t stop_all(const std::string& project, bool hang_up);
  std::optional<boost::json::object> live_state(const std::string& project, const std::string& id);
  /// A campaign's document has changed, or is gone.
  void changed(const Campaign& campaign);
  void removed(const std::string& id);
  bool is_active(const std::string& id);
  /// What keeps it from being started, or from going on.
  json::Faults lacks(const std::string& project, const Campaign& campaign);
  /// How evenly the driver runs. Waits for no turn.
  struct Pulse {
    Delays::View turn;    ///< from a turn's begin to its end
    Delays::View pause;   ///< from the end of one to the begin of the next, 250 ms when all is quiet
    Delays::View commit;  ///< from a decision to dial to its attempts on disk and their Originates sent
  };
  Pulse pulse() const;

  // do-not-call and lists, in the call that changed them
  void block(const std::string& project, const std::string& number);
  void unblock(const std::string& project, const std::string& number);
  void leads_added(const std::string& list);

  // agents
  Accepted log_in(const std::string& project, const std::string& id);
  Accepted log_out(const std::string& project, const std::string& id);
  Accepted take_break(const std::string& project, const std::string& id);
  Accepted make_ready(const std::string& project, const std::string& id);
  void changed(const Agent& agent);
  void removed_agent(const std::string& id);
  /// Fills status, since and current.
  void show(Agent& agent);
  Result<Attempt, Refused> set_disposition(const std::string& project, const std::string& attempt,
                                           const DispositionBody& body);

  // inbound queues (queues*.cpp)
  void changed(const Queue& queue);
  void removed_queue(const std::string& id);
  bool has_callers(const std::string& queue);
  std::optional<boost::json::object> queue_state(const std::string& project, const std::string& id);

 private:
  using Lock = std::lock_guard<std::recursive_mutex>;
  struct Run {
    Campaign body;
    std::string project;
    dialer::CampaignId number;
    dialer::CallPlan plan;
    std::vector<NumberRule> trunk_rules;
    std::uint64_t attempts = 0, people = 0, connected = 0, abandoned = 0;
    std::map<std::string, std::uint64_t> outcomes;
    std::optional<CampaignStatus> published = {};  ///< state of the last figure
    bool published_calls = false;                  ///< it showed calls: another must say that they are over
  };
  /// Where a caller stands on the way through the queues that the call's plan knows.
  struct Caller {
    std::size_t index = 0;  ///< in the call's queue_chain
    bool is_overflowed = false;
    std::optional<std::size_t> next = {};      ///< passed on while an agent was being joined
    std::optional<std::size_t> announced = 0;  ///< the position that the caller was told last; none: not known
  };
  struct Flight {
    Attempt body;
    dialer::CampaignId campaign;
    std::string agent_call = {};  ///< on demand: the leg that rings the agent, or where overflow leads
    std::optional<Caller> caller = {};
  };
  struct QueueRun {
    Queue body;
    std::string project;
    dialer::CampaignId number;
    dialer::QueueAccount account{20s};
    std::string published = {};  ///< the last figure
  };
  struct SeatState {
    Agent body;
    Seat seat;
    bool is_up = false;  ///< its leg is answered, or needs none
    AgentState shown = AgentState::kOffline;
    WallTime since{};
    std::uint64_t serial = 0;  ///< attempt in hand
    std::string last_attempt;  ///< and the one before, for wrap-up
    /// Its leg went with an engine: the phone is to be called again.
    struct Again {
      TimePoint next{};                     ///< not before
      std::optional<TimePoint> until = {};  ///< from the engine's return on
      int unanswered = 0;
    };
    std::optional<Again> again = {};
  };

  // turns
  void run();
  void hear(std::vector<CallNews> news);
  void perform(std::vector<dialer::Action>& actions);
  void perform(dialer::Action& action, std::vector<dialer::Dial>& dials);
  void dial(std::vector<dialer::Dial> dials);
  std::optional<Placement> placement_of(const dialer::Dial& dial);
  void connect(const dialer::Connect& connect);
  void join_all();
  void join(Flight& flight, SeatState& seat);
  void lead_back(const dialer::LeadBack& back);
  void lead_refused(const dialer::LeadRefused& refused);
  void want_leads(const dialer::WantLeads& want);
  void commit();
  void give_back();
  void publish_live();
  void announce(const std::string& project, const std::string& type, boost::json::value data);
  void note(const Attempt& attempt);
  /// Whom a phone answers for: the user part that its INVITE names.
  std::string phone_user(const std::string& project, const std::string& endpoint) const;
  AttemptRow row_of(const Attempt& attempt) const;

  // news of calls
  void on_news(const CallNews& news);
  void on_customer(Flight& flight, const CallNews& news);
  void on_mark(Flight& flight, const std::string& mark);
  void on_agent_leg(SeatState& seat, const CallNews& news);
  void on_connected(Flight& flight);
  void not_connected(Flight& flight);
  void finish(std::uint64_t serial, const Call& call);
  void opt_out(const std::string& project, const std::string& number);

  // campaigns
  std::optional<Campaign> campaign_of(const std::string& project, const std::string& id);
  Run* find_run(dialer::CampaignId campaign);
  Result<Run*, Refused> enter(const std::string& project, const std::string& id);
  dialer::CallPlan plan_of(const std::string& project, const Campaign& campaign, json::Faults& faults);
  void load_past(Run& run);
  void set_status(Run& run, CampaignStatus status);
  boost::json::object live_of(Run& run);

  // agents
  SeatState* find_seat(dialer::AgentId agent);
  std::set<dialer::CampaignId> campaigns_of(const Agent& agent) const;
  void seat_is_up(SeatState& seat);
  void seat_is_lost(const std::string& agent, const std::string& why);
  bool call_phone(SeatState& seat);
  void on_lost_with_engine(SeatState& seat, const Call& leg);
  void call_lost_phones();
  void show_changes();
  void keep(const SeatState& seat);

  // inbound queues
  QueueRun& enter(const std::string& project, Queue body);
  void load_visits(QueueRun& run);
  std::uint64_t begin_visit(const Call& call, std::size_t index);
  void on_caller(std::uint64_t serial, const CallNews& news);
  void on_caller_mark(std::uint64_t serial, const Call& call, const Mark& mark);
  void begin_wait(Flight& flight, WallTime at);
  void overflow(Flight& flight, WallTime at);
  void pass_on(std::uint64_t serial, const Call& call, std::size_t index, WallTime at);
  void end_visit(std::uint64_t serial, const Call* call, dialer::CallerOutcome outcome, WallTime at);
  void finish_caller(std::uint64_t serial, const Call& call);
  void caller_not_connected(std::uint64_t serial);
  void ring_overflow(Flight& flight);
  void on_overflow_leg(const CallNews& news);
  void drop_leg(Flight& flight, const std::string& why);
  boost::json::object live_of(QueueRun& queue);
  void tell_positions();
  void play_to(const Attempt& attempt, const std::string& prompt);
  void publish_queues();
  void recover_queues();
  void recover_caller(const AttemptRow& row, Attempt attempt);
  void find_leg(Flight& flight, dialer::Attempt::Phase phase);
  void replay_marks(std::uint64_t serial, const Call& call);
  void adopt_callers();

  // a restart
  void recover();
  void recover_seats();
  bool has_lost_its_leg(const Seat& seat);
  void recover_attempts(std::set<std::uint64_t>& living);

  Parts parts_;
  std::recursive_mutex mutex_;
  dialer::Dialer dialer_;
  std::map<std::string, Run> runs_;
  std::map<std::uint64_t, Flight> flights_;
  std::map<std::string, std::uint64_t> by_call_;  ///< customers' calls
  std::map<std::string, SeatState> seats_;
  std::map<std::string, std::string> left_;  ///< why agents were sent home, until they log in again
  std::map<std::string, std::string> by_agent_call_;  ///< agents' calls → agent
  std::map<std::string, QueueRun> queues_;
  std::map<std::string, std::uint64_t> by_overflow_call_;  ///< legs where overflow leads
  std::map<std::string, std::vector<OutcomeCount>> past_;
  std::vector<std::uint64_t> joining_;  ///< have their agent, who is to be on disk before they are joined
  std::vector<dialer::Action> undone_;  ///< the store failed: tried again with the next turn
  Changes changes_;
  std::vector<std::pair<LeadHome, Attempt>> returns_;  ///< committed as ended, their leads not yet given back
  std::vector<LeadHome> refused_;
  WallTime last_live_{}, queues_shown_{};
  Delays turns_, pauses_, commits_;
  std::optional<TimePoint> turn_ended_;
  bool has_more_ = false;  ///< the turn ended before its work did; the driver's thread alone
  TimePoint decided_{};

  std::mutex queue_mutex_;
  std::condition_variable wake_;
  std::vector<CallNews> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace carillon::control
