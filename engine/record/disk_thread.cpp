#include "engine/record/disk_thread.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "engine/base/check.h"

namespace carillon::record {
namespace {

constexpr std::size_t kAlignment = 4096;
constexpr int kRequestsPerTurn = 4096;  // of one shard
constexpr std::size_t kDigestBytesPerTurn = 4 << 20;
constexpr std::size_t kNewsInRing = 256;
constexpr int kNameTries = 100;
constexpr int kIdleTurns = 10;  // nothing is open: sleep so many turns

std::string reason(const char* what, int error) { return fmt::format("{}: {}", what, std::strerror(error)); }

}  // namespace

DiskThread::DiskThread(DiskConfig config, std::unique_ptr<Map> map, int lock, std::vector<Recorded> before,
                       std::vector<std::string> notes, std::function<void()> wake)
    : config_(std::move(config)),
      map_(std::move(map)),
      lock_(lock),
      wake_(std::move(wake)),
      writer_(config_.uring && config_.direct && probe_direct(), map_->shape().blocks()),
      direct_(writer_.uses_uring()),
      name_(direct_ ? "uring direct" : "pwrite"),
      notes_(std::move(notes)),
      recordings_(map_->shape().recordings()),
      settling_(recordings_.size()),
      settler_(config_.sync ? std::make_unique<Settler>(config_.folder, recordings_.size()) : nullptr),
      news_(before.begin(), before.end()),
      news_ring_(kNewsInRing),
      stop_descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  ended_.reserve(map_->shape().blocks());
  for (std::uint32_t i = 0; i < config_.shards; ++i)
    channels_.emplace_back(new Channel(*map_, i, config_.recordings_per_shard));
  thread_ = std::thread([this] { run(); });
}

DiskThread::~DiskThread() {
  stopping_.store(true);
  const std::uint64_t one = 1;
  (void)!::write(stop_descriptor_, &one, sizeof one);
  thread_.join();
  map_->remove();  // all is in the files; in /dev/shm it would hold memory until somebody finds it
  ::close(stop_descriptor_);
  ::close(lock_);
}

// Buffered files go by pwrite: io_uring would punt each of their writes to a kernel worker, which costs more in all. So
// it does with those of tmpfs, which says yes to O_DIRECT and has no disk to write to.
bool DiskThread::probe_direct() const {
  const std::string path = open_folder(config_.folder) + "/probe";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
  if (descriptor < 0) return false;
  struct statfs system {};
  const bool is_memory = ::fstatfs(descriptor, &system) == 0 && system.f_type == TMPFS_MAGIC;
  const bool takes_it =
      !is_memory && write_whole({.descriptor = descriptor, .bytes = map_->block(0).first(kAlignment)}) == 0;
  ::close(descriptor);
  ::unlink(path.c_str());
  return takes_it;
}

bool DiskThread::pop(Recorded& news) {
  // Whoever asks for the next has taken note of the one before.
  if (!unacknowledged_.empty()) ::unlink(unacknowledged_.c_str());
  unacknowledged_.clear();
  if (!news_ring_.pop(news)) return false;
  if (!news.path.empty()) unacknowledged_ = marker_of(config_.folder, news.path);
  return true;
}

DiskStats DiskThread::stats() const {
  return {.blocks_written = blocks_written_.load(std::memory_order_relaxed),
          .bytes_written = bytes_written_.load(std::memory_order_relaxed),
          .recordings_closed = closed_.load(std::memory_order_relaxed),
          .write_errors = write_errors_.load(std::memory_order_relaxed)};
}

void DiskThread::run() {
  // A file at the size limit of the process is an error like others, not the end of the engine.
  sigset_t too_large;
  sigemptyset(&too_large);
  sigaddset(&too_large, SIGXFSZ);
  ::pthread_sigmask(SIG_BLOCK, &too_large, nullptr);
  while (!stopping_.load()) {
    if (turn()) continue;
    sleep(config_.turn * (open_count_ == 0 ? kIdleTurns : 1));
  }
  take_what_is_left();
  while (turn() || open_count_ > 0 || !closings_.empty()) {
    ended_.clear();
    writer_.reap(ended_, true);
    for (const Written& each : ended_) written(each);
    if (ended_.empty()) std::this_thread::sleep_for(1ms);  // the settler has the rest
  }
}

