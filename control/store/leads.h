#pragma once
// Lists, their leads and the do-not-call numbers: rows in, rows out. They have a file of their own (leads.db), so that
// an import holds up neither attempts nor the plane's resources. One writer at a time: a small write goes before the
// next batch of an import. Reads never wait for writes (WAL). Any thread.
//
// Who may dial a lead is told by its state: pending leads lie here; take_pending() gives them out as in_hand, and only
// put_back() (or reset_in_hand() after a crash) brings them back. A failing data base throws DatabaseError.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/store/database.h"
#include "control/store/ids.h"
#include "dialer/types.h"
#include "engine/base/result.h"

namespace carillon::control {

/// kStaged: of an import that is not finished; no reader and no dialer sees it.
enum class LeadState : std::uint8_t { kPending, kInHand, kDone, kStaged };
std::string_view text(LeadState state);  ///< "pending", "in_hand", "done", "staged"

struct LeadCounts {
  std::int64_t pending = 0, in_hand = 0, done = 0;
  std::int64_t leads() const { return pending + in_hand + done; }
};

struct LeadList {
  std::int64_t number = 0;  ///< given by the store; leads refer to it
  std::string id;           ///< list_…
  std::string project = {}, name = {}, region = {}, time_zone = {};
  std::int64_t created_ms = 0;
  LeadCounts counts = {};  ///< filled by reads; kept by every write, never counted
};

/// A lead as it comes in.
struct NewLead {
  std::string phone;  ///< E.164; unique within the list
  std::string name = {};
  std::string external_id = {};  ///< unique within the list where not empty
  std::int32_t priority = 0;
  std::string time_zone = {};
  std::string extra = "{}";  ///< JSON object
  std::int64_t not_before_ms = 0;
};

struct StoredLead {
  dialer::Lead lead;  ///< what the dialer needs; lead.id is the row's number
  std::string id;     ///< lead_…
  std::int64_t list_number = 0;
  std::string list;            ///< list_…
  std::string list_time_zone;  ///< for a lead that names none
  std::string name, external_id, extra;
  LeadState state = LeadState::kPending;
  std::string last_outcome, done_reason, disposition;
  std::int64_t created_ms = 0, updated_ms = 0;
};

/// A lead that the dialer is through with.
struct LeadReturn {
  dialer::Lead lead;  ///< counters, not_before and sticky are kept
  LeadState state = LeadState::kPending;
  std::string last_outcome = {};  ///< empty: stays
  std::string done_reason = {};
};

struct LeadChange {
  std::optional<std::int32_t> priority = {};
  std::optional<std::int64_t> not_before_ms = {};
  /// kDone or kPending. A lead in hand takes kDone at once, and put_back() leaves it done.
  std::optional<LeadState> state = {};
  std::optional<dialer::AgentId> sticky = {};
  std::optional<std::string> done_reason = {}, disposition = {};
};

struct LeadFilter {
  std::string project = {};
  std::string list = {}, number = {};   ///< empty: any
  std::optional<LeadState> state = {};  ///< none: any but staged
  std::int64_t after = 0;               ///< row numbers above this
  std::size_t limit = 50;
};

enum class AddMode : std::uint8_t { kSkip, kUpdate };
/// What became of each new lead, in order.
struct AddedLead {
  enum class Fate : std::uint8_t { kCreated, kUpdated, kDuplicate } fate = Fate::kCreated;
  std::string id;  ///< of the lead that is there now
};

struct BlockedNumber {
  std::string number;  ///< E.164
  std::string reason;
  std::int64_t created_ms = 0;
};

/// What a listener hears, in the call that did it and after its commit.
struct LeadNews {
  enum class Kind : std::uint8_t {
    kBlocked,    ///< `numbers` of `project` must not be dialed from now on
    kUnblocked,  ///< `numbers` may be dialed again
    kLeadsAdded  ///< `list` has new pending leads, or a lead became pending again
  } kind = Kind::kBlocked;
  std::string project, list;
  std::vector<std::string> numbers;
};

class LeadStore {
 public:
  /// Opens or creates leads.db in `folder`; one per folder and process, others take Store::leads(): turns and news are
  /// its own. throws DatabaseError
  explicit LeadStore(const std::string& folder, std::uint64_t seed = 0);

