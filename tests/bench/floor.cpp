// carillon-floor: what the kernel alone costs for the packets of playback. N sockets, each one packet of 172 bytes in
// 20 ms to a sink, spread over 1 ms slices; nothing else: no RTP, no SIP, no timers. Each socket sends by itself, as
// sockets of their own must. Prints CPU per channel-second.
//
//   carillon-floor --channels N --seconds S --rtp-port P

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
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

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("bare sockets moving the same packets");
  int channels = 100, seconds = 5;
  std::uint16_t port = 0;
  app.add_option("--channels", channels)->required();
  app.add_option("--seconds", seconds);
  app.add_option("--rtp-port", port, "of a sink")->required();
  CLI11_PARSE(app, argc, argv);

  std::vector<int> sockets;
  for (int i = 0; i < channels; ++i) {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const sockaddr_in own = loopback(0);
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
      std::perror("socket");
      return 1;
    }
    sockets.push_back(fd);
  }
  std::array<char, 172> packet{};
  packet[0] = static_cast<char>(0x80);
  const sockaddr_in sink = loopback(port);
  const double before = cpu_seconds();
  timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  std::uint64_t sent = 0;
  for (int slice = 0; slice < seconds * 1000; ++slice) {
    for (int i = slice % 20; i < channels; i += 20) {
      iovec part = {packet.data(), packet.size()};
      sockaddr_in to = sink;
      mmsghdr message{};
      message.msg_hdr = {&to, sizeof to, &part, 1, nullptr, 0, 0};
      sent += sendmmsg(sockets[static_cast<std::size_t>(i)], &message, 1, 0) == 1;
    }
    next.tv_nsec += 1'000'000;
    if (next.tv_nsec >= 1'000'000'000) {
      next.tv_nsec -= 1'000'000'000;
      ++next.tv_sec;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
  }
  const double cpu = cpu_seconds() - before;
  fmt::print("{{\"channels\":{},\"sent\":{},\"cpu_s\":{:.3f},\"us_per_channel_second\":{:.2f}}}\n", channels, sent, cpu,
             cpu * 1e6 / (static_cast<double>(channels) * seconds));
}
