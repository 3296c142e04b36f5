#pragma once
// record: shards fill blocks, one disk thread writes them. Open this file first, then channel.h.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/fixed_text.h"
#include "engine/base/result.h"
#include "engine/base/ring.h"
#include "engine/base/time.h"
#include "engine/base/units.h"
#include "engine/record/channel.h"

namespace carillon::record {

struct DiskConfig {
  std::string folder{};    ///< of the recordings; made when missing
  std::string map_path{};  ///< blocks.map; empty: in /dev/shm (its pages never wait for a disk), where it
                           ///< has room, else in `folder`
  std::uint32_t shards = 1;
  std::uint32_t blocks_per_shard = 4096;      ///< of kBlockBytes: one per running recording and about as many in flight
  std::uint32_t recordings_per_shard = 2048;  ///< open at once; open() answers empty beyond
  bool uring = true;                          ///< false: pwrite; so too where io_uring is refused
  bool direct = true;                   ///< O_DIRECT where the file system takes it: measured 1.0 % of a core against 2
  std::uint64_t preallocate = 2 << 20;  ///< bytes added to a file's room at a time: about a minute
  bool sync = true;                     ///< a recording is told of when a power failure cannot take it any more
  Duration turn = 10ms;                 ///< the thread gathers this long, then writes in one batch

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

/// A recording that is finished: news for the link thread.
struct Recorded {
  LegId leg;
  FixedText<160> path;  ///< relative to the folder, "2026/01/31/42-1769817600000.wav"; empty: no file
  std::chrono::milliseconds duration{0};
  std::uint64_t size = 0;  ///< bytes of the file
  std::array<std::uint8_t, 32> sha256{};
  bool repaired = false;  ///< closed after a crash
  WallTime started{};
  FixedText<96> error;  ///< what went wrong, with the file closed at what could be written; empty: nothing
};

/// Plain copies of what the disk thread counts.
struct DiskStats {
  std::uint64_t blocks_written = 0, bytes_written = 0, recordings_closed = 0, write_errors = 0;
};

enum class DiskError : std::uint8_t { kConfig, kFolder, kMap };

class Disk {
 public:
  /// Repairs what a crash left in the folder and the mapping (see repair.h; reported like the others, repaired set),
  /// makes a new mapping and starts the thread.
  ///
  /// wake     called on the disk thread after news was pushed; must not block (an eventfd write); may be empty
  /// errors   kConfig, kFolder: cannot be made or written · kMap: no room for the blocks
  static Result<std::unique_ptr<Disk>, DiskError> start(const DiskConfig& config, std::function<void()> wake);
  /// Closes what is still open as it stands, writes everything and ends the thread. The shards must have stopped.
  virtual ~Disk() = default;

  /// For one shard's thread only. Lives as long as the Disk.
  virtual Channel& channel(std::uint32_t shard) = 0;
  /// For one reader (the link thread). Asking again says that the one before is safely noted (journaled): until then
  /// a marker beside the file lets the next start report it again. When nobody reads, finished recordings wait.
  virtual bool pop(Recorded& news) = 0;
  virtual DiskStats stats() const = 0;
  /// "uring direct" or "pwrite": what really runs, for logs and status.
  virtual std::string name() const = 0;
  /// Lines for the log about the start: what could not be repaired, where there was no room for the blocks.
  virtual const std::vector<std::string>& notes() const = 0;
};

}  // namespace carillon::record
