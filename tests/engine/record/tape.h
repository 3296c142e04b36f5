#pragma once
// What the tests of record share: a call that records as a leg does, and a reader of the files that come out.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <semaphore>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/check.h"
#include "engine/record/disk.h"
#include "media/record/former.h"

namespace carillon::record {

/// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "carillon-record-XXXXXX").string();
    CHECK(::mkdtemp(pattern.data()));
    path_ = pattern;
  }
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }
  std::string map() const { return path_ + "/blocks.map"; }

 private:
  std::string path_;
};

/// Sound that tells where it belongs: sample `i` of tick `tick` of a leg.
inline std::int16_t sample(LegId leg, int tick, int i, bool right) {
  const std::uint64_t mixed =
      (leg.value * 1'000'003 + static_cast<std::uint64_t>(tick) * 331 + static_cast<std::uint64_t>(i) * 2 + right + 1) *
      0x9E3779B97F4A7C15u;
  return static_cast<std::int16_t>(mixed >> 40);
}

inline std::vector<std::byte> sound(LegId leg, int ticks) {
  std::vector<std::byte> bytes;
  bytes.reserve(static_cast<std::size_t>(ticks) * media::Former::kTickBytes);
  for (int tick = 0; tick < ticks; ++tick)
    for (int i = 0; i < kFrameSamples; ++i)
      for (const bool right : {false, true}) {
        const auto value = static_cast<std::uint16_t>(sample(leg, tick, i, right));
        bytes.push_back(static_cast<std::byte>(value & 0xFF));
        bytes.push_back(static_cast<std::byte>(value >> 8));
      }
  return bytes;
}

/// One recorded call: a Former above a Channel.
class Tape {
 public:
  Tape(Channel& channel, LegId leg, WallTime started) : channel_(channel), leg_(leg) {
    recording_ = channel.open(leg, started);
    if (!recording_) return;
    while (!(block_ = channel_.acquire(recording_))) std::this_thread::yield();
    former_.start(block_.bytes);
    progress();
  }
  bool ok() const { return static_cast<bool>(recording_); }
  LegId leg() const { return leg_; }
  int ticks() const { return ticks_; }

  /// The next 20 ms, waiting for a block where none is free.
  void tick() {
    std::array<std::int16_t, kFrameSamples> left, right;
    for (int i = 0; i < kFrameSamples; ++i) {
      left[static_cast<std::size_t>(i)] = sample(leg_, ticks_, i, false);
      right[static_cast<std::size_t>(i)] = sample(leg_, ticks_, i, true);
    }
    bool is_full = former_.add(left, right);
    while (is_full) {
      channel_.submit(recording_, block_, static_cast<std::uint32_t>(former_.filled()));
      while (!(block_ = channel_.acquire(recording_))) std::this_thread::yield();
      is_full = former_.next(block_.bytes);
    }
    progress();
    ++ticks_;
  }
  void close() {
    channel_.submit(recording_, block_, static_cast<std::uint32_t>(former_.filled()));
    channel_.close(recording_);
    block_ = {};
  }

 private:
  void progress() { channel_.progress(block_, static_cast<std::uint32_t>(former_.filled())); }

  Channel& channel_;
  LegId leg_;
  Handle recording_;
  Block block_;
  media::Former former_;
  int ticks_ = 0;
};

inline std::vector<std::byte> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto bytes = bytes_of(text);
  return {bytes.begin(), bytes.end()};
}

inline std::uint32_t little(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i > 0; --i) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i - 1]);
  return value;
}

/// The sound of a WAV file that is right in all its sizes; a failure and nothing else.
inline std::vector<std::byte> wav_sound(const std::string& path) {
  const auto file = read_file(path);
  if (file.size() < 12 || text_of(ByteView(file).first(4)) != "RIFF" || little(file, 4) != file.size() - 8 ||
      text_of(ByteView(file).subspan(8, 4)) != "WAVE") {
    ADD_FAILURE() << path << ": not a WAV of its size";
    return {};
  }
  bool has_format = false;
  for (std::size_t at = 12; at + 8 <= file.size();) {
    const auto name = text_of(ByteView(file).subspan(at, 4));
    const std::size_t size = little(file, at + 4);
    if (at + 8 + size > file.size()) break;
    has_format |= name == "fmt ";
    if (name == "data" && has_format && at + 8 + size == file.size())
      return {file.begin() + static_cast<std::ptrdiff_t>(at) + 8, file.end()};
    at += 8 + size + size % 2;
  }
  ADD_FAILURE() << path << ": chunks do not fit";
  return {};
}

/// A Disk and what it reports.
class Station {
 public:
  explicit Station(const DiskConfig& config)
      : folder_(config.folder), disk_(Disk::start(config, [this] { news_.release(); })) {
    CHECK(disk_);
  }
  Disk& operator*() { return **disk_; }
  Disk* operator->() { return disk_->get(); }

  /// The next finished recordings, so many of them. Asks once more at the end, which says they are noted.
  std::vector<Recorded> await(std::size_t count) {
    std::vector<Recorded> all;
    Recorded recorded;
    while (all.size() < count) {
      if ((*disk_)->pop(recorded)) {
        all.push_back(recorded);
      } else if (!news_.try_acquire_for(std::chrono::seconds(20))) {
        ADD_FAILURE() << "only " << all.size() << " of " << count << " recordings were reported";
        break;
      }
    }
    EXPECT_FALSE((*disk_)->pop(recorded)) << "more than were made";
    return all;
  }
  std::string absolute(const Recorded& recorded) const { return folder_ + "/" + std::string(recorded.path.view()); }

 private:
  std::string folder_;
  std::counting_semaphore<> news_{0};
  Result<std::unique_ptr<Disk>, DiskError> disk_;
};

}  // namespace carillon::record
