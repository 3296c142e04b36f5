#pragma once
// Whether a shard's step takes memory from the heap. Counted by thread where Side::step() steps its shard, and not in
// what a test puts below it: the simulated network and recordings in memory. allocation_test.cpp has malloc itself; in
// builds with sanitizers, which bring their own, nothing is counted.

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "engine/io/port.h"

namespace carillon::shard {

/// What this thread has asked the heap for, and who asked first since take() (return addresses, for addr2line).
struct Allocations {
  static constexpr int kDepth = 24;
  bool is_counting = false;
  std::uint64_t count = 0;
  int depth = 0;
  std::array<void*, kDepth> first{};

  /// How many since the last take().
  std::uint64_t take() {
    depth = 0;
    return std::exchange(count, 0);
  }
};
inline thread_local constinit Allocations allocations;

/// Those return addresses as offsets into this program: `addr2line -Cfie PROGRAM OFFSET …`.
inline std::string askers() {
  std::string text;
  for (int i = 0; i < allocations.depth; ++i) {
    Dl_info info{};
    const char* at = static_cast<const char*>(allocations.first[static_cast<std::size_t>(i)]);
    if (::dladdr(at, &info) != 0 && info.dli_fbase)
      text += fmt::format(" {:#x}", at - static_cast<const char*>(info.dli_fbase));
  }
  return text;
}

/// Counting is on, or off, until its end.
class Counting {
 public:
  explicit Counting(bool on) : before_(std::exchange(allocations.is_counting, on)) {}
  ~Counting() { allocations.is_counting = before_; }
  Counting(const Counting&) = delete;

 private:
  const bool before_;
};

/// A port whose own allocations do not count.
class Uncounted final : public io::Port {
 public:
  explicit Uncounted(std::unique_ptr<io::Port> port) : port_(std::move(port)) {}
  Result<io::SocketId, io::IoError> open(const Endpoint& local, bool shared) override {
    const Counting off(false);
    return port_->open(local, shared);
  }
  void close(io::SocketId socket) override {
    const Counting off(false);
    port_->close(socket);
  }
  void expect(io::SocketId socket, const Endpoint& peer) override { port_->expect(socket, peer); }
  void expect_any(io::SocketId socket) override { port_->expect_any(socket); }
  Endpoint local(io::SocketId socket) const override { return port_->local(socket); }
  std::span<const io::Received> receive(int most) override {
    const Counting off(false);
    return port_->receive(most);
  }
  void transmit(std::span<const io::Outgoing> batch) override {
    const Counting off(false);
    port_->transmit(batch);
  }
  void wait(TimePoint until) override { port_->wait(until); }
  void wake() override { port_->wake(); }
  const io::PortCounters& counters() const override { return port_->counters(); }
  const char* name() const override { return port_->name(); }

 private:
  const std::unique_ptr<io::Port> port_;
};

}  // namespace carillon::shard
