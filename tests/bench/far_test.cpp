// The far side and the floors, judged before they judge: this program is the engine's end of a memif and carillon-far
// the other. No hugepages are needed, no port of the machine is touched.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_arp.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/far/judge.h"
#include "tests/bench/far/options.h"
#include "tests/bench/far/sip_text.h"
#include "tests/bench/wire/dpdk_port.h"
#include "tests/bench/wire/frames.h"

namespace carillon::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::HasSubstr;

constexpr std::uint32_t kEngine = 0x0A09'0001, kFar = 0x0A09'0002;  // 10.9.0.1 and 10.9.0.2
constexpr std::uint16_t kSip = 5060, kEngineRtp = 20'000;

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> all;
  for (std::string word; in >> word;) all.push_back(word);
  return all;
}

int core(bool is_last) {
  cpu_set_t cores;
  ::sched_getaffinity(0, sizeof cores, &cores);
  int found = 0;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(static_cast<std::size_t>(i), &cores) &&
        (is_last || !CPU_ISSET(static_cast<std::size_t>(found), &cores)))
      found = i;
  return found;
}

std::string eal(const std::string& socket, const char* role, int core) {
  return fmt::format(
      "-l {} --no-pci --no-huge -m 64 --no-shconf --no-telemetry --log-level=error "
      "--vdev=net_memif0,role={},id=0,socket={},socket-abstract=no,bsize=2048,rsize=10",
      core, role, socket);
}

/// A program of ours with pipes to its stdin and from its stdout; killed with us at the latest.
class Child {
 public:
  explicit Child(const std::vector<std::string>& command) {
    int in[2], out[2];
    if (::pipe(in) != 0 || ::pipe(out) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
      std::vector<char*> parts;
      for (const auto& part : command) parts.push_back(const_cast<char*>(part.c_str()));
      parts.push_back(nullptr);
      ::execv(parts[0], parts.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = ::fdopen(out[0], "r");
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(to_);
    std::fclose(from_);
  }
  Child(const Child&) = delete;
  void tell(const std::string& line) {
    if (::write(to_, (line + "\n").data(), line.size() + 1) < 0) ADD_FAILURE() << "the child is gone";
  }
  std::string line() {
    char bytes[4096] = {};
    return std::fgets(bytes, sizeof bytes, from_) ? bytes : "";
  }

 private:
  pid_t pid_ = 0;
  int to_ = -1;
  std::FILE* from_ = nullptr;
};

/// The number behind "name": in a flat line of JSON; -1 when there is none.
double figure(const std::string& json, const std::string& name) {
  const std::size_t at = json.find("\"" + name + "\":");
  return at == std::string::npos ? -1 : std::atof(json.c_str() + at + name.size() + 3);
}

/// A datagram that came, copied.
struct Received {
  std::uint32_t source = 0;
  std::uint16_t source_port = 0, port = 0;
  std::string payload;
  bool is_sound = false;
};

/// The engine's end: a port for all tests, since the EAL starts once per process, and a far side fresh for each.
class FarSide : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("carillon-far-{}", ::getpid());
    std::filesystem::create_directories(folder_);
    static std::vector<std::string> own = words("bench_far_test " + eal(socket(), "server", core(false)));
    std::vector<char*> parts;
    for (auto& part : own) parts.push_back(part.data());
    int argc = static_cast<int>(parts.size());
    char** argv = parts.data();
    start_eal(argc, argv);
    port_ = new DpdkPort(4095);
  }
  static void TearDownTestSuite() {
    delete port_;
    std::filesystem::remove_all(folder_);
  }
  static std::string socket() { return (folder_ / "memif.sock").string(); }

  void start(const std::string& options) {
    while (port_->is_up()) DpdkPort::release(port_->receive());  // the far side of the last test is still leaving
    far_ = std::make_unique<Child>(
        words(CARILLON_BIN "/carillon-far " + eal(socket(), "client", core(true)) +
              " -- --seconds 20 --mbufs 4095 --addresses 10.9.0.2-10.9.0.3 --engine 10.9.0.1 " + options));
    ASSERT_THAT(far_->line(), HasSubstr("ready"));
    const auto end = Clock::now() + 10s;
    arp_.clear();
    while (arp_.empty() && Clock::now() < end) receive(1, 20ms);  // it is heard: both ends of the memif are there
    ASSERT_FALSE(arp_.empty());
  }