  // lists
  /// Fills in `number`. false: the project has a list of that name
  bool add_list(LeadList& list);
  std::optional<LeadList> list(const std::string& project, const std::string& id);
  std::vector<LeadList> lists(const std::string& project, const std::string& after, std::size_t limit);
  /// Gone at once for every reader; its rows are deleted in steps by sweep(). false: unknown
  bool remove_list(const std::string& project, const std::string& id);
  /// Deletes up to `rows` leads of removed lists; true: more are left.
  bool sweep(std::size_t rows);

  // leads
  /// One transaction; meant for up to 1,000. The list must exist.
  std::vector<AddedLead> add(const LeadList& list, std::span<const NewLead> leads, AddMode mode, WallTime now);
  std::optional<StoredLead> lead(const std::string& project, const std::string& id);
  std::optional<StoredLead> lead(dialer::LeadId id);
  std::vector<StoredLead> leads(const LeadFilter& filter);
  /// The lead after the change, or nothing when it is unknown. A not_before given to a lead in hand holds when it
  /// comes back, whatever put_back() says (a promised call-back).
  std::optional<StoredLead> change(const std::string& project, const std::string& id, const LeadChange& change,
                                   WallTime now);

  // the dialer's side; lists by public id, unknown ones are passed over
  /// Up to `count` due leads by priority (high first), not_before, row; they are in_hand when this returns.
  /// cost   index seeks per list and priority, one commit
  std::vector<StoredLead> take_pending(std::span<const std::string> lists, std::size_t count, WallTime now);
  /// One transaction. A lead that is not in hand any more keeps its state; its counters are kept in any case.
  void put_back(std::span<const LeadReturn> leads, WallTime now);
  /// Counters of leads that are being dialed.
  void keep_counters(std::span<const dialer::Lead> leads, WallTime now);
  /// When the next pending lead is due (maybe in the past); empty: none is pending.
  std::optional<WallTime> next_due(std::span<const std::string> lists);
  LeadCounts counts(std::span<const std::string> lists);
  /// After a restart: all in hand go back to pending but the living ones. Returns how many went.
  std::size_t reset_in_hand(const std::set<std::uint64_t>& living);

  // do-not-call
  /// Returns how many were new. Listeners hear all of them.
  std::size_t block(const std::string& project, std::span<const std::string> numbers, const std::string& reason,
                    WallTime now);
  bool unblock(const std::string& project, const std::string& number);
  std::optional<BlockedNumber> blocked(const std::string& project, const std::string& number);
  std::vector<BlockedNumber> blocked_after(const std::string& project, const std::string& after, std::size_t limit);
  /// Every blocked number of a project, in pieces; for loading a dialer.
  void all_blocked(const std::string& project, const std::function<void(const std::string&)>& take);

  /// `hear` is called from the thread that writes, after its commit, and from several at once; it may use the store but
  /// not listen() or ignore().
  std::uint64_t listen(std::function<void(const LeadNews&)> hear);
  /// When it returns, `hear` is not running and will not run again.
  void ignore(std::uint64_t listener);

 private:
  friend class ImportStore;
  /// The turn to write. Small writes go before bulk ones.
  class Turn {
   public:
    void take(bool is_bulk);
    void give();

   private:
    std::mutex mutex_;
    std::condition_variable free_;
    std::size_t small_waiting_ = 0;
    bool taken_ = false;
  };
  void write(bool is_bulk, const std::function<void(Database&)>& work);
  std::vector<Row> read(const std::string& sql, const Values& values = {});
  void count(Database& database, std::int64_t list, LeadState state, std::int64_t by);
  std::vector<std::int64_t> numbers_of(std::span<const std::string> lists);
  void tell(const LeadNews& news);

  IdMaker ids_;
  Turn turn_;
  std::mutex reader_mutex_;
  std::unique_ptr<Database> writer_, reader_;
  std::shared_mutex listeners_mutex_;
  std::map<std::uint64_t, std::function<void(const LeadNews&)>> listeners_;
  std::uint64_t last_listener_ = 0;
};

}  // namespace carillon::control
