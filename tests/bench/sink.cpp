// carillon-sink: a deliberately simple far side for load. It answers every INVITE at once, takes all RTP on one socket,
// tells channels apart by SSRC, and judges what arrived: loss by sequence, departure by the kernel's time of arrival.
// With --speak it sends 50 packets a second to each channel, from the same socket.
//
//   carillon-sink --sip-port P --rtp-port P [--speak] [--seconds S]     prints "ready", at SIGTERM one line of JSON

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

constexpr int kBatch = 256;
constexpr std::size_t kPacket = 2048;
volatile std::sig_atomic_t stopping = 0;

int open_socket(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const int buffer = 64 << 20, on = 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::perror("bind");
    std::exit(1);
  }
  return fd;
}

/// recvmmsg with the kernel's time of arrival.
class Inbox {
 public:
  Inbox() {
    for (int i = 0; i < kBatch; ++i) {
      parts_[i] = {bytes_[i].data(), kPacket};
      messages_[i].msg_hdr = {&peers_[i],          sizeof(sockaddr_in), &parts_[i], 1,
                              controls_[i].data(), controls_[i].size(), 0};
    }
  }
  int receive(int fd) {
    for (int i = 0; i < kBatch; ++i) {
      messages_[i].msg_hdr.msg_namelen = sizeof(sockaddr_in);
      messages_[i].msg_hdr.msg_controllen = controls_[i].size();
    }
    return recvmmsg(fd, messages_, kBatch, MSG_DONTWAIT, nullptr);
  }
  std::string_view bytes(int i) const { return {bytes_[i].data(), messages_[i].msg_len}; }
  const sockaddr_in& peer(int i) const { return peers_[i]; }
  std::int64_t arrival_ns(int i) {
    for (cmsghdr* control = CMSG_FIRSTHDR(&messages_[i].msg_hdr); control;
         control = CMSG_NXTHDR(&messages_[i].msg_hdr, control))
      if (control->cmsg_type == SCM_TIMESTAMPNS) {
        timespec time;
        std::memcpy(&time, CMSG_DATA(control), sizeof time);
        return time.tv_sec * 1'000'000'000 + time.tv_nsec;
      }
    return 0;
  }

 private:
  std::array<char, kPacket> bytes_[kBatch];
  std::array<char, 64> controls_[kBatch];
  sockaddr_in peers_[kBatch];
  iovec parts_[kBatch];
  mmsghdr messages_[kBatch] = {};
};

struct Channel {
  bool heard = false;
  std::uint16_t sequence = 0;
  std::int64_t arrival = 0;
};

struct Score {
  std::uint64_t invites = 0, byes = 0, retransmitted = 0, packets = 0, lost = 0, reordered = 0;
  std::vector<std::uint32_t> deviation_us =
      std::vector<std::uint32_t>(200'001);  ///< histogram, 1 µs, the last takes the rest
  std::uint64_t deviations = 0;
  double quantile_ms(double q) const {
    const auto wanted = static_cast<std::uint64_t>(q * static_cast<double>(deviations));
    std::uint64_t seen = 0;
    for (std::size_t us = 0; us < deviation_us.size(); ++us)
      if ((seen += deviation_us[us]) > wanted) return static_cast<double>(us) / 1000;
    return 0;
  }
};

std::string_view header(std::string_view message, std::string_view name) {
  const std::size_t at = message.find(name);
  if (at == std::string_view::npos) return {};
  const std::size_t end = message.find("\r\n", at);
  return message.substr(at, end - at);
}

class Sink {
 public:
  Sink(std::uint16_t sip_port, std::uint16_t rtp_port, bool speaks)
      : sip_(open_socket(sip_port)),
        rtp_(open_socket(rtp_port)),
        sip_port_(sip_port),
        rtp_port_(rtp_port),
        speaks_(speaks) {}

  void run() {
    timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    while (!stopping) {
      pollfd sockets[2] = {{sip_, POLLIN, 0}, {rtp_, POLLIN, 0}};
      poll(sockets, 2, speaks_ ? 1 : 20);
      if (sockets[0].revents) read_sip();
      if (sockets[1].revents) read_rtp();
      if (speaks_) speak();
    }
  }
  const Score& score() const { return score_; }

 private:
  void read_sip() {
    const int count = inbox_.receive(sip_);
    for (int i = 0; i < count; ++i) {
      const std::string_view message = inbox_.bytes(i);
      if (message.starts_with("INVITE "))
        answer(message, inbox_.peer(i), true);
      else if (message.starts_with("BYE ") || message.starts_with("OPTIONS "))
        answer(message, inbox_.peer(i), false);
    }
  }

