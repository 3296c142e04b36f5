#pragma once
// What a program tells the service manager that started it (sd_notify(3)): one datagram per news to the socket that
// NOTIFY_SOCKET names. No library. Of the main thread of either program; nobody else uses it.

#include <csignal>
#include <functional>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace carillon {

/// The way to the service manager. Without one every call does nothing.
class Notify {
 public:
  /// By NOTIFY_SOCKET (a leading "@" stands for a zero byte: the abstract namespace), WATCHDOG_USEC and WATCHDOG_PID,
  /// which must be our own id where it is set.
  static Notify from_environment();
  Notify() = default;
  ~Notify();
  Notify(Notify&& other) noexcept;
  Notify& operator=(Notify&&) = delete;

  /// "READY=1\nSTATUS=…". Lost when the manager's queue is full or it is gone: never waited for.
  void send(std::string_view news) const;
  /// How often the watchdog must hear of us: half of what it waits. 0: nobody waits.
  Duration watchdog_period() const { return period_; }

  /// Waits for one of `signals`, which all threads block. Meanwhile WATCHDOG=1 goes out every watchdog_period(), each
  /// time only if `is_alive` says so: it must look at what does the work, as this thread's being awake shows nothing.
  /// Before it returns STOPPING=1 is sent.
  int wait(const sigset_t& signals, const std::function<bool()>& is_alive) const;

 private:
  int socket_ = -1;
  Duration period_{0};
};

}  // namespace carillon
