#pragma once
// The journal: what must outlive the engine's process until control has committed it.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/base/units.h"
#include "engine/link/mapped_file.h"

namespace carillon::link {

struct JournalConfig {
  std::string path;                   ///< the file; `path`.lock and `path`.new stand beside it
  std::size_t size_start = 1u << 20;  ///< bytes; doubled when full
  std::size_t size_max = 256u << 20;  ///< bytes; a quarter of it is kept for calls that run already
};

/// A log in a memory-mapped file: events that wait for control, and for each living leg what a CDR needs should the
/// process die. A record counts once it stands whole with its CRC; one torn by a kill is as if never written.
///
/// kill -9     loses nothing that add_event() or put_leg() has answered with true, and doubles nothing: the event that
///             ends a leg and the leg's removal are one record.
/// Power loss  may cost what the kernel had not written: the Server starts write-back each second, so about the last
///             second or two; sequences then jump forward, so that none is used twice. A CDR that control had
///             acknowledged is in its own store and cannot be lost here.
/// Full        doubles up to `size_max`. Beyond three quarters of it in living data accepts_calls() is false: the
///             Server refuses new calls, and the last quarter takes the ends of those that run. Only when that is
///             full too does add_event() answer false.
/// Cost        an append is a copy and a CRC; compaction copies what lives when more than half the log is dead.
/// One thread. One process per file (a lock beside it).
class Journal {
 public:
  /// Opens or makes it. A file that is not a journal is kept as `path`.damaged and a new one begun (see damaged()).
  static Result<std::unique_ptr<Journal>, std::string> open(JournalConfig config);
  ~Journal();

  /// Names the journal, 32 hex digits: sequences grow within it.
  const std::string& epoch() const { return epoch_; }
  std::uint64_t last_sequence() const;
  std::uint64_t acknowledged() const;
  /// The number of the next event. Survives a kill, so no number is given twice.
  std::uint64_t next_sequence();

  /// Keeps an event until acknowledge(); sequences must grow. `ends`: this leg lives no more.
  bool add_event(std::uint64_t sequence, std::string_view event, LegId ends = {});
  /// Keeps or replaces what is known of a living leg.
  bool put_leg(LegId leg, std::string_view state);
  /// It never came to life: nothing to report.
  void remove_leg(LegId leg);
  /// Everything up to here is committed elsewhere; what lies beyond last_sequence() is not believed.
  void acknowledge(std::uint64_t sequence);
  bool accepts_calls() const;

  bool is_living(LegId leg) const { return legs_.contains(leg.value); }
  /// What put_leg() kept of it; nothing when it does not live. The view lives until the journal changes.
  std::optional<std::string_view> leg(LegId leg) const {
    const auto kept = legs_.find(leg.value);
    return kept == legs_.end() ? std::nullopt : std::optional(payload(kept->second));
  }
  /// Its end waits for acknowledgement.
  bool has_ended(LegId leg) const { return ended_.contains(leg.value); }
  std::size_t events() const { return events_.size(); }
  std::size_t living() const { return legs_.size(); }

  /// The first event kept after `sequence`, empty: none. The view lives until the journal changes. O(log events)
  struct Event {
    std::uint64_t sequence = 0;
    std::string_view bytes;
  };
  std::optional<Event> event_after(std::uint64_t sequence) const;
  /// Calls visit(leg, bytes); visit must not change the journal.
  template <class Visit>
  void each_leg(Visit&& visit) const {
    for (const auto& [leg, kept] : legs_) visit(LegId{leg}, payload(kept));
  }

  /// "I was alive then": what a leg's end is dated with should the process be killed.
  void beat(WallTime now);
  /// The last beat of the process before this one; epoch: there was none.
  WallTime last_beat() const { return last_beat_; }
  bool damaged() const { return damaged_; }
  void start_write_back() { file_->start_write_back(); }

 private:
  struct Kept {
    std::size_t offset = 0;
    std::uint32_t length = 0;
    std::uint64_t sequence = 0;
    LegId leg;
  };
  struct Head;
  struct Record;

  explicit Journal(JournalConfig config) : config_(std::move(config)) {}
  bool lock();
  bool start_new();
  bool find_old();
  bool read_old();
  bool make(const std::string& path, std::size_t size);
  void scan();
  bool rewrite(std::size_t size);
  bool room_for(std::size_t bytes);
  bool append(std::uint32_t kind, std::uint64_t sequence, LegId leg, std::string_view bytes, Kept& kept);
  void drop(const Kept& kept);
  void forget_leg(LegId leg);
  void replace_leg(LegId leg, const Kept& kept);
  Head& head();
  const Head& head() const;
  std::string_view payload(const Kept& kept) const;

  JournalConfig config_;
  int lock_fd_ = -1;
  std::unique_ptr<MappedFile> file_;
  std::string epoch_;
  WallTime last_beat_{};
  bool damaged_ = false;
  std::size_t tail_ = 0;    // where the next record goes
  std::size_t living_ = 0;  // bytes of records that count
  std::deque<Kept> events_;
  std::unordered_map<std::uint64_t, Kept> legs_;
  std::unordered_set<std::uint64_t> ended_;
};

}  // namespace carillon::link
