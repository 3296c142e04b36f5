#include "engine/io/mmsg.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "engine/base/check.h"
#include "engine/io/gathering.h"
#include "engine/io/socket.h"
#include "engine/io/wakeup.h"

namespace carillon::io {
namespace {

constexpr std::uint64_t kWakeTag = ~std::uint64_t{0};
constexpr std::size_t kPerSocket = 64;  // packets of one socket before the next has its turn

class MmsgPort final : public Port {
 public:
  explicit MmsgPort(const PortConfig& config)
      : batch_(config.batch),
        stride_((config.receive_bytes + 127) / 64 * 64),
        sockets_(config),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        memory_(batch_ * stride_),
        events_(batch_),
        in_(batch_),
        in_parts_(batch_),
        in_peers_(batch_),
        out_(batch_),
        out_parts_(2 * batch_),
        out_peers_(batch_),
        gathering_(config.batch / 2) {
    received_.reserve(batch_);
    for (std::size_t i = 0; i < batch_; ++i) {
      in_parts_[i] = {memory_.data() + i * stride_, config.receive_bytes};
      in_[i].msg_hdr = {};
      in_[i].msg_hdr.msg_name = &in_peers_[i];
      in_[i].msg_hdr.msg_namelen = sizeof(SocketAddress);
      in_[i].msg_hdr.msg_iov = &in_parts_[i];
      in_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  ~MmsgPort() override {
    if (epoll_ >= 0) ::close(epoll_);
  }

  bool set_up() {
    if (epoll_ < 0 || wakeup_.descriptor() < 0) return false;
    epoll_event event{.events = EPOLLIN, .data = {.u64 = kWakeTag}};
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_.descriptor(), &event) == 0;
  }

  Result<SocketId, IoError> open(const Endpoint& local, bool shared) override {
    const auto id = sockets_.open(local, shared);
    if (!id) return id;
    const auto* socket = sockets_.find(*id);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = std::uint64_t{socket->generation} << 32 | id->value}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket->descriptor, &event) == 0) return id;
    sockets_.close(*id);
    return IoError::kFull;
  }
  void close(SocketId socket) override { sockets_.close(socket); }
  void expect(SocketId socket, const Endpoint& peer) override { sockets_.expect(socket, peer); }
  void expect_any(SocketId socket) override { sockets_.expect_any(socket); }
  Endpoint local(SocketId id) const override {
    const auto* socket = const_cast<SocketTable&>(sockets_).find(id);
    return socket ? socket->local : Endpoint{};
  }
  std::span<const Received> receive(int most) override;
  void transmit(std::span<const Outgoing> batch) override;
  void wait(TimePoint until) override;
  void wake() override { wakeup_.wake(); }
  const PortCounters& counters() const override { return counters_; }
  const char* name() const override { return "mmsg"; }

 private:
  void take(std::uint32_t index, int descriptor, std::size_t most, TimePoint now);
  void send_run(const SocketTable::Socket& socket, std::span<const Outgoing> run);
  void sleep(Duration left);
  void gather(Duration time);

  std::size_t batch_, stride_;
  SocketTable sockets_;
  int epoll_;
  bool coarse_ = false;  // no epoll_pwait2: milliseconds
  std::vector<std::byte> memory_;
  std::vector<epoll_event> events_;
  int ready_ = 0;  // events that wait() has seen and receive() has not used
  std::vector<mmsghdr> in_;
  std::vector<iovec> in_parts_;
  std::vector<SocketAddress> in_peers_;
  std::vector<mmsghdr> out_;
  std::vector<iovec> out_parts_;
  std::vector<SocketAddress> out_peers_;
  std::vector<Received> received_;
  std::size_t used_ = 0;  // receive buffers filled in this receive()
  Gathering gathering_;
  Wakeup wakeup_;
  PortCounters counters_;
};

std::span<const Received> MmsgPort::receive(int most) {
  received_.clear();
  used_ = 0;
  const auto limit = std::min(batch_, static_cast<std::size_t>(std::max(most, 0)));
  if (limit == 0) return received_;
  if (ready_ == 0) ready_ = ::epoll_wait(epoll_, events_.data(), static_cast<int>(limit), 0);
  const auto now = MonoClock::now();
  for (int i = 0; i < ready_ && used_ < limit; ++i) {
    const std::uint64_t who = events_[static_cast<std::size_t>(i)].data.u64;
    if (who == kWakeTag) {
      wakeup_.drain();
      continue;
    }
    const auto index = static_cast<std::uint32_t>(who);
    if (const auto* socket = sockets_.find(index, static_cast<std::uint32_t>(who >> 32)))
      take(index, socket->descriptor, std::min(limit - used_, kPerSocket), now);
  }
  gathering_.note_received(received_.size());
  ready_ = 0;  // level-triggered: whoever was left out is reported again, behind the others
  return received_;
}

