#include "engine/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

namespace carillon {
namespace {

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

/// A whole number above 0.
std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value <= 0) return std::nullopt;
  return value;
}

/// A datagram socket that leads there, or -1.
int connect_to(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((path[0] != '/' && path[0] != '@') || path.size() >= sizeof address.sun_path) return -1;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = 0;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0 || ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), length) == 0)
    return descriptor;
  ::close(descriptor);
  return -1;
}

timespec as_timespec(Duration time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
}

}  // namespace

Notify Notify::from_environment() {
  Notify notify;
  const std::string_view path = environment("NOTIFY_SOCKET"), process = environment("WATCHDOG_PID");
  if (path.empty()) return notify;
  notify.socket_ = connect_to(path);
  if (notify.socket_ < 0) return notify;
  const auto microseconds = number(environment("WATCHDOG_USEC"));
  const bool is_ours = process.empty() || number(process) == ::getpid();
  if (microseconds && is_ours) notify.period_ = std::chrono::microseconds(*microseconds) / 2;
  return notify;
}

Notify::~Notify() {
  if (socket_ >= 0) ::close(socket_);
}

Notify::Notify(Notify&& other) noexcept : socket_(std::exchange(other.socket_, -1)), period_(other.period_) {}

void Notify::send(std::string_view news) const {
  if (socket_ >= 0) (void)::send(socket_, news.data(), news.size(), MSG_NOSIGNAL);
}

int Notify::wait(const sigset_t& signals, const std::function<bool()>& is_alive) const {
  const timespec period = as_timespec(period_);
  for (;;) {
    const int signal = ::sigtimedwait(&signals, nullptr, period_ > Duration{0} ? &period : nullptr);
    if (signal > 0) {
      send("STOPPING=1");
      return signal;
    }
    // EAGAIN: the period is over; EINTR: a stop and a continuation, as good a moment as any
    if (period_ > Duration{0} && is_alive()) send("WATCHDOG=1");
  }
}

}  // namespace carillon
