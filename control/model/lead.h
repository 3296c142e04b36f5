#pragma once
// Lists, leads and imports as the API shows them.

#include <boost/json/value.hpp>

#include "control/model/resources.h"
#include "control/store/imports.h"

namespace carillon::control {

struct ListCounts {
  std::int64_t leads = 0, pending = 0, in_hand = 0, done = 0;
};
BOOST_DESCRIBE_STRUCT(ListCounts, (), (leads, pending, in_hand, done))

struct ListView {
  static constexpr const char* kSchema = "List";
  std::string id, name;
  std::string region = "US", time_zone;
  ListCounts counts;
  WallTime created_at{};
  static Rules rules();
  static ListView of(const LeadList& list);
};
BOOST_DESCRIBE_STRUCT(ListView, (), (id, name, region, time_zone, counts, created_at))

enum class LeadStatus { kPending, kInHand, kDone };
BOOST_DESCRIBE_ENUM(LeadStatus, kPending, kInHand, kDone)

/// A person to reach, as a client gives it.
struct LeadInput {
  static constexpr const char* kSchema = "LeadInput";
  std::string phone, name, external_id;
  std::int32_t priority = 0;
  std::string time_zone;
  std::optional<WallTime> not_before;
  std::map<std::string, boost::json::value> extra;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(LeadInput, (), (phone, name, external_id, priority, time_zone, not_before, extra))

struct LeadView {
  static constexpr const char* kSchema = "Lead";
  std::string id, list, phone, name, external_id;
  std::int32_t priority = 0;
  std::string time_zone;
  boost::json::value extra;
  LeadStatus state = LeadStatus::kPending;
  std::uint32_t attempts = 0;
  std::optional<std::string> last_outcome;
  std::optional<WallTime> not_before;
  std::optional<std::string> done_reason, disposition;
  WallTime created_at{}, updated_at{};
  static Rules rules();
  static LeadView of(const StoredLead& stored);
};
BOOST_DESCRIBE_STRUCT(LeadView, (),
                      (id, list, phone, name, external_id, priority, time_zone, extra, state, attempts, last_outcome,
                       not_before, done_reason, disposition, created_at, updated_at))

/// What may be changed by hand. `state` takes done alone.
struct LeadPatch {
  static constexpr const char* kSchema = "LeadPatch";
  std::optional<std::int32_t> priority;
  std::optional<WallTime> not_before;
  std::optional<LeadStatus> state;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(LeadPatch, (), (priority, not_before, state))

enum class ImportStatus { kQueued, kRunning, kDone, kFailed, kCancelled };
BOOST_DESCRIBE_ENUM(ImportStatus, kQueued, kRunning, kDone, kFailed, kCancelled)
enum class ImportUpdate { kSkip, kUpdate };
BOOST_DESCRIBE_ENUM(ImportUpdate, kSkip, kUpdate)

/// An import job; also the body of its row.
struct Import {
  static constexpr const char* kSchema = "Import";
  std::string id, list;
  ImportStatus state = ImportStatus::kQueued;
  bool dry_run = false;
  ImportUpdate update = ImportUpdate::kSkip;
  std::string region, delimiter;
  std::map<std::string, std::string> mapping;  ///< field → header
  std::uint64_t bytes = 0, bytes_read = 0;
  std::uint64_t rows = 0, created = 0, updated = 0, duplicates = 0, errors = 0;
  std::uint64_t rows_per_second = 0;
  std::optional<std::string> error;
  WallTime created_at{};
  std::optional<WallTime> started_at, ended_at;
  std::uint64_t errors_bytes = 0;                      ///< of the file of errors, as of the last commit
  ImportStatus after_undo = ImportStatus::kCancelled;  ///< what it becomes once its staged leads are gone
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Import, (),
                      (id, list, state, dry_run, update, region, delimiter, mapping, bytes, bytes_read, rows, created,
                       updated, duplicates, errors, rows_per_second, error, created_at, started_at, ended_at,
                       errors_bytes, after_undo))

struct BlockedView {
  static constexpr const char* kSchema = "BlockedNumber";
  std::string number, reason;
  WallTime created_at{};
};
BOOST_DESCRIBE_STRUCT(BlockedView, (), (number, reason, created_at))

struct BlockInput {
  static constexpr const char* kSchema = "BlockInput";
  std::optional<std::string> number;
  std::optional<std::vector<std::string>> numbers;
  std::string reason, region;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(BlockInput, (), (number, numbers, reason, region))

std::string check_region(std::string_view text);  ///< empty passes

}  // namespace carillon::control
