#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "engine/base/random.h"
#include "engine/link/wire/stream.h"

namespace carillon::link {

/// Stands between the two ends and cuts each connection after a number of bytes drawn from the seed, in the middle of
/// whatever passes; after `cuts` it stays whole.
class Relay {
 public:
  Relay(const std::string& listen, const std::string& target, std::uint64_t seed, int cuts)
      : target_(*parse_address(target)),
        random_(seed),
        cuts_left_(cuts),
        listener_(std::move(*Listener::listen(*parse_address(listen), false))),
        thread_([this] { run(); }) {}
  ~Relay() {
    stopping_ = true;
    thread_.join();
  }
  int cuts_left() const { return cuts_left_; }

 private:
  void run() {
    while (!stopping_) {
      pollfd waiting{listener_->fd(), POLLIN, 0};
      ::poll(&waiting, 1, 10);
      const int fd = listener_->accept();
      auto near =
          fd < 0 ? Result<std::unique_ptr<Stream>, std::string>(std::string("none")) : Stream::accepted(fd, nullptr);
      if (!near) continue;
      if (auto far = Stream::connect(target_, nullptr)) pass(**near, **far);
    }
  }
  void pass(Stream& near, Stream& far) {
    const bool cuts = cuts_left_ > 0;
    std::size_t left = cuts ? 200 + random_.below(3000) : SIZE_MAX;
    while (!stopping_) {
      pollfd waiting[2] = {{near.fd(), near.wants(), 0}, {far.fd(), far.wants(), 0}};
      ::poll(waiting, 2, 10);
      if (!move(near, far, left) || !move(far, near, left)) return;
      if (left == 0) {
        --cuts_left_;
        return;
      }
    }
  }
  static bool move(Stream& from, Stream& to, std::size_t& left) {
    std::string bytes;
    const auto result = from.receive(bytes, std::min<std::size_t>(left, 64u << 10));
    left -= bytes.size();
    to.queue(bytes);
    const auto sent = to.flush();
    return result != Stream::Io::kClosed && result != Stream::Io::kFailed && sent != Stream::Io::kFailed &&
           sent != Stream::Io::kClosed;
  }

  Address target_;
  Random random_;
  std::atomic<int> cuts_left_;
  std::atomic<bool> stopping_ = false;
  std::unique_ptr<Listener> listener_;
  std::thread thread_;
};

}  // namespace carillon::link
