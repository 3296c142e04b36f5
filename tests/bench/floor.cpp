// carillon-floor: what the kernel alone costs for the packets of playback. N sockets, each one packet of 172 bytes in
// 20 ms to a sink, spread over 1 ms slices; nothing else: no RTP, no SIP, no timers. Each socket sends by itself, as
// sockets of their own must. With --receive a child sends one packet in 20 ms to each of them as well, and each is read
// in its slice. Prints CPU per channel-second, the child's not counted.
//
//   carillon-floor --channels N --seconds S --rtp-port P [--receive] [--peer-core C]

#include <fmt/format.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstring>
#include <vector>

namespace {

double cpu_seconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

constexpr int kSlices = 20;  // of 1 ms
using Packet = std::array<char, 172>;

/// Calls `work` with the slice's number, once a millisecond.
template <class Work>
void each_millisecond(int count, Work work) {
  timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (int at = 0; at < count; ++at) {
    work(at % kSlices);
    next.tv_nsec += 1'000'000;
    if (next.tv_nsec >= 1'000'000'000) {
      next.tv_nsec -= 1'000'000'000;
      ++next.tv_sec;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
  }
}

/// Sends `packet` to every port once in 20 ms until it is killed.
[[noreturn]] void speak(const std::vector<sockaddr_in>& channels, Packet packet, int core) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (core >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<std::size_t>(core), &cores);
    sched_setaffinity(0, sizeof cores, &cores);
  }
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  for (;;)
    each_millisecond(1000, [&](int slice) {
      for (std::size_t i = static_cast<std::size_t>(slice); i < channels.size(); i += kSlices)
        sendto(fd, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&channels[i]),
               sizeof channels[i]);
    });
}

std::uint64_t send_one(int fd, Packet& packet, sockaddr_in to) {
  iovec part = {packet.data(), packet.size()};
  mmsghdr message{};
  message.msg_hdr = {&to, sizeof to, &part, 1, nullptr, 0, 0};
  return sendmmsg(fd, &message, 1, 0) == 1;
}

std::uint64_t receive_all(int fd) {
  std::array<Packet, 8> bytes;
  std::array<iovec, 8> parts;
  std::array<mmsghdr, 8> messages{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    parts[i] = {bytes[i].data(), bytes[i].size()};
    messages[i].msg_hdr = {nullptr, 0, &parts[i], 1, nullptr, 0, 0};
  }
  const int count = recvmmsg(fd, messages.data(), messages.size(), MSG_DONTWAIT, nullptr);
  return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("bare sockets moving the same packets");
  int channels = 100, seconds = 5, peer_core = -1;
  std::uint16_t port = 0;
  bool receives = false;
  app.add_option("--channels", channels)->required();
  app.add_option("--seconds", seconds);
  app.add_option("--rtp-port", port, "of a sink")->required();
  app.add_flag("--receive", receives, "each socket also gets 50 packets a second");
  app.add_option("--peer-core", peer_core, "where their sender runs");
  CLI11_PARSE(app, argc, argv);

  std::vector<int> sockets;
  std::vector<sockaddr_in> addresses;
  for (int i = 0; i < channels; ++i) {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in own = loopback(0);
    socklen_t size = sizeof own;
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&own), size) != 0 ||
        getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) {
      std::perror("socket");
      return 1;
    }
    sockets.push_back(fd);
    addresses.push_back(own);
  }
  Packet packet{};
  packet[0] = static_cast<char>(0x80);
  const pid_t child = receives ? fork() : 0;
  if (receives && child == 0) speak(addresses, packet, peer_core);
  const double before = cpu_seconds();
  std::uint64_t sent = 0, received = 0;
  each_millisecond(seconds * 1000, [&](int slice) {
    for (std::size_t i = static_cast<std::size_t>(slice); i < sockets.size(); i += kSlices) {
      if (receives) received += receive_all(sockets[i]);
      sent += send_one(sockets[i], packet, loopback(port));
    }
  });
  const double cpu = cpu_seconds() - before;
  if (child > 0) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  fmt::print("{{\"channels\":{},\"sent\":{},\"received\":{},\"cpu_s\":{:.3f},\"us_per_channel_second\":{:.2f}}}\n",
             channels, sent, received, cpu, cpu * 1e6 / (static_cast<double>(channels) * seconds));
}