  void send(std::uint32_t to, std::uint16_t port, std::uint16_t own_port, std::string_view payload) {
    rte_mbuf* frame = port_->make(kUdpHead + payload.size());
    ASSERT_TRUE(frame);
    auto* at = rte_pktmbuf_mtod(frame, std::uint8_t*);
    write_head(at, {port_->mac(), {{2, 0, 0, 0, 0, 9}}, kEngine, to, own_port, port}, payload.size());
    std::memcpy(at + kUdpHead, payload.data(), payload.size());
    seal(at, head_sum(at) + word_sum(at + kUdpHead, payload.size()));
    port_->send(frame);
    port_->flush();
  }
  /// The next datagram to `port`, if one comes in time; others are dropped, ARP is kept in arp_.
  std::optional<Received> receive(std::uint16_t port, Clock::duration patience = 3s) {
    const auto end = Clock::now() + patience;
    std::optional<Received> found;
    while (!found && Clock::now() < end) {
      const auto frames = port_->receive();
      for (const rte_mbuf* mbuf : frames) {
        const Bytes frame = bytes_of(mbuf);
        if (read16(frame.data() + 12) == RTE_ETHER_TYPE_ARP) arp_.emplace_back(frame.begin(), frame.end());
        const auto datagram = read_datagram(frame);
        if (!datagram || datagram->destination_port != port) continue;
        if (found) {
          later_.push_back(copy(*datagram, frame));
        } else if (!later_.empty()) {
          later_.push_back(copy(*datagram, frame));
          found = later_.front();
          later_.erase(later_.begin());
        } else {
          found = copy(*datagram, frame);
        }
      }
      DpdkPort::release(frames);
      if (!found && !later_.empty()) {
        found = later_.front();
        later_.erase(later_.begin());
      }
    }
    return found;
  }
  static Received copy(const Datagram& datagram, Bytes frame) {
    return {datagram.source, datagram.source_port, datagram.destination_port,
            std::string(datagram.payload.begin(), datagram.payload.end()), is_sound(frame)};
  }

  static std::string request(const char* method, int cseq, const std::string& body = "", const char* tag = "") {
    return fmt::format(
        "{0} sip:+15550001@10.9.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.0.1:5060;branch=z9hG4bK{1}\r\nMax-Forwards: 70\r\n"
        "From: <sip:a@10.9.0.1>;tag=1\r\nTo: <sip:+15550001@10.9.0.2>{2}\r\nCall-ID: one@10.9.0.1\r\nCSeq: {3} {0}\r\n"
        "Content-Length: {4}\r\n\r\n{5}",
        method, cseq, tag, cseq, body.size(), body);
  }
  static std::string offer() {
    return fmt::format(
        "v=0\r\no=- 1 1 IN IP4 10.9.0.1\r\ns=-\r\nc=IN IP4 10.9.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 0\r\n", kEngineRtp);
  }
  /// The status line of the next response.
  std::string status() {
    const auto response = receive(kSip);
    if (!response) return "none";
    EXPECT_TRUE(response->is_sound);
    last_ = response->payload;
    return last_.substr(0, last_.find("\r\n"));
  }

  static inline std::filesystem::path folder_;
  static inline DpdkPort* port_ = nullptr;
  std::unique_ptr<Child> far_;
  std::vector<std::vector<std::uint8_t>> arp_;
  std::vector<Received> later_;
  std::string last_;
};

TEST_F(FarSide, AsksForTheEngineAndAnswersForItsOwnAddresses) {
  start("");
  EXPECT_EQ(read16(arp_[0].data() + 20), RTE_ARP_OP_REQUEST);
  EXPECT_EQ(read32(arp_[0].data() + 38), kEngine);

  for (const std::uint32_t wanted : {kFar + 1, kFar + 2}) {  // its last one, and one that is nobody's
    rte_mbuf* frame = port_->make(42);
    ASSERT_TRUE(frame);
    auto* at = rte_pktmbuf_mtod(frame, std::uint8_t*);
    std::memset(at, 0xFF, 6);
    const rte_ether_addr mac = port_->mac();
    std::memcpy(at + 6, &mac, 6);
    const std::uint8_t words[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, RTE_ARP_OP_REQUEST};
    std::memcpy(at + 12, words, sizeof words);
    std::memcpy(at + 22, &mac, 6);
    write32(at + 28, kEngine);
    std::memset(at + 32, 0, 6);
    write32(at + 38, wanted);
    port_->send(frame);
  }
  port_->flush();
  arp_.clear();
  receive(1, 300ms);
  ASSERT_EQ(arp_.size(), 1u);
  EXPECT_EQ(read16(arp_[0].data() + 20), RTE_ARP_OP_REPLY);
  EXPECT_EQ(read32(arp_[0].data() + 28), kFar + 1);
}