  void answer(std::string_view message, const sockaddr_in& peer, bool is_invite) {
    const std::string call_id(header(message, "Call-ID:"));
    std::string body;
    if (is_invite) {
      const std::string_view media = header(message, "m=audio ");
      std::uint16_t port = 0;
      std::from_chars(media.data() + 8, media.data() + media.size(), port);
      const auto [entry, is_new] = speakers_.try_emplace(call_id, port);
      ++(is_new ? score_.invites : score_.retransmitted);
      body = fmt::format(
          "v=0\r\no=sink 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n",
          rtp_port_);
    } else if (speakers_.erase(call_id)) {
      ++score_.byes;
    }
    const std::string reply = fmt::format(
        "SIP/2.0 200 OK\r\n{}\r\n{}\r\n{}{}\r\n{}\r\n{}\r\nContact: <sip:sink@127.0.0.1:{}>\r\n{}Content-Length: "
        "{}\r\n\r\n{}",
        header(message, "Via:"), header(message, "From:"), header(message, "To:"),
        header(message, "To:").find(";tag=") == std::string_view::npos ? ";tag=sink" : "", call_id,
        header(message, "CSeq:"), sip_port_, is_invite ? "Content-Type: application/sdp\r\n" : "", body.size(), body);
    sendto(sip_, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
  }

  void read_rtp() {
    for (int rounds = 0; rounds < 16; ++rounds) {
      const int count = inbox_.receive(rtp_);
      for (int i = 0; i < count; ++i) judge(inbox_.bytes(i), inbox_.arrival_ns(i));
      if (count < kBatch) return;
    }
  }

  void judge(std::string_view packet, std::int64_t arrival) {
    if (packet.size() < 12 || (packet[1] & 0x7F) > 34) return;
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(packet[at]); };
    const std::uint32_t ssrc = byte(8) << 24 | byte(9) << 16 | byte(10) << 8 | byte(11);
    const auto sequence = static_cast<std::uint16_t>(byte(2) << 8 | byte(3));
    Channel& channel = channels_[ssrc];
    ++score_.packets;
    if (channel.heard) {
      const auto step = static_cast<std::int16_t>(sequence - channel.sequence);
      if (step <= 0) {
        ++score_.reordered;
        return;
      }
      score_.lost += static_cast<std::uint64_t>(step - 1);
      if (step == 1) {
        const std::int64_t deviation = std::abs(arrival - channel.arrival - 20'000'000) / 1000;
        ++score_
              .deviation_us[std::min<std::size_t>(static_cast<std::size_t>(deviation), score_.deviation_us.size() - 1)];
        ++score_.deviations;
      }
    }
    channel = {true, sequence, arrival};
  }

  /// Each channel once in 20 ms, in 20 slices of 1 ms.
  void speak() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    const std::int64_t slice = (time.tv_sec * 1'000'000'000 + time.tv_nsec) / 1'000'000;
    if (last_slice_ == 0) last_slice_ = slice - 1;
    for (; last_slice_ < slice; ++last_slice_) {
      std::size_t index = 0;
      for (auto& [_, port] : speakers_)
        if (index++ % 20 == static_cast<std::size_t>(last_slice_ % 20)) outgoing_.push_back(port);
      if (last_slice_ % 20 == 0) ++beat_;
      flush();
    }
  }

  void flush() {
    static std::array<unsigned char, 172> packet = {0x80, 0};
    std::fill(packet.begin() + 12, packet.end(), 0xFF);
    packet[2] = static_cast<unsigned char>(beat_ >> 8);
    packet[3] = static_cast<unsigned char>(beat_);
    const std::uint32_t time = beat_ * 160;
    for (int i = 0; i < 4; ++i) packet[4 + i] = static_cast<unsigned char>(time >> (24 - 8 * i));
    packet[8] = 0x51;
    std::vector<sockaddr_in> peers(outgoing_.size());
    std::vector<mmsghdr> messages(outgoing_.size());
    iovec part = {packet.data(), packet.size()};
    for (std::size_t i = 0; i < outgoing_.size(); ++i) {
      peers[i].sin_family = AF_INET;
      peers[i].sin_port = htons(outgoing_[i]);
      peers[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      messages[i].msg_hdr = {&peers[i], sizeof peers[i], &part, 1, nullptr, 0, 0};
    }
    for (std::size_t sent = 0; sent < messages.size();) {
      const int count = sendmmsg(rtp_, &messages[sent],
                                 static_cast<unsigned>(std::min<std::size_t>(kBatch, messages.size() - sent)), 0);
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
    }
    outgoing_.clear();
  }

  int sip_, rtp_;
  std::uint16_t sip_port_, rtp_port_;
  bool speaks_;
  Inbox inbox_;
  Score score_;
  std::unordered_map<std::uint32_t, Channel> channels_;
  std::unordered_map<std::string, std::uint16_t> speakers_;
  std::vector<std::uint16_t> outgoing_;
  std::int64_t last_slice_ = 0;
  std::uint32_t beat_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("answers calls, counts and times their RTP");
  std::uint16_t sip_port = 0, rtp_port = 0;
  bool speaks = false;
  unsigned seconds = 600;
  app.add_option("--sip-port", sip_port)->required();
  app.add_option("--rtp-port", rtp_port)->required();
  app.add_flag("--speak", speaks, "send 50 packets a second to each channel");
  app.add_option("--seconds", seconds, "ends by itself after this");
  CLI11_PARSE(app, argc, argv);
  for (const int signal : {SIGTERM, SIGINT, SIGALRM}) std::signal(signal, [](int) { stopping = 1; });
  alarm(seconds);
  Sink sink(sip_port, rtp_port, speaks);
  fmt::print("ready\n");
  std::fflush(stdout);
  sink.run();
  const Score& score = sink.score();
  fmt::print(
      "{{\"invites\":{},\"retransmitted\":{},\"byes\":{},\"packets\":{},\"lost\":{},\"reordered\":{},\"deviation_p50_"
      "ms\":{:.3f},"
      "\"deviation_p99_ms\":{:.3f},\"deviation_p999_ms\":{:.3f}}}\n",
      score.invites, score.retransmitted, score.byes, score.packets, score.lost, score.reordered,
      score.quantile_ms(0.5), score.quantile_ms(0.99), score.quantile_ms(0.999));
}
