#include "engine/link/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "engine/base/check.h"

namespace carillon::link {

// At offset 0. The words are aligned and stored whole, so a kill leaves the old value or the new one.
struct Journal::Head {
  std::array<char, 8> magic;
  std::array<char, 32> epoch;
  std::array<char, 40> boot_id;  // of the kernel: another one means that the machine went down
  std::uint64_t last_sequence;
  std::uint64_t acknowledged;
  std::int64_t beat_ms;
};

// Before each record's bytes. `length` is stored last; the CRC covers all but itself.
struct Journal::Record {
  std::uint32_t length;  // of the bytes + 1, so that zero means: nothing here yet
  std::uint32_t crc;
  std::uint32_t kind;
  std::uint32_t reserved;
  std::uint64_t sequence;
  std::uint64_t leg;
};

namespace {

constexpr std::array<char, 8> kMagic = {'C', 'A', 'R', 'J', 'R', 'N', 'L', '1'};
constexpr std::size_t kLogStart = 4096;
constexpr std::uint64_t kJumpAfterPowerLoss = 1u << 24;  // more events than an engine makes between write-backs
constexpr std::uint32_t kEvent = 1, kEnd = 2, kLeg = 3, kGone = 4;

constexpr auto kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? 0xEDB88320u ^ value >> 1 : value >> 1;
    table[i] = value;
  }
  return table;
}();

std::uint32_t crc32(std::uint32_t crc, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  crc = ~crc;
  for (std::size_t i = 0; i < size; ++i) crc = kCrcTable[(crc ^ bytes[i]) & 0xFF] ^ crc >> 8;
  return ~crc;
}

