#include "engine/record/writer.h"

#include <unistd.h>

#include <cerrno>

#include "engine/base/check.h"

namespace carillon::record {
namespace {

constexpr unsigned kDepth = 256;

}  // namespace

int write_whole(const Write& write) {
  std::size_t done = 0;
  while (done < write.bytes.size()) {
    const auto count = ::pwrite(write.descriptor, write.bytes.data() + done, write.bytes.size() - done,
                                static_cast<off_t>(write.offset + done));
    if (count < 0 && errno == EINTR) continue;
    // O_DIRECT cannot go on behind a cut that the disk's last room made
    if (count < 0 && errno == EINVAL && done > 0) return ENOSPC;
    if (count <= 0) return count == 0 ? ENOSPC : errno;
    done += static_cast<std::size_t>(count);
  }
  return 0;
}

Writer::Writer(bool uring, std::uint32_t tags) : writes_(tags) {
  ended_.reserve(tags);
  if (!uring) return;
  io_uring_params params{};
  params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_CLAMP;
  params.cq_entries = 2 * kDepth;
  ready_ = io_uring_queue_init_params(kDepth, &ring_, &params) == 0;
}

Writer::~Writer() {
  if (ready_) io_uring_queue_exit(&ring_);
}

void Writer::add(const Write& write) {
  if (!ready_) {
    ended_.push_back({write.tag, write_whole(write)});
    return;
  }
  while (under_way_ >= kDepth) {
    (void)io_uring_submit_and_wait(&ring_, 1);
    collect(ended_);
  }
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (!entry) {
    (void)io_uring_submit(&ring_);
    entry = io_uring_get_sqe(&ring_);
  }
  if (!entry) {
    ended_.push_back({write.tag, write_whole(write)});
    return;
  }
  writes_[write.tag] = write;
  io_uring_prep_write(entry, write.descriptor, write.bytes.data(), static_cast<unsigned>(write.bytes.size()),
                      write.offset);
  entry->user_data = write.tag;
  ++under_way_;
}

void Writer::collect(std::vector<Written>& ended) {
  io_uring_cqe* cqe = nullptr;
  while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
    const auto tag = static_cast<std::uint32_t>(cqe->user_data);
    const int result = cqe->res;
    io_uring_cqe_seen(&ring_, cqe);
    CHECK(under_way_ > 0);
    --under_way_;
    const Write& write = writes_[tag];
    int error = result < 0 ? -result : 0;
    // cut short or not now: once more, and that attempt's error counts
    if ((result >= 0 && static_cast<std::size_t>(result) < write.bytes.size()) || error == EAGAIN || error == EINTR)
      error = write_whole(write);
    ended.push_back({tag, error});
  }
}

void Writer::reap(std::vector<Written>& ended, bool wait) {
  if (ready_) {
    if (wait && under_way_ > 0 && ended_.empty())
      (void)io_uring_submit_and_wait(&ring_, 1);
    else if (io_uring_sq_ready(&ring_) != 0)
      (void)io_uring_submit(&ring_);
    collect(ended_);
  }
  ended.insert(ended.end(), ended_.begin(), ended_.end());
  ended_.clear();
}

}  // namespace carillon::record
