#pragma once
// The store's face: rows in, rows out, no JSON and no rule of the product. SQLite behind it now, PostgreSQL later.
// Every row belongs to a project. Three files: plane.db (resources), calls.db (attempts, calls, CDRs, events)
// and leads.db (lists, leads, imports, do-not-call; LeadStore).
// Any thread. A data base that fails throws DatabaseError; the API answers 503 store_unavailable.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/store/database.h"
#include "control/store/group_commit.h"
#include "control/store/leads.h"
#include "engine/base/result.h"

namespace carillon::control {

/// Which table of documents. Names are the tables' names.
enum class Kind { kProjects, kTokens, kTrunks, kEndpoints, kPrompts, kNumbers, kCampaigns, kAgents, kQueues, kWebhooks };

/// A resource as it is kept: `body` is the described struct as JSON in Mode::kStore.
struct Document {
  std::string id, project;
  std::optional<std::string> unique_key;  ///< one per table, such as "project/name" or a number
  std::int64_t version = 1;
  std::int64_t created_ms = 0, updated_ms = 0;
  std::string body;
};

enum class StoreFault { kConflict, kMissing, kVersion };

struct CallRow {
  std::string id, project, engine;
  std::uint64_t leg = 0;
  std::string state, from, to;
  std::int64_t created_ms = 0;
  std::string body;
};
struct CdrRow {
  std::int64_t sequence = 0;  ///< given by the store
  std::string id, project, call;
  std::int64_t ended_ms = 0;
  std::string body;
};
struct RecordingRow {
  std::string id, project, call, engine, path, state;
  std::int64_t created_ms = 0;
  std::string body;
};
struct EventRow {
  std::int64_t sequence = 0;  ///< given by the store
  std::string id, project, type;
  std::int64_t time_ms = 0;
  std::string data;
};
struct EngineRow {
  std::string name, epoch;
  std::uint64_t sequence = 0;
};
/// A kept answer to a POST with Idempotency-Key. `key` is a digest of project, key, method and path.
struct IdempotencyRow {
  std::string key, project, body_digest;
  std::int64_t status = 0;
  std::string response;
  std::int64_t created_ms = 0;
};

/// `number` is the dialer's; `lead` a row of the lead store. state: dialing, ended, settled.
struct AttemptRow {
  std::uint64_t number = 0;
  std::string id, project, campaign;
  std::uint64_t lead = 0;
  std::string call, state, outcome;
  std::int64_t placed_ms = 0, ended_ms = 0;
  std::string body;
};
struct AttemptFilter {
  std::string project = {}, campaign = {};  ///< empty: any
  std::uint64_t lead = 0;                   ///< 0: any
  std::uint64_t before = 0;                 ///< numbers below this; 0: from the newest
  std::size_t limit = 50;
};
/// What a campaign has made of one lead so far.
struct LeadResult {
  std::uint64_t lead = 0;
  std::int64_t attempts = 0;
  std::string attempt, call;  ///< bodies of the last attempt and of its call
};
struct OutcomeCount {
  std::string campaign, outcome;
  std::int64_t minute = 0;  ///< of the attempt's end, since 1970
  std::int64_t count = 0;
};
struct SeatRow {
  std::string agent, project, body;
};

struct CallFilter {
  std::string project = {}, state = {}, from = {}, to = {};  ///< empty: any
  std::int64_t since_ms = 0;
  std::string before = {};  ///< cursor: ids below this; empty: from the newest
  std::size_t limit = 50;
};

/// Everything that must be on disk together.
struct Changes {
  std::vector<CallRow> calls;            ///< inserted or replaced
  std::vector<CdrRow> cdrs;              ///< a call that has one already keeps it
  std::vector<RecordingRow> recordings;  ///< inserted or replaced by id; an (engine, path) already there is kept
  std::vector<AttemptRow> attempts;      ///< inserted or replaced
  std::vector<EventRow> events;
  std::vector<EngineRow> engines;
  std::vector<IdempotencyRow> idempotency;
  bool empty() const {
    return calls.empty() && cdrs.empty() && recordings.empty() && attempts.empty() && events.empty() &&
           engines.empty() && idempotency.empty();
  }
};

class Store {
 public:
  /// Opens or creates both files in `folder` and migrates them. throws DatabaseError
  explicit Store(const std::string& folder);