void DiskThread::sleep(Duration time) {
  pollfd descriptor{.fd = stop_descriptor_, .events = POLLIN, .revents = 0};
  const timespec spec{.tv_sec = time.count() / 1'000'000'000, .tv_nsec = time.count() % 1'000'000'000};
  (void)::ppoll(&descriptor, 1, &spec, nullptr);
}

// True: there is more to do at once.
bool DiskThread::turn() {
  bool more = false;
  for (std::uint32_t shard = 0; shard < channels_.size(); ++shard) {
    Request request;
    int taken = 0;
    while (taken < kRequestsPerTurn && channels_[shard]->requests_.pop(request)) {
      take(shard, request);
      ++taken;
    }
    more |= taken == kRequestsPerTurn;
  }
  ended_.clear();
  writer_.reap(ended_, false);
  for (const Written& each : ended_) written(each);
  for (const std::uint32_t slot : complete_) close(slot);
  complete_.clear();
  more |= work_on_closing();
  flush_news();
  return more;
}

void DiskThread::take(std::uint32_t shard, const Request& request) {
  const std::uint32_t slot = shard * config_.recordings_per_shard + request.recording.index;
  switch (request.kind) {
    case Request::Kind::kOpen:
      open(slot, request);
      break;
    case Request::Kind::kWrite:
      write(slot, request.block, request.bytes);
      break;
    case Request::Kind::kClose:
      recordings_[slot].closing = true;
      if (recordings_[slot].writing == 0) complete_.push_back(slot);
      break;
  }
}

void DiskThread::open(std::uint32_t slot, const Request& request) {
  Recording& recording = recordings_[slot];
  CHECK(!recording.open);
  recording = {};
  recording.open = true;
  recording.leg = request.leg;
  recording.started = request.started;
  ++open_count_;
  // One leg may be recorded twice within a millisecond: the later one moves on, so that each has its own name.
  for (int tries = 0; tries < kNameTries; ++tries, recording.started += 1ms) {
    const Names names = names_of(config_.folder, recording.leg, recording.started);
    if (::access((config_.folder + "/" + names.path).c_str(), F_OK) == 0) continue;
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | (direct_ ? O_DIRECT : 0);
    recording.descriptor = ::open(names.part.c_str(), flags, 0640);
    if (recording.descriptor >= 0 || errno != EEXIST) break;
  }
  if (recording.descriptor < 0) failed(recording, slot, 0, reason("open", errno));
  recording.direct = direct_;
  map_->entry(slot).started_ms.store(recording.started.time_since_epoch().count(), std::memory_order_release);
}

void DiskThread::write(std::uint32_t slot, std::uint32_t block, std::uint32_t bytes) {
  Recording& recording = recordings_[slot];
  CHECK(recording.open);
  const std::uint64_t offset = recording.submitted;
  recording.submitted += bytes;
  if (recording.limit != std::numeric_limits<std::uint64_t>::max()) {  // it has failed: nothing behind is kept
    give_back(block);
    return;
  }
  if (recording.direct && recording.submitted > recording.allocated) {
    // Room ahead, so that direct writes neither lengthen the file nor look for blocks. Where that is refused, the write
    // says so. Buffered writes the file system gathers by itself; room ahead made them dearer.
    (void)::fallocate(recording.descriptor, 0, static_cast<off_t>(recording.allocated),
                      static_cast<off_t>(config_.preallocate));
    recording.allocated += config_.preallocate;
  }
  ++recording.writing;
  std::size_t size = bytes;
  if (recording.direct) {
    // Whole pages; what is too much is cut at close. Zeros until then: old bytes would be somebody else's call.
    size = (size + kAlignment - 1) / kAlignment * kAlignment;
    std::memset(map_->block(block).data() + bytes, 0, size - bytes);
  }
  writer_.add({.descriptor = recording.descriptor,
               .bytes = ByteView(map_->block(block)).first(size),
               .offset = offset,
               .tag = block});
}

