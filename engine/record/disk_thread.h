#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/record/closing.h"
#include "engine/record/disk.h"
#include "engine/record/settler.h"
#include "engine/record/writer.h"

namespace carillon::record {

/// What Disk::start makes. One turn: take the shards' requests, begin their writes, see what has ended, close what is
/// complete; then sleep for a while, so that the next turn has a batch.
class DiskThread final : public Disk {
 public:
  /// `lock`: descriptor that holds the folder; `before`: what repair found; `notes`: for the log.
  DiskThread(DiskConfig config, std::unique_ptr<Map> map, int lock, std::vector<Recorded> before,
             std::vector<std::string> notes, std::function<void()> wake);
  ~DiskThread() override;

  Channel& channel(std::uint32_t shard) override { return *channels_.at(shard); }
  bool pop(Recorded& news) override;
  DiskStats stats() const override;
  std::string name() const override { return name_; }
  const std::vector<std::string>& notes() const override { return notes_; }

 private:
  struct Recording {
    bool open = false, closing = false;
    int descriptor = -1;
    bool direct = false;
    LegId leg;
    WallTime started{};
    std::uint64_t submitted = 0, allocated = 0;
    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();  // the first byte that could not be written
    std::uint32_t writing = 0;
    std::string error;
  };

  void run();
  bool turn();
  void take(std::uint32_t shard, const Request& request);
  void open(std::uint32_t slot, const Request& request);
  void write(std::uint32_t slot, std::uint32_t block, std::uint32_t bytes);
  void written(const Written& written);
  void failed(Recording& recording, std::uint32_t slot, std::uint64_t offset, const std::string& error);
  void give_back(std::uint32_t block);
  void close(std::uint32_t slot);
  bool work_on_closing();
  void take_settled();
  void conclude(std::uint32_t slot, const Closing& closing);
  void flush_news();
  void take_what_is_left();
  void sleep(Duration time);
  bool probe_direct() const;

  DiskConfig config_;
  std::unique_ptr<Map> map_;
  int lock_;
  std::function<void()> wake_;
  std::vector<std::unique_ptr<Channel>> channels_;
  Writer writer_;
  bool direct_;
  std::string name_;
  std::vector<std::string> notes_;
  std::vector<Recording> recordings_;    // by slot
  std::vector<std::uint32_t> complete_;  // slots whose writes have all ended and that are to be closed
  std::deque<std::unique_ptr<Closing>> closings_;
  std::deque<std::uint32_t> closing_slots_;         // of closings_, in the same order
  std::vector<std::unique_ptr<Closing>> settling_;  // by slot: with the settler
  std::unique_ptr<Settler> settler_;                // null: nothing is flushed
  std::vector<Written> ended_;
  std::uint32_t open_count_ = 0;
  std::deque<Recorded> news_;  // what the ring had no room for
  Ring<Recorded> news_ring_;
  std::string unacknowledged_;  // reader: marker of what was popped last
  std::atomic<std::uint64_t> blocks_written_{0}, bytes_written_{0}, closed_{0}, write_errors_{0};
  int stop_descriptor_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace carillon::record
