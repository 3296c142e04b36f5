#include "engine/io/uring.h"

#include <liburing.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "engine/base/check.h"
#include "engine/io/buffers.h"
#include "engine/io/gathering.h"
#include "engine/io/send_slots.h"
#include "engine/io/socket.h"
#include "engine/io/wakeup.h"

namespace carillon::io {
namespace {

// user_data: what completed, the socket's generation (24 bits) and its index. Generation checks make a completion
// that comes after close() harmless.
enum class Kind : std::uint8_t { kReceive = 1, kSend, kWake, kCancel };
constexpr std::uint64_t tag(Kind kind, std::uint32_t generation = 0, std::uint32_t index = 0) {
  return std::uint64_t{static_cast<std::uint8_t>(kind)} << 56 | std::uint64_t{generation & 0xFF'FFFF} << 32 | index;
}
constexpr Kind kind_of(std::uint64_t tag) { return static_cast<Kind>(tag >> 56); }
constexpr std::uint32_t generation_of(std::uint64_t tag) { return tag >> 32 & 0xFF'FFFF; }
constexpr std::uint32_t index_of(std::uint64_t tag) { return static_cast<std::uint32_t>(tag); }

constexpr int kSubmitTries = 8;
constexpr int kCancelTries = 1000;

class UringPort final : public Port {
 public:
  explicit UringPort(const PortConfig& config)
      : batch_(config.batch),
        sockets_(config),
        buffers_(config.receive_buffers, config.receive_bytes + sizeof(io_uring_recvmsg_out) + sizeof(SocketAddress)),
        pending_(config.receive_buffers),
        slots_(config.batch),
        gathering_(std::max(1u, config.batch / 2)) {
    handed_.reserve(config.batch);
    received_.reserve(config.batch);
    unarmed_.reserve(config.sockets_max);
    template_.msg_namelen = sizeof(SocketAddress);
  }
  ~UringPort() override;

  /// Zero or a negative errno.
  int set_up(const PortConfig& config);

  Result<SocketId, IoError> open(const Endpoint& local, bool shared) override;
  void close(SocketId socket) override;
  void expect(SocketId socket, const Endpoint& peer) override { sockets_.expect(socket, peer); }
  void expect_any(SocketId socket) override { sockets_.expect_any(socket); }
  Endpoint local(SocketId socket) const override;
  std::span<const Received> receive(int most) override;
  void transmit(std::span<const Outgoing> batch) override;
  void wait(TimePoint until) override;
  void wake() override { wakeup_.wake(); }
  const PortCounters& counters() const override { return counters_; }
  const char* name() const override { return "uring"; }

 private:
  struct Pending {  // a filled buffer that receive() has not handed out yet
    std::uint32_t index, generation;
    std::uint16_t buffer;
    std::int32_t size;
    TimePoint arrival;
  };

  void enable();
  io_uring_sqe* sqe();
  void submit();
  void drop_unsubmitted();
  void reap();
  void received(const io_uring_cqe& cqe, TimePoint now);
  void arm();
  void arm_wakeup();
  bool news() const;
  void prepare_send(const Outgoing& out, std::size_t slot);
  bool unpack(const Pending& pending, Received& out);
  void cancel(SocketId id, SocketTable::Socket& socket);

  std::uint32_t batch_;
  io_uring ring_{};
  bool ready_ = false, enabled_ = false, fixed_files_ = false;
  SocketTable sockets_;
  BufferRing buffers_;
  FixedQueue<Pending> pending_;
  std::vector<std::uint16_t> handed_;  // buffers in the owner's hands until the next receive()
  std::vector<Received> received_;
  std::vector<std::uint32_t> unarmed_;  // open sockets whose multishot receive is to be started
  SendSlots slots_;
  Gathering gathering_;
  msghdr template_{};
  bool cancelled_ = false, wakeup_armed_ = false, failed_receive_ = false;
  std::uint64_t wakeup_count_ = 0;
  Wakeup wakeup_;
  PortCounters counters_;
};

int UringPort::set_up(const PortConfig& config) {
  if (wakeup_.descriptor() < 0) return -EMFILE;
  io_uring_params params{};
  // Completions are run by the owner when it asks (no interrupts in the middle of media work); started disabled, so
  // that the thread that first receives becomes the owner, whoever made the port.
  params.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  const unsigned entries = std::bit_ceil(std::max(config.batch, 64u));
  params.cq_entries = std::max(config.receive_buffers, entries) * 2;
  const int made = io_uring_queue_init_params(entries, &ring_, &params);
  if (made < 0) return made;
  ready_ = true;
  if (!(params.features & IORING_FEAT_EXT_ARG) || !(params.features & IORING_FEAT_CQE_SKIP)) return -EINVAL;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  // Registered files serve the sends only: before 6.13 a removed file lives as long as any older request on the
  // registered table, so a multishot receive would keep closed ports in use.
  fixed_files_ =
      config.sockets_max <= files.rlim_cur && io_uring_register_files_sparse(&ring_, config.sockets_max) == 0;
  return buffers_.register_with(ring_);
}

UringPort::~UringPort() {
  if (!ready_) return;
  // On the owner's thread the addresses are free when we return. From another one the kernel refuses all this, and
  // frees them by itself a moment later.
  for (std::uint32_t i = 0; i < sockets_.capacity(); ++i) close(SocketId{i});
  io_uring_queue_exit(&ring_);
}

void UringPort::enable() {
  // liburing 2.3 does not export io_uring_enable_rings
  CHECK(io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_REGISTER_ENABLE_RINGS, nullptr, 0) == 0);
  enabled_ = true;
}

Result<SocketId, IoError> UringPort::open(const Endpoint& local, bool shared) {
  const auto id = sockets_.open(local, shared);
  if (!id) return id;
  if (fixed_files_) {
    int descriptor = sockets_.find(*id)->descriptor;
    if (io_uring_register_files_update(&ring_, id->value, &descriptor, 1) != 1) {
      sockets_.close(*id);
      return IoError::kSystem;
    }
  }
  unarmed_.push_back(id->value);
  return id;
}

void UringPort::close(SocketId id) {
  auto* socket = sockets_.find(id);
  if (!socket) return;
  if (socket->armed) cancel(id, *socket);
  std::erase(unarmed_, id.value);
  if (fixed_files_) {
    int none = -1;
    (void)io_uring_register_files_update(&ring_, id.value, &none, 1);
  }
  sockets_.close(id);
}

// Ends a multishot receive and sees its last completion, so that the kernel has let go of the socket.
void UringPort::cancel(SocketId id, SocketTable::Socket& socket) {
  for (int i = 0; socket.armed && i < kCancelTries; ++i) {
    io_uring_sqe* entry = sqe();
    if (!entry) return;
    io_uring_prep_cancel64(entry, tag(Kind::kReceive, socket.generation, id.value), 0);
    entry->user_data = tag(Kind::kCancel);
    cancelled_ = false;
    do {
      const int result = io_uring_submit_and_wait(&ring_, 1);
      if (result < 0 && result != -EINTR && result != -EAGAIN && result != -EBUSY) return;
      reap();
    } while (!cancelled_);
    if (socket.armed && news()) {
      (void)io_uring_get_events(&ring_);
      reap();
    }
  }
}

Endpoint UringPort::local(SocketId id) const {
  const auto* socket = const_cast<SocketTable&>(sockets_).find(id);
  return socket ? socket->local : Endpoint{};
}

io_uring_sqe* UringPort::sqe() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (!entry) {
    submit();
    entry = io_uring_get_sqe(&ring_);
  }
  return entry;
}

void UringPort::submit() {
  for (int i = 0; io_uring_sq_ready(&ring_) != 0 && i < kSubmitTries; ++i) {
    if (io_uring_submit(&ring_) < 0) {  // no memory, or completions in the way
      (void)io_uring_get_events(&ring_);
      reap();
    }
  }
  drop_unsubmitted();
  reap();
}

// The kernel would not take them; the caller's views end with transmit(), so the sends become nothing.
void UringPort::drop_unsubmitted() {
  const unsigned count = io_uring_sq_ready(&ring_);
  for (unsigned i = 0; i < count; ++i) {
    io_uring_sqe& entry = ring_.sq.sqes[(ring_.sq.sqe_tail - 1 - i) & ring_.sq.ring_mask];
    if (kind_of(entry.user_data) != Kind::kSend) continue;
    counters_.bytes_out -= index_of(entry.user_data);
    io_uring_prep_nop(&entry);
    entry.flags = IOSQE_CQE_SKIP_SUCCESS;
    ++counters_.send_refused;
    --counters_.packets_out;
  }
}

bool UringPort::news() const {
  return (__atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

void UringPort::reap() {
  unsigned head, seen = 0;
  io_uring_cqe* cqe;
  TimePoint now{};
  io_uring_for_each_cqe(&ring_, head, cqe) {
    ++seen;
    switch (kind_of(cqe->user_data)) {
      case Kind::kReceive:
        if (now == TimePoint{}) now = MonoClock::now();
        received(*cqe, now);
        break;
      case Kind::kSend:  // only failures report
        ++counters_.send_refused;
        --counters_.packets_out;
        counters_.bytes_out -= index_of(cqe->user_data);
        break;
      case Kind::kWake:
        wakeup_armed_ = false;
        break;
      case Kind::kCancel:
        cancelled_ = true;
        break;
    }
  }
  if (seen != 0) io_uring_cq_advance(&ring_, seen);
}

void UringPort::received(const io_uring_cqe& cqe, TimePoint now) {
  const std::uint32_t index = index_of(cqe.user_data);
  auto* socket = sockets_.find(index, generation_of(cqe.user_data));
  if (cqe.flags & IORING_CQE_F_BUFFER) {
    const auto buffer = static_cast<std::uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
    buffers_.taken();
    if (socket && cqe.res >= 0)
      pending_.push({index, socket->generation, buffer, cqe.res, now});
    else
      buffers_.give_back(buffer);
  }
  if (cqe.flags & IORING_CQE_F_MORE || !socket) return;
  socket->armed = false;
  if (cqe.res == -ECANCELED) return;
  if (cqe.res == -ENOBUFS) ++counters_.receive_full;
  failed_receive_ |= cqe.res < 0 && cqe.res != -ENOBUFS;
  unarmed_.push_back(index);
}

// Starts receives. With few free buffers it waits until the owner has given some back: they would only end again. Each
// socket once: after a stall all have packets waiting, and those that end for want of a buffer come back to the list's
// end while it is worked through.
void UringPort::arm() {
  const std::size_t count = unarmed_.size();
  std::size_t done = 0;
  for (; done < count && buffers_.out() <= buffers_.count() / 4 * 3; ++done) {
    const std::uint32_t index = unarmed_[done];
    auto* socket = sockets_.find(SocketId{index});
    CHECK(socket && !socket->armed);
    io_uring_sqe* entry = sqe();
    if (!entry) break;
    io_uring_prep_recvmsg_multishot(entry, socket->descriptor, &template_, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = BufferRing::kGroup;
    entry->user_data = tag(Kind::kReceive, socket->generation, index);
    socket->armed = true;
  }
  unarmed_.erase(unarmed_.begin(), unarmed_.begin() + static_cast<std::ptrdiff_t>(done));
}

std::span<const Received> UringPort::receive(int most) {
  if (!enabled_) enable();
  for (const std::uint16_t buffer : handed_) buffers_.give_back(buffer);
  handed_.clear();
  received_.clear();
  const auto limit = std::min<std::size_t>(batch_, static_cast<std::size_t>(std::max(most, 0)));
  arm();
  if (pending_.size() < limit && (news() || io_uring_sq_ready(&ring_) != 0))
    (void)io_uring_submit_and_get_events(&ring_);
  reap();
  Pending next;
  while (received_.size() < limit && pending_.pop(next)) {
    Received packet;
    if (unpack(next, packet)) {
      received_.push_back(packet);
      handed_.push_back(next.buffer);
      ++counters_.packets_in;
      counters_.bytes_in += packet.data.size();
    } else {
      buffers_.give_back(next.buffer);
    }
  }
  gathering_.note_received(received_.size());
  return received_;
}

bool UringPort::unpack(const Pending& pending, Received& out) {
  if (!sockets_.find(pending.index, pending.generation)) return false;  // closed meanwhile
  void* memory = buffers_.at(pending.buffer);
  auto* header = io_uring_recvmsg_validate(memory, pending.size, &template_);
  if (!header) return false;
  if (header->flags & MSG_TRUNC) {
    ++counters_.truncated;
    return false;
  }
  SocketAddress peer;
  std::memcpy(&peer, io_uring_recvmsg_name(header), sizeof peer.v6);
  out = {.data = ByteView(static_cast<const std::byte*>(io_uring_recvmsg_payload(header, &template_)),
                          io_uring_recvmsg_payload_length(header, pending.size, &template_)),
         .peer = from_kernel(peer),
         .socket = SocketId{pending.index},
         .arrival = pending.arrival};
  return true;
}

void UringPort::prepare_send(const Outgoing& out, std::size_t slot) {
  auto* socket = sockets_.find(out.socket);
  io_uring_sqe* entry = socket ? sqe() : nullptr;
  if (!entry) {
    ++counters_.send_refused;
    return;
  }
  slots_.prepare(slot, *entry, socket->descriptor, out, socket->is_connected && socket->peer == out.peer);
  if (fixed_files_) {
    entry->fd = static_cast<int>(out.socket.value);
    entry->flags |= IOSQE_FIXED_FILE;
  }
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  const auto size = static_cast<std::uint32_t>(out.head.size() + out.body.size());
  entry->user_data = tag(Kind::kSend, 0, size);
  ++counters_.packets_out;
  counters_.bytes_out += size;
}

void UringPort::transmit(std::span<const Outgoing> batch) {
  if (!enabled_) enable();
  while (!batch.empty()) {
    const std::size_t count = std::min<std::size_t>(batch.size(), batch_);
    for (std::size_t i = 0; i < count; ++i) prepare_send(batch[i], i);
    submit();
    batch = batch.subspan(count);
  }
}

void UringPort::arm_wakeup() {
  if (wakeup_armed_) return;
  io_uring_sqe* entry = sqe();
  if (!entry) return;
  io_uring_prep_read(entry, wakeup_.descriptor(), &wakeup_count_, sizeof wakeup_count_, 0);
  entry->user_data = tag(Kind::kWake);
  wakeup_armed_ = true;
}

void UringPort::wait(TimePoint until) {
  if (!enabled_) enable();
  arm();
  arm_wakeup();
  failed_receive_ = false;
  if (wakeup_.fall_asleep()) {
    while (pending_.empty() && wakeup_armed_ && !failed_receive_) {
      const TimePoint now = MonoClock::now();
      if (now >= until) break;
      const auto sleep = gathering_.next(now, until);
      const Duration left = sleep.until - now;
      __kernel_timespec time{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
      io_uring_cqe* cqe = nullptr;
      const int result = io_uring_submit_and_wait_timeout(&ring_, &cqe, sleep.packets, &time, nullptr);
      reap();
      if (result < 0 && result != -ETIME && result != -EINTR) break;
      arm();
    }
  }
  wakeup_.stand_up();
}

}  // namespace

Result<std::unique_ptr<Port>, IoError> make_uring(const PortConfig& config) {
  CHECK(config.fault().empty());
  auto port = std::make_unique<UringPort>(config);
  switch (port->set_up(config)) {
    case 0:
      return Result<std::unique_ptr<Port>, IoError>(std::move(port));
    case -EPERM:
    case -EACCES:
    case -ENOSYS:
      return IoError::kNoRights;
    default:
      return IoError::kSystem;
  }
}

}  // namespace carillon::io
