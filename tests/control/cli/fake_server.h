#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

namespace carillon::cli {

/// An HTTP server on an ephemeral port of the loopback: one request per connection, answered by the test's function.
class FakeServer {
 public:
  struct Answer {
    int status = 200;
    std::string body;
  };
  /// `number` counts the requests from 0; `head` is the request up to its empty line.
  using Reply = std::function<Answer(int number, const std::string& head)>;

  explicit FakeServer(Reply reply) : reply_(std::move(reply)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 8), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    EXPECT_EQ(::pipe(stop_), 0);
    thread_ = std::thread([this] { run(); });
  }
  ~FakeServer() {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
    ::close(socket_);
  }
  const std::string& url() const { return url_; }

 private:
  void run() {
    for (int number = 0;;) {
      pollfd sources[] = {{socket_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
      ::poll(sources, 2, -1);
      if (sources[1].revents != 0) return;
      const int peer = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      std::string head;
      char letter = 0;
      while (!head.ends_with("\r\n\r\n") && ::read(peer, &letter, 1) == 1) head += letter;
      const Answer answer = reply_(number++, head);
      const std::string text = "HTTP/1.1 " + std::to_string(answer.status) +
                               " X\r\nConnection: close\r\nContent-Length: " + std::to_string(answer.body.size()) +
                               "\r\n\r\n" + answer.body;
      EXPECT_EQ(::write(peer, text.data(), text.size()), static_cast<ssize_t>(text.size()));
      ::close(peer);
    }
  }

  Reply reply_;
  std::string url_;
  int socket_ = -1, stop_[2] = {-1, -1};
  std::thread thread_;
};

}  // namespace carillon::cli