constexpr std::size_t padded(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

template <class Word>
void store_whole(Word& word, Word value) {
  std::atomic_ref<Word>(word).store(value, std::memory_order_release);
}

std::array<char, 40> kernel_boot() {
  std::array<char, 40> boot{};
  std::ifstream("/proc/sys/kernel/random/boot_id").read(boot.data(), 36);
  return boot;
}

std::string random_hex32() {
  std::array<std::uint8_t, 16> bytes{};
  CHECK(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  std::string text;
  for (const auto byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace

Journal::Head& Journal::head() { return *reinterpret_cast<Head*>(file_->data()); }
const Journal::Head& Journal::head() const { return *reinterpret_cast<const Head*>(file_->data()); }
std::uint64_t Journal::last_sequence() const { return head().last_sequence; }
std::uint64_t Journal::acknowledged() const { return head().acknowledged; }

std::string_view Journal::payload(const Kept& kept) const {
  return {reinterpret_cast<const char*>(file_->data()) + kept.offset + sizeof(Record), kept.length};
}

Result<std::unique_ptr<Journal>, std::string> Journal::open(JournalConfig config) {
  config.size_start = std::max(config.size_start, 2 * kLogStart);
  config.size_max = std::max(config.size_max, config.size_start);
  std::unique_ptr<Journal> journal(new Journal(std::move(config)));
  const std::string& path = journal->config_.path;
  if (!journal->lock()) return fmt::format("{}.lock: another engine uses this folder, or it is not writable", path);
  const bool is_ready = journal->find_old() ? journal->read_old() : journal->start_new();
  if (!is_ready) return fmt::format("{}: cannot be written: {}", path, std::strerror(errno));
  return journal;
}

Journal::~Journal() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

bool Journal::lock() {
  lock_fd_ = ::open((config_.path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  return lock_fd_ >= 0 && ::flock(lock_fd_, LOCK_EX | LOCK_NB) == 0;
}

bool Journal::make(const std::string& path, std::size_t size) {
  auto made = MappedFile::create(path, size);
  if (!made) return false;
  file_ = std::move(*made);
  Head& fresh = head();
  fresh.magic = kMagic;
  fresh.boot_id = kernel_boot();
  std::copy_n(epoch_.begin(), fresh.epoch.size(), fresh.epoch.begin());
  return true;
}

bool Journal::start_new() {
  epoch_ = random_hex32();
  tail_ = kLogStart;
  return make(config_.path + ".new", config_.size_start) && file_->rename_to(config_.path);
}

// Maps the file if it is a journal. What is not is kept under another name, for people to look at.
bool Journal::find_old() {
  if (!std::filesystem::exists(config_.path)) return false;
  auto old = MappedFile::open(config_.path);
  if (old && (*old)->size() >= kLogStart && reinterpret_cast<const Head*>((*old)->data())->magic == kMagic) {
    file_ = std::move(*old);
    return true;
  }
  damaged_ = true;
  std::rename(config_.path.c_str(), (config_.path + ".damaged").c_str());
  return false;
}

bool Journal::read_old() {
  epoch_.assign(head().epoch.data(), head().epoch.size());
  last_beat_ = WallTime(std::chrono::milliseconds(head().beat_ms));
  scan();
  if (head().boot_id != kernel_boot()) head().last_sequence += kJumpAfterPowerLoss;
  return rewrite(std::max(config_.size_start, file_->size()));  // a torn record at the end is gone with this
}

// Takes in every whole record; the first that is not one ends the log.
void Journal::scan() {
  std::uint64_t last = head().last_sequence;
  tail_ = kLogStart;
  while (tail_ + sizeof(Record) <= file_->size()) {
    Record record;
    std::memcpy(&record, file_->data() + tail_, sizeof record);
    if (record.length == 0 || record.length - 1 > file_->size() - tail_ - sizeof record) break;
    const Kept kept{tail_, record.length - 1, record.sequence, LegId{record.leg}};
    const std::uint32_t crc = std::exchange(record.crc, 0);
    if (crc != crc32(crc32(0, &record, sizeof record), payload(kept).data(), kept.length)) break;
    tail_ += sizeof record + padded(kept.length);
    living_ += sizeof record + padded(kept.length);
    last = std::max(last, record.sequence);
    if (record.kind == kLeg) {
      replace_leg(kept.leg, kept);
      continue;
    }
    if (record.kind != kEvent) forget_leg(kept.leg);
    if (record.kind == kGone || record.sequence <= head().acknowledged) {
      drop(kept);
      continue;
    }
    events_.push_back(kept);
    if (record.kind == kEnd) ended_.insert(kept.leg.value);
  }
  head().last_sequence = last;
}

std::uint64_t Journal::next_sequence() {
  const std::uint64_t next = head().last_sequence + 1;
  store_whole(head().last_sequence, next);
  return next;
}

void Journal::beat(WallTime now) { store_whole(head().beat_ms, std::int64_t{now.time_since_epoch().count()}); }

void Journal::drop(const Kept& kept) { living_ -= sizeof(Record) + padded(kept.length); }

void Journal::replace_leg(LegId leg, const Kept& kept) {
  if (const auto old = legs_.find(leg.value); old != legs_.end()) drop(old->second);
  legs_[leg.value] = kept;
}

bool Journal::accepts_calls() const { return living_ < config_.size_max / 4 * 3; }

bool Journal::add_event(std::uint64_t sequence, std::string_view event, LegId ends) {
  CHECK(events_.empty() || events_.back().sequence < sequence);
  Kept kept;
  if (!append(ends ? kEnd : kEvent, sequence, ends, event, kept)) return false;
  events_.push_back(kept);
  if (!ends) return true;
  ended_.insert(ends.value);
  forget_leg(ends);
  return true;
}

bool Journal::put_leg(LegId leg, std::string_view state) {
  Kept kept;
  if (!append(kLeg, 0, leg, state, kept)) return false;
  replace_leg(leg, kept);
  return true;
}

void Journal::remove_leg(LegId leg) {
  if (!is_living(leg)) return;
  Kept kept;
  if (append(kGone, 0, leg, {}, kept)) drop(kept);  // no room: the next start reports it as ended, once
  forget_leg(leg);
}

void Journal::forget_leg(LegId leg) {
  const auto living = legs_.find(leg.value);
  if (living == legs_.end()) return;
  drop(living->second);
  legs_.erase(living);
}

void Journal::acknowledge(std::uint64_t sequence) {
  sequence = std::min(sequence, head().last_sequence);
  if (sequence <= head().acknowledged) return;
  store_whole(head().acknowledged, sequence);
  while (!events_.empty() && events_.front().sequence <= sequence) {
    drop(events_.front());
    ended_.erase(events_.front().leg.value);
    events_.pop_front();
  }
}

std::optional<Journal::Event> Journal::event_after(std::uint64_t sequence) const {
  const auto next = std::upper_bound(events_.begin(), events_.end(), sequence,
                                     [](std::uint64_t value, const Kept& kept) { return value < kept.sequence; });
  if (next == events_.end()) return {};
  return Event{next->sequence, payload(*next)};
}

bool Journal::append(std::uint32_t kind, std::uint64_t sequence, LegId leg, std::string_view bytes, Kept& kept) {
  const std::size_t size = sizeof(Record) + padded(bytes.size());
  if (!room_for(size)) return false;
  Record record{static_cast<std::uint32_t>(bytes.size()) + 1, 0, kind, 0, sequence, leg.value};
  record.crc = crc32(crc32(0, &record, sizeof record), bytes.data(), bytes.size());
  std::byte* at = file_->data() + tail_;
  if (!bytes.empty()) std::memcpy(at + sizeof record, bytes.data(), bytes.size());
  std::memcpy(at + sizeof record.length, reinterpret_cast<const std::byte*>(&record) + sizeof record.length,
              sizeof record - sizeof record.length);
  store_whole(reinterpret_cast<Record*>(at)->length, record.length);
  kept = {tail_, static_cast<std::uint32_t>(bytes.size()), sequence, leg};
  tail_ += size;
  living_ += size;
  return true;
}

// Makes room at the end: by leaving out what is dead if that is much, else by doubling.
bool Journal::room_for(std::size_t bytes) {
  if (tail_ + bytes <= file_->size()) return true;
  if (kLogStart + living_ + bytes <= file_->size() / 2) return rewrite(file_->size());
  std::size_t wanted = file_->size();
  while (wanted < tail_ + bytes) wanted *= 2;
  if (wanted <= config_.size_max && file_->grow(wanted)) return true;
  const std::size_t size = std::max(config_.size_max, file_->size());
  // below a sixteenth of dead bytes a copy would buy too little: full
  return kLogStart + living_ + bytes <= size - size / 16 && rewrite(size);
}

// Copies what counts into a new file, which then takes the name: a kill leaves the old one or the new one, whole.
bool Journal::rewrite(std::size_t size) {
  auto old = std::move(file_);
  const auto keep_old = [&] {
    file_ = std::move(old);
    return false;
  };
  if (!make(config_.path + ".new", size)) return keep_old();
  const Head& before = *reinterpret_cast<const Head*>(old->data());
  head().last_sequence = before.last_sequence;
  head().acknowledged = before.acknowledged;
  head().beat_ms = before.beat_ms;
  std::vector<Kept*> order;
  order.reserve(events_.size() + legs_.size());
  for (Kept& kept : events_) order.push_back(&kept);
  for (auto& [leg, kept] : legs_) order.push_back(&kept);
  std::size_t at = kLogStart;
  for (const Kept* kept : order) {
    const std::size_t length = sizeof(Record) + padded(kept->length);
    std::memcpy(file_->data() + at, old->data() + kept->offset, length);
    at += length;
  }
  CHECK(at == kLogStart + living_);
  if (!file_->rename_to(config_.path)) return keep_old();
  tail_ = kLogStart;
  for (Kept* kept : order) kept->offset = std::exchange(tail_, tail_ + sizeof(Record) + padded(kept->length));
  return true;
}

}  // namespace carillon::link
