#pragma once
// Deliveries of webhooks: rows of a file of their own (hooks.db), so that they hold up no attempt. The event itself is
// not copied: it lies in calls.db, where it was committed with what it tells of. Here is the place up to which events
// have become deliveries, moved in the same transaction as the deliveries are made: a kill between the two files loses
// none and makes none twice.
// One thread at a time by itself (mutex). A failing data base throws DatabaseError.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/store/database.h"

namespace carillon::control {

/// state: pending, delivered, failed. `body` is the log of tries as JSON.
struct DeliveryRow {
  std::string id, project, webhook;
  std::int64_t sequence = 0;  ///< of the event
  std::string event, type, state = "pending";
  std::int64_t tries = 0, created_ms = 0, due_ms = 0, give_up_ms = 0, ended_ms = 0;
  std::string error = {}, body = "{}";
};
struct DeliveryFilter {
  std::string project = {}, webhook = {}, state = {};  ///< empty: any
  std::string before = {};                             ///< ids below this; empty: from the newest
  std::size_t limit = 50;
};

class HookStore {
 public:
  /// Opens or creates hooks.db in `folder`. throws DatabaseError
  explicit HookStore(const std::string& folder);

  /// Sequence of the last event that has become deliveries; nothing in a new file.
  std::optional<std::int64_t> position();
  /// One transaction. An event that a webhook has already is passed over; returns what was new by webhook.
  std::map<std::string, std::int64_t> add(std::span<const DeliveryRow> rows, std::int64_t position);
  /// Replaces rows by id. One transaction.
  void keep(std::span<const DeliveryRow> rows);
  /// Pending ones that are due, the longest first.
  std::vector<DeliveryRow> due(const std::string& webhook, std::int64_t now_ms, std::size_t limit);
  /// Pending ones by webhook.
  std::map<std::string, std::int64_t> pending();
  std::optional<DeliveryRow> find(const std::string& project, const std::string& id);
  /// Newest first.
  std::vector<DeliveryRow> list(const DeliveryFilter& filter);
  bool has_success_since(const std::string& webhook, std::int64_t since_ms);
  /// Its pending deliveries fail. Returns how many.
  std::int64_t fail_pending(const std::string& webhook, const std::string& why, std::int64_t now_ms);
  /// Pending ones fail that should have been given up a minute ago. Returns how many.
  std::int64_t fail_late(const std::string& why, std::int64_t now_ms);
  /// Forgets what ended before.
  void prune(std::int64_t ended_before_ms);

 private:
  std::mutex mutex_;
  std::unique_ptr<Database> database_;
};

}  // namespace carillon::control