void MmsgPort::take(std::uint32_t index, int descriptor, std::size_t most, TimePoint now) {
  const int count = ::recvmmsg(descriptor, &in_[used_], static_cast<unsigned>(most), MSG_DONTWAIT, nullptr);
  if (count <= 0) return;  // nothing after all, or an ICMP error, which reading has cleared
  for (int i = 0; i < count; ++i, ++used_) {
    in_[used_].msg_hdr.msg_namelen = sizeof(SocketAddress);  // the kernel has written to it
    if (in_[used_].msg_hdr.msg_flags & MSG_TRUNC) {
      ++counters_.truncated;
      continue;
    }
    const ByteView data(memory_.data() + used_ * stride_, in_[used_].msg_len);
    received_.push_back(
        {.data = data, .peer = from_kernel(in_peers_[used_]), .socket = SocketId{index}, .arrival = now});
    ++counters_.packets_in;
    counters_.bytes_in += data.size();
  }
}

void MmsgPort::transmit(std::span<const Outgoing> batch) {
  while (!batch.empty()) {
    std::size_t count = 1;
    while (count < batch.size() && count < batch_ && batch[count].socket == batch[0].socket) ++count;
    if (const auto* socket = sockets_.find(batch[0].socket))
      send_run(*socket, batch.first(count));
    else
      counters_.send_refused += count;
    batch = batch.subspan(count);
  }
}

void MmsgPort::send_run(const SocketTable::Socket& socket, std::span<const Outgoing> run) {
  for (std::size_t i = 0; i < run.size(); ++i) {
    iovec* parts = &out_parts_[2 * i];
    parts[0] = {const_cast<std::byte*>(run[i].head.data()), run[i].head.size()};
    parts[1] = {const_cast<std::byte*>(run[i].body.data()), run[i].body.size()};
    msghdr& header = out_[i].msg_hdr;
    header = {};
    if (!socket.is_connected || socket.peer != run[i].peer) {
      header.msg_name = &out_peers_[i];
      header.msg_namelen = to_kernel(run[i].peer, out_peers_[i]);
    }
    header.msg_iov = parts;
    header.msg_iovlen = run[i].body.empty() ? 1 : 2;
  }
  bool was_refused = false;
  for (std::size_t at = 0; at < run.size();) {
    const auto left = static_cast<unsigned>(run.size() - at);
    const int sent = ::sendmmsg(socket.descriptor, &out_[at], left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == ECONNREFUSED && !was_refused) {  // an earlier packet's, and now forgotten
      was_refused = true;
      continue;
    }
    was_refused = false;
    if (sent <= 0) {  // the first of them was refused: the others have their own chance
      ++counters_.send_refused;
      ++at;
      continue;
    }
    for (int i = 0; i < sent; ++i) counters_.bytes_out += out_[at + static_cast<std::size_t>(i)].msg_len;
    counters_.packets_out += static_cast<std::uint64_t>(sent);
    at += static_cast<std::size_t>(sent);
  }
}

void MmsgPort::sleep(Duration left) {
  const auto room = static_cast<int>(events_.size());
  if (!coarse_) {
    const timespec time{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
    ready_ = ::epoll_pwait2(epoll_, events_.data(), room, &time, nullptr);
    coarse_ = ready_ < 0 && (errno == ENOSYS || errno == EPERM);
  }
  if (coarse_) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    ready_ = ::epoll_wait(epoll_, events_.data(), room, static_cast<int>(std::min<std::int64_t>(ms, 60'000)));
  }
  ready_ = std::max(ready_, 0);
}

// epoll cannot wait for several: only wake() ends this sleep, and what came meanwhile is asked for at once afterwards.
void MmsgPort::gather(Duration time) {
  pollfd woken{.fd = wakeup_.descriptor(), .events = POLLIN, .revents = 0};
  const timespec left{.tv_sec = 0, .tv_nsec = time.count()};
  (void)::ppoll(&woken, 1, &left, nullptr);
  ready_ = std::max(::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), 0), 0);
}

void MmsgPort::wait(TimePoint until) {
  if (ready_ == 0 && wakeup_.fall_asleep()) {
    while (ready_ == 0) {
      const TimePoint now = MonoClock::now();
      if (now >= until) break;
      const auto sleep_now = gathering_.next(now, until);
      if (sleep_now.packets > 1)
        gather(sleep_now.until - now);
      else
        sleep(sleep_now.until - now);
    }
  }
  wakeup_.stand_up();
}

}  // namespace

Result<std::unique_ptr<Port>, IoError> make_mmsg(const PortConfig& config) {
  CHECK(config.fault().empty());
  auto port = std::make_unique<MmsgPort>(config);
  if (!port->set_up()) return IoError::kSystem;
  return Result<std::unique_ptr<Port>, IoError>(std::move(port));
}

}  // namespace carillon::io