TEST_F(FarSide, AnswersACallAndSpeaksUntilItsBye) {
  start("--trying --ring --speak 1 --channels 10");
  far_->tell("measure start");
  EXPECT_THAT(far_->line(), HasSubstr("started"));
  send(kFar, kSip, kSip, request("INVITE", 1, offer()));
  EXPECT_EQ(status(), "SIP/2.0 100 Trying");
  EXPECT_EQ(status(), "SIP/2.0 180 Ringing");
  EXPECT_EQ(status(), "SIP/2.0 200 OK");
  EXPECT_THAT(last_, HasSubstr("CSeq: 1 INVITE\r\n"));
  EXPECT_THAT(last_, HasSubstr("To: <sip:+15550001@10.9.0.2>;tag=far0\r\n"));
  EXPECT_THAT(last_, HasSubstr("c=IN IP4 10.9.0.2\r\n"));
  EXPECT_THAT(last_, HasSubstr("m=audio 6000 RTP/AVP 0 101\r\n"));
  const std::size_t body = last_.find("\r\n\r\n") + 4;
  EXPECT_THAT(last_, HasSubstr(fmt::format("Content-Length: {}\r\n", last_.size() - body)));

  EXPECT_EQ(status(), "SIP/2.0 200 OK") << "no ACK came: it goes out again";
  send(kFar, kSip, kSip, request("INVITE", 1, offer()));
  EXPECT_EQ(status(), "SIP/2.0 200 OK") << "a retransmitted INVITE gets it too";
  send(kFar, kSip, kSip, request("ACK", 1, "", ";tag=far0"));

  auto first = receive(kEngineRtp);
  later_.clear();
  first = receive(kEngineRtp);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->payload.size(), 172u);
  EXPECT_EQ(first->source_port, 6000);
  const auto second = receive(kEngineRtp);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->is_sound);
  const auto field16 = [](const Received& each) {
    return read16(reinterpret_cast<const std::uint8_t*>(&each.payload[2]));
  };
  const auto field32 = [](const Received& each) {
    return read32(reinterpret_cast<const std::uint8_t*>(&each.payload[4]));
  };
  EXPECT_EQ(static_cast<std::uint16_t>(field16(*second) - field16(*first)), 1);
  EXPECT_EQ(field32(*second) - field32(*first), 160u);

  later_.clear();
  send(kFar, kSip, kSip, request("BYE", 2, "", ";tag=far0"));
  EXPECT_EQ(status(), "SIP/2.0 200 OK");
  send(kFar, kSip, kSip, request("BYE", 2, "", ";tag=far0"));
  EXPECT_EQ(status(), "SIP/2.0 200 OK");
  later_.clear();
  EXPECT_FALSE(receive(kEngineRtp, 300ms)) << "it speaks on after BYE";
  far_->tell("measure stop");
  const std::string report = far_->line();
  EXPECT_EQ(figure(report, "invites"), 1) << report;
  EXPECT_EQ(figure(report, "invites_again"), 1);
  EXPECT_EQ(figure(report, "acks"), 1);
  EXPECT_EQ(figure(report, "byes"), 1);
  EXPECT_EQ(figure(report, "byes_again"), 1);
  EXPECT_GE(figure(report, "answers_again"), 1);
  EXPECT_EQ(figure(report, "open"), 0);
  EXPECT_EQ(figure(report, "unsound"), 0);
}

TEST_F(FarSide, RefusesCallsBeyondItsRoomAndTakesRubbish) {
  start("--channels 1");
  send(kFar, kSip, kSip, request("INVITE", 1, offer()));
  EXPECT_EQ(status(), "SIP/2.0 200 OK");
  send(kFar, kSip, kSip, request("ACK", 1));
  std::string other = request("INVITE", 1, offer());
  other.replace(other.find("one@"), 3, "two");
  send(kFar, kSip, kSip, other);
  EXPECT_EQ(status(), "SIP/2.0 486 Busy Here");
  for (const char* rubbish : {"INVITE ", "\r\n\r\n", "BYE sip:x SIP/2.0\r\nVia:\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n"})
    send(kFar, kSip, kSip, rubbish);
  send(kFar, kSip, kSip, request("OPTIONS", 3));
  EXPECT_EQ(status(), "SIP/2.0 200 OK");
}