  // resources
  Result<std::monostate, StoreFault> insert(Kind kind, const Document& document);
  /// Replaces body and unique key if the row still has `document.version`; the stored version grows by one.
  Result<std::monostate, StoreFault> update(Kind kind, const Document& document);
  bool erase(Kind kind, const std::string& project, const std::string& id);
  std::optional<Document> find(Kind kind, const std::string& project, const std::string& id);
  /// Whatever its project.
  std::optional<Document> find_any(Kind kind, const std::string& id);
  std::optional<Document> find_by_key(Kind kind, const std::string& unique_key);
  /// By id, oldest first, ids above `after`.
  std::vector<Document> list(Kind kind, const std::string& project, const std::string& after, std::size_t limit);
  std::vector<Document> all(Kind kind);

  // calls
  /// On disk when it returns (group commit). Rows get their sequences.
  void apply(Changes& changes);
  /// The intent to call, on disk before the INVITE may leave. errors: kConflict when the idempotency key is taken
  Result<std::monostate, StoreFault> commit_intent(const CallRow& call, const std::optional<IdempotencyRow>& kept,
                                                   EventRow event);
  std::optional<CallRow> call(const std::string& project, const std::string& id);
  std::vector<CallRow> calls_by_leg(const std::string& engine, std::uint64_t leg);
  std::vector<CallRow> calls(const CallFilter& filter);
  std::vector<CallRow> open_calls();
  std::vector<CdrRow> cdrs(const std::string& project, std::int64_t after, std::size_t limit);
  std::optional<RecordingRow> recording(const std::string& project, const std::string& id);
  std::vector<RecordingRow> recordings(const std::string& project, const std::string& before, std::size_t limit);
  std::optional<RecordingRow> recording_at(const std::string& engine, const std::string& path);
  std::vector<RecordingRow> recordings_in(const std::string& state);
  void keep_trace(const std::string& call, const std::string& text);
  std::optional<std::string> trace(const std::string& call);
  /// Events above `after`, oldest first; `project` empty: all.
  std::vector<EventRow> events(const std::string& project, std::int64_t after, std::size_t limit);
  std::int64_t last_event() const { return event_sequence_.load(); }
  std::optional<EngineRow> engine(const std::string& name);
  std::optional<IdempotencyRow> idempotency(const std::string& key, std::int64_t since_ms);

  // attempts and seats (store_attempts.cpp)
  std::optional<AttemptRow> attempt(const std::string& project, const std::string& id);
  std::vector<AttemptRow> attempts(const AttemptFilter& filter);
  /// Of the leads with rows from `first` to `last` that the campaign has tried, by lead.
  std::vector<LeadResult> results(const std::string& campaign, std::uint64_t first, std::uint64_t last);
  /// Those not settled, oldest first.
  std::vector<AttemptRow> open_attempts();
  std::uint64_t last_attempt();
  /// How often each campaign's attempts ended how; by minute where they ended at `since_ms` or later, else minute 0.
  std::vector<OutcomeCount> outcomes(std::int64_t since_ms);
  void keep_seat(const SeatRow& seat);
  void remove_seat(const std::string& agent);
  std::vector<SeatRow> seats();

  /// Forgets kept answers and events older than given.
  void prune(std::int64_t idempotency_before_ms, std::int64_t events_before_ms);
  std::uint64_t commits() const { return writer_->commits(); }

  LeadStore& leads() { return *leads_; }

 private:
  static std::string table(Kind kind);
  std::vector<Row> read(const std::string& sql, const Values& values);

  std::mutex plane_mutex_, reader_mutex_;
  std::unique_ptr<Database> plane_, reader_;
  std::unique_ptr<GroupCommit> writer_;
  std::unique_ptr<LeadStore> leads_;
  std::atomic<std::int64_t> event_sequence_{0}, cdr_sequence_{0};
};

}  // namespace carillon::control