void DiskThread::written(const Written& written) {
  const auto& header = map_->header(written.tag);
  Recording& recording = recordings_[header.recording];
  if (written.error != 0) {
    failed(recording, header.recording, header.offset, reason("write", written.error));
  } else {
    blocks_written_.fetch_add(1, std::memory_order_relaxed);
    bytes_written_.fetch_add(header.valid.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  const std::uint32_t slot = header.recording;
  give_back(written.tag);
  CHECK(recording.writing > 0);
  if (--recording.writing == 0 && recording.closing) complete_.push_back(slot);
}

void DiskThread::failed(Recording& recording, std::uint32_t slot, std::uint64_t offset, const std::string& error) {
  write_errors_.fetch_add(1, std::memory_order_relaxed);
  recording.limit = std::min(recording.limit, offset);
  map_->entry(slot).limit.store(recording.limit, std::memory_order_release);
  if (recording.error.empty()) recording.error = error;
}

void DiskThread::give_back(std::uint32_t block) {
  map_->header(block).used.store(0, std::memory_order_release);
  CHECK(channels_[block / config_.blocks_per_shard]->blocks_back_.push(block));
}

void DiskThread::close(std::uint32_t slot) {
  Recording& recording = recordings_[slot];
  CHECK(recording.open && recording.writing == 0);
  closings_.push_back(
      std::make_unique<Closing>(config_.folder, Closing::What{.descriptor = recording.descriptor,
                                                              .leg = recording.leg,
                                                              .started = recording.started,
                                                              .length = std::min(recording.submitted, recording.limit),
                                                              .repaired = false,
                                                              .error = recording.error}));
  closing_slots_.push_back(slot);
}

bool DiskThread::work_on_closing() {
  take_settled();
  std::size_t budget = kDigestBytesPerTurn;
  while (!closings_.empty() && budget > 0) {
    const std::size_t part = std::min<std::size_t>(budget, 1 << 20);
    budget -= part;
    if (!closings_.front()->step(part)) continue;
    const std::uint32_t slot = closing_slots_.front();
    std::unique_ptr<Closing> closing = std::move(closings_.front());
    closings_.pop_front();
    closing_slots_.pop_front();
    if (settler_) {
      settling_[slot] = std::move(closing);
      settler_->give({settling_[slot].get(), slot});
    } else {
      closing->finish();
      conclude(slot, *closing);
    }
  }
  return !closings_.empty();
}

void DiskThread::take_settled() {
  for (Settler::Job job; settler_ && settler_->take(job);) {
    conclude(job.slot, *job.closing);
    settling_[job.slot].reset();
  }
}

void DiskThread::conclude(std::uint32_t slot, const Closing& closing) {
  news_.push_back(closing.recorded());
  recordings_[slot].open = false;
  --open_count_;
  closed_.fetch_add(1, std::memory_order_relaxed);
  map_->entry(slot).used.store(0, std::memory_order_release);
  CHECK(channels_[slot / config_.recordings_per_shard]->closed_.push(slot % config_.recordings_per_shard));
}

void DiskThread::flush_news() {
  if (news_.empty()) return;
  bool any = false;
  while (!news_.empty() && news_ring_.push(news_.front())) {
    news_.pop_front();
    any = true;
  }
  if (any && wake_) wake_();
}

// The shards have stopped. Blocks that they still hold go to their files as far as they are filled.
void DiskThread::take_what_is_left() {
  while (turn()) {
  }
  for (std::uint32_t block = 0; block < map_->shape().blocks(); ++block) {
    auto& header = map_->header(block);
    if (header.used.load(std::memory_order_acquire) == 0) continue;
    Recording& recording = recordings_[header.recording];
    const std::uint32_t valid = header.valid.load(std::memory_order_acquire);
    const bool is_under_way = header.offset < recording.submitted;
    if (recording.open && !recording.closing && !is_under_way && valid > 0) write(header.recording, block, valid);
  }
  for (std::uint32_t slot = 0; slot < recordings_.size(); ++slot) {
    Recording& recording = recordings_[slot];
    if (!recording.open || recording.closing) continue;
    recording.closing = true;
    if (recording.writing == 0) complete_.push_back(slot);
  }
}

}  // namespace carillon::record