TEST_F(FarSide, AStormIsAsLongAsAskedAndHasManyShapes) {
  constexpr std::size_t kFrames = 4000;
  start(fmt::format("--garbage {} --garbage-seconds 0.5", kFrames));
  send(kFar, kSip, kSip, request("OPTIONS", 1));  // so that it knows our MAC address
  EXPECT_EQ(status(), "SIP/2.0 200 OK");
  far_->tell("garbage");
  EXPECT_THAT(far_->line(), HasSubstr("started"));
  std::map<std::uint16_t, std::size_t> by_type;
  std::size_t all = 0, sound = 0;
  for (const auto end = Clock::now() + 5s; all < kFrames && Clock::now() < end;) {
    const auto frames = port_->receive();
    for (const rte_mbuf* mbuf : frames) {
      const Bytes frame = bytes_of(mbuf);
      if (frame.size() == 42 && read32(frame.data() + 28) == kFar) continue;  // it still asks for our MAC address
      ++all;
      ++by_type[read16(frame.data() + 12)];
      const auto datagram = read_datagram(frame);
      sound += datagram && is_sound(frame);
      EXPECT_FALSE(datagram && datagram->source == kFar) << "spoof of the far side itself";
    }
    DpdkPort::release(frames);
  }
  EXPECT_EQ(all, kFrames);
  EXPECT_FALSE(receive(kSip, 200ms)) << "more than was asked for";
  EXPECT_GT(by_type[RTE_ETHER_TYPE_ARP], kFrames / 20);
  EXPECT_GT(by_type[RTE_ETHER_TYPE_IPV6], kFrames / 20);
  EXPECT_GT(by_type[RTE_ETHER_TYPE_IPV4], kFrames / 3);
  EXPECT_GT(by_type.size(), 100u) << "and types that nobody speaks";
  EXPECT_GT(sound, kFrames / 10) << "some are broken no earlier than in what they carry";
  EXPECT_LT(sound, kFrames / 3);
}

TEST_F(FarSide, CancelledBeforeItsAnswerACallEndsWith487) {
  start("--ring --answer-ms 5000");
  send(kFar, kSip, kSip, request("INVITE", 1, offer()));
  EXPECT_EQ(status(), "SIP/2.0 180 Ringing");
  send(kFar, kSip, kSip, request("CANCEL", 1));
  EXPECT_EQ(status(), "SIP/2.0 200 OK");
  EXPECT_EQ(status(), "SIP/2.0 487 Request Terminated");
}

/// A figure, not a verdict: whole calls as fast as this program can drive them. Runs when asked for
/// (--gtest_also_run_disabled_tests).
TEST_F(FarSide, DISABLED_CallsPerSecond) {
  constexpr int kCalls = 20'000, kAtOnce = 100;
  start("--trying --ring --channels 4000");
  far_->tell("measure start");
  far_->line();
  const auto begun = Clock::now();
  int oks = 0;
  const auto wait_oks = [&](int wanted) {
    const auto end = Clock::now() + 1s;
    while (oks < wanted && Clock::now() < end) {
      const auto frames = port_->receive();
      for (const rte_mbuf* mbuf : frames) {
        const auto datagram = read_datagram(bytes_of(mbuf));
        oks += datagram && std::memcmp(datagram->payload.data(), "SIP/2.0 200", 11) == 0;
      }
      DpdkPort::release(frames);
    }
  };
  for (int call = 0; call < kCalls; call += kAtOnce) {
    for (const char* method : {"INVITE", "ACK", "BYE"}) {
      for (int i = call; i < call + kAtOnce; ++i) {
        std::string text = request(method, 1, method[0] == 'I' ? offer() : "", method[0] == 'I' ? "" : ";tag=far0");
        text.replace(text.find("one@"), 3, fmt::format("call-{}", i));
        send(kFar, kSip, kSip, text);
      }
      wait_oks(2 * call + (method[0] == 'B' ? 2 * kAtOnce : kAtOnce));
      ASSERT_GE(oks, 2 * call + kAtOnce) << "after " << method << " of call " << call;
    }
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  far_->tell("measure stop");
  const std::string report = far_->line();
  fmt::print("{:.0f} calls per second; {}", kCalls / seconds, report);
  EXPECT_EQ(figure(report, "byes"), kCalls);
  EXPECT_EQ(figure(report, "answers_again"), 0);
}

/// The whole way in two other processes: what is sent by `source` comes back from the floor's echo. Few packets, so
/// that the rings hold what comes while one of the two is kept from its core.
TEST_F(FarSide, HearsTheFloorsEcho) {
  const std::string socket = (folder_ / "echo.sock").string();
  Child floor(words(CARILLON_BIN "/carillon-dpdk-floor " + eal(socket, "server", core(false)) +
                    " -- --mode echo --channels 20 --seconds 2 --warm-up 0.5 --mbufs 4095"));
  Child far(
      words(CARILLON_BIN "/carillon-far " + eal(socket, "client", core(true)) +
            " -- --addresses 10.9.0.2-10.9.0.3 --engine 10.9.0.1 --channels 20 --source 20 --seconds 10 --mbufs 4095"));
  EXPECT_THAT(far.line(), HasSubstr("ready"));
  EXPECT_THAT(floor.line(), HasSubstr("ready"));
  std::this_thread::sleep_for(500ms);
  far.tell("measure start");
  EXPECT_THAT(far.line(), HasSubstr("started"));
  std::this_thread::sleep_for(1s);
  far.tell("measure stop");
  const std::string heard = far.line(), cost = floor.line();
  EXPECT_EQ(figure(heard, "lost"), 0) << heard;
  EXPECT_EQ(figure(heard, "unsound"), 0);
  EXPECT_GT(figure(heard, "packets"), 20);
  EXPECT_GT(figure(cost, "in"), 20) << cost;
  EXPECT_EQ(figure(cost, "in"), figure(cost, "out"));
  EXPECT_GT(figure(cost, "cycles_per_packet"), 10);
}

/// The judge alone, on a clock of our own.
class Judged : public testing::Test {
 protected:
  void take(std::uint16_t sequence, double at_ms, double blurred_us = 0) {
    std::uint8_t packet[172] = {0x80, 0};
    write16(packet + 2, sequence);
    write32(packet + 4, sequence * 160u);
    const Sound::Frame& frame = sound_.frame(sequence % sound_.frames());
    std::memcpy(packet + 12, frame.data(), frame.size());
    if (is_garbled_) packet[100] ^= 0x55;
    const Tsc now = rate_.cycles(1e6 + at_ms * 1000);
    judge_.take(3, packet, now, now - rate_.cycles(blurred_us));
  }
  double judged(const char* name) { return figure(judge_.json(), name); }
  void SetUp() override { judge_.start(rate_.cycles(1e6)); }

  TscRate rate_{.per_us = 1000, .us_each = 0.001};
  Sound sound_ = Sound::made_up();
  Judge judge_{10, &sound_, rate_};
  bool is_garbled_ = false;
};

TEST_F(Judged, CountsWhatIsMissingDoubledAndLate) {
  for (const int sequence : {1, 2, 5, 5, 4, 6}) take(static_cast<std::uint16_t>(sequence), 20.0 * sequence);
  EXPECT_EQ(judged("packets"), 6);
  EXPECT_EQ(judged("lost"), 2);
  EXPECT_EQ(judged("doubled"), 1);
  EXPECT_EQ(judged("reordered"), 1);
  EXPECT_EQ(judged("timestamp_wrong"), 0);
}

TEST_F(Judged, DeviationIsTheDistanceFrom20Milliseconds) {
  take(1, 0);
  take(2, 20.5);
  take(3, 40);
  EXPECT_EQ(judged("deviations"), 2);
  EXPECT_EQ(judged("deviation_max_us"), 500);
}

TEST_F(Judged, ArrivalsAfterOurOwnStallGiveNoDeviation) {
  take(1, 0);
  take(2, 29, 9000);
  take(3, 40);
  take(4, 60.25);
  EXPECT_EQ(judged("blurred"), 1);
  EXPECT_EQ(judged("deviations"), 1);
  EXPECT_EQ(judged("deviation_max_us"), 250);
  EXPECT_EQ(judged("lost"), 0);
}

TEST_F(Judged, PayloadMustBeThePromptInOrder) {
  for (const int sequence : {10, 11, 12, 14}) take(static_cast<std::uint16_t>(sequence), 20.0 * sequence);
  EXPECT_EQ(judged("payload_wrong"), 0);
  EXPECT_EQ(judged("payload_right"), 3);
  is_garbled_ = true;
  take(15, 300);
  EXPECT_EQ(judged("payload_wrong"), 1);
}

}  // namespace
}  // namespace carillon::bench
