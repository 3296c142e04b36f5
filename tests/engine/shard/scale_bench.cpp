// What one shard costs by itself: thousands of legs above a port that moves nothing, in virtual time. Everything
// between receive() and transmit() is measured: RTP, jitter buffers, detection, prompts, books. Beside it the floor:
// the same bytes copied once each way.
//
//   engine_shard_scale_bench [legs …]        default 1000 5000 20000

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/shard/shard.h"
#include "media/prompt/prompt.h"

namespace carillon::shard {
namespace {

constexpr std::size_t kRtp = 172;

/// Answers INVITE and BYE at once, swallows speech, and gives each call's speech in turn when asked to.
class FarSide final : public io::Port {
 public:
  Result<io::SocketId, io::IoError> open(const Endpoint& local, bool) override {
    locals_.push_back(local);
    return io::SocketId{static_cast<std::uint32_t>(locals_.size() - 1)};
  }
  void close(io::SocketId) override {}
  Endpoint local(io::SocketId socket) const override { return locals_[socket.value]; }

  std::span<const io::Received> receive(int most) override {
    received_.clear();
    if (!replies_.empty()) {
      handed_.swap(replies_);
      replies_.clear();
      for (const std::string& reply : handed_) received_.push_back({bytes_of(reply), far(5060), io::SocketId{0}, now});
      return received_;
    }
    const std::size_t count = std::min({due_, static_cast<std::size_t>(most), speech_.size()});
    for (std::size_t i = 0; i < count; ++i) speak();
    due_ -= count;
    counters_.packets_in += count;
    return received_;
  }
  void transmit(std::span<const io::Outgoing> batch) override {
    for (const io::Outgoing& out : batch) {
      if (out.socket.value == 0) {
        answer(text_of(out.head));
        continue;
      }
      std::byte* to = wire_.data() + (at_++ % 512) * 256;
      std::memcpy(to, out.head.data(), out.head.size());
      if (!out.body.empty()) std::memcpy(to + out.head.size(), out.body.data(), out.body.size());
      ++counters_.packets_out;
    }
  }
  void wait(TimePoint) override {}
  void wake() override {}
  const io::PortCounters& counters() const override { return counters_; }
  const char* name() const override { return "bench"; }

  /// So many packets of speech have come in.
  void speech_due(std::size_t count) { due_ += count; }
  std::size_t speakers() const { return speakers_.size(); }

  TimePoint now{};

 private:
  struct Speaker {
    io::SocketId socket;
    std::uint16_t port;
    std::uint32_t beat = 0;
  };
  /// A second of noise in syllables, so that a detector goes on listening.
  static std::vector<std::byte> babble() {
    std::vector<std::byte> bytes(kVoice * 160);
    Random random(7);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const bool is_loud = i / 800 % 3 != 0;
      bytes[i] = std::byte{
          static_cast<std::uint8_t>((random.below(2) == 0 ? 0x80 : 0) | (is_loud ? 0x20 : 0x60) | random.below(32))};
    }
    return bytes;
  }
  static Endpoint far(std::uint16_t port) { return Endpoint::v4(10, 0, 0, 2, port); }

  void speak() {
    const std::size_t index = next_speaker_++ % speakers_.size();
    Speaker& speaker = speakers_[index];
    auto& packet = speech_[received_.size()];
    ByteWriter head(packet);
    head.u8(0x80);
    head.u8(0);
    head.u16(static_cast<std::uint16_t>(speaker.beat));
    head.u32(speaker.beat * 160);
    head.u32(static_cast<std::uint32_t>(index));
    std::memcpy(packet.data() + 12, voice_.data() + (speaker.beat + index) % kVoice * 160, 160);
    ++speaker.beat;
    received_.push_back({packet, far(speaker.port), speaker.socket, now});
  }

  void answer(std::string_view message) {
    const bool is_invite = message.starts_with("INVITE");
    if (!is_invite && !message.starts_with("BYE")) return;
    const auto line = [&](std::string_view name) {
      const std::size_t at = message.find(name);
      return message.substr(at, message.find("\r\n", at) - at);
    };
    std::string body;
    if (is_invite) {
      const std::string_view media = line("m=audio ");
      std::uint16_t ours = 0;
      std::from_chars(media.data() + 8, media.data() + media.size(), ours);
      const auto found = std::ranges::find_if(locals_, [&](const Endpoint& local) { return local.port == ours; });
      const auto port = static_cast<std::uint16_t>(10'000 + 2 * speakers_.size());
      speakers_.push_back({io::SocketId{static_cast<std::uint32_t>(found - locals_.begin())}, port});
      body = fmt::format(
          "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio {} RTP/AVP 0 "
          "101\r\na=rtpmap:101 telephone-event/8000\r\n",
          port);
    }
    replies_.push_back(fmt::format(
        "SIP/2.0 200 OK\r\n{}\r\n{}\r\n{};tag=far\r\n{}\r\n{}\r\nContact: <sip:far@10.0.0.2>\r\n{}Content-Length: "
        "{}\r\n\r\n{}",
        line("Via:"), line("From:"), line("To:"), line("Call-ID:"), line("CSeq:"),
        is_invite ? "Content-Type: application/sdp\r\n" : "", body.size(), body));
  }

  std::vector<Endpoint> locals_;
  std::vector<std::string> replies_, handed_;
  std::vector<io::Received> received_;
  static constexpr std::size_t kVoice = 50;
  std::vector<std::byte> voice_ = babble();
  std::vector<std::array<std::byte, kRtp>> speech_ = std::vector<std::array<std::byte, kRtp>>(256);
  std::vector<Speaker> speakers_;
  std::size_t due_ = 0, next_speaker_ = 0, at_ = 0;
  std::vector<std::byte> wire_ = std::vector<std::byte>(512 * 256);
  io::PortCounters counters_;
};

class NoRecordings final : public call::RecordSink {
 public:
  Handle start(LegId, WallTime) override { return {}; }
  void add(Handle, std::span<const std::int16_t>, std::span<const std::int16_t>) override {}
  void stop(Handle) override {}
};

struct Figure {
  double us_per_channel_second = 0, floor = 0;
};

class World {
 public:
  World(std::uint32_t legs, std::uint32_t detect_every) : legs_(legs), rings_(4 * legs + 4096) {
    ShardConfig config;
    config.sip = Endpoint::v4(10, 0, 0, 1, 5060);
    config.rtp = config.sip;
    config.rtp_port_first = 2048;
    config.rtp_pairs = std::min(legs + 200, 31'000u);
    config.legs_max = legs;
    shard_ = std::make_unique<Shard>(config, ShardParts{far_, rings_, recordings_, trunks_, mesh_}, 1, now_, wall());
    if (const std::string fault = shard_->open(); !fault.empty()) fmt::print("{}\n", fault);
    tell(call::BrainState{true});
    call::Trunk trunk;
    trunk.id = "far";
    trunk.gateways = {Endpoint::v4(10, 0, 0, 2, 5060)};
    tell(call::PutTrunk{trunk});
    std::vector<std::int16_t> samples(16'000);
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i] = static_cast<std::int16_t>(8000 * std::sin(static_cast<double>(i) * 0.3));
    prompt_ = media::Prompt::from_samples(samples, "bench");
    for (std::uint32_t i = 0; i < legs; ++i) {
      dial(i, detect_every != 0 && i % detect_every == 0);
      if (i % 32 == 31) run(1ms, false);
    }
    run(500ms, false);
  }
  std::size_t answered() const { return far_.speakers(); }

  /// Processor time of the shard per channel-second.
  double measure(Duration time, bool speech) {
    run(200ms, speech);
    spent_ = 0ns;
    run(time, speech);
    return std::chrono::duration<double, std::micro>(spent_).count() /
           (static_cast<double>(legs_) * std::chrono::duration<double>(time).count());
  }

 private:
  WallTime wall() const { return WallTime{} + std::chrono::hours(500'000); }
  void tell(call::CommandBody body) {
    commands_.push_back(std::make_unique<call::Command>());
    commands_.back()->id = commands_.size();
    commands_.back()->body = std::move(body);
    rings_.commands.push(commands_.back().get());
  }
  void dial(std::uint32_t index, bool detects) {
    call::Originate originate;
    originate.leg = {1000 + index};
    originate.trunks = {"far"};
    originate.from = "+4930555";
    originate.to = "+4930556";
    originate.plan.detects = detects;
    originate.plan.detect.decide_by = 1h;
    originate.plan.detect.wait_for_beep = true;  // it listens to the end
    originate.plan.detect.beep_wait_max = 1h;
    call::PlanState state;
    state.action = call::PlanState::Action::kPlay;
    state.prompts = {&prompt_};
    state.loops = 0;
    originate.plan.states = {state};
    tell(std::move(originate));
  }
  void run(Duration time, bool speech) {
    const TimePoint end = now_ + time;
    for (; now_ < end; now_ += 250us) {
      if (speech) {
        owed_ += static_cast<double>(legs_) / 80;
        far_.speech_due(static_cast<std::size_t>(owed_));
        owed_ -= std::floor(owed_);
      }
      far_.now = now_;
      const TimePoint before = MonoClock::now();
      do shard_->note_step(Duration{0}, shard_->step(now_, wall()), now_);
      while (shard_->deadline() <= now_);
      spent_ += MonoClock::now() - before;
      call::Event event;
      while (rings_.events.pop(event)) {
      }
      call::Command* back = nullptr;
      while (rings_.returned.pop(back)) {
      }
    }
  }

  const std::uint32_t legs_;
  TimePoint now_ = TimePoint{} + 1h;
  Duration spent_{0};
  double owed_ = 0;
  FarSide far_;
  call::ShardRings rings_;
  NoRecordings recordings_;
  call::TrunkBoard trunks_;
  Mesh mesh_{1};
  media::Prompt prompt_ = media::Prompt::from_samples({}, "");
  std::vector<std::unique_ptr<call::Command>> commands_;
  std::unique_ptr<Shard> shard_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// The bytes of `packets` packets, from memory of so many channels, copied once: µs per packet.
double floor_per_packet(std::uint32_t legs) {
  std::vector<std::byte> from(std::size_t{legs} * 192), to(512 * 256);
  const int packets = 2'000'000;
  const TimePoint before = MonoClock::now();
  for (int i = 0; i < packets; ++i)  // in an order that no prefetcher knows
    std::memcpy(to.data() + (i % 512) * 256,
                from.data() + std::size_t{static_cast<std::uint32_t>(i) * 2'654'435'761u} % legs * 192, kRtp);
  asm volatile("" : : "r"(to.data()) : "memory");
  return std::chrono::duration<double, std::micro>(MonoClock::now() - before).count() / packets;
}

void point(std::uint32_t legs, std::uint32_t detect_every) {
  World world(legs, detect_every);
  std::vector<double> play, both;
  for (int run = 0; run < 5; ++run) {
    play.push_back(world.measure(500ms, false));
    both.push_back(world.measure(500ms, true));
  }
  fmt::print("{:>7} {:>8} {:>7} {:>9.2f} {:>9.2f} {:>9.2f} {:>9}\n", legs, world.answered(),
             detect_every == 0 ? "none" : fmt::format("1 in {}", detect_every), median(play), median(both),
             100 * floor_per_packet(legs), sizeof(call::Leg));
}

}  // namespace
}  // namespace carillon::shard

int main(int argc, char** argv) {
  std::vector<std::uint32_t> counts;
  for (int i = 1; i < argc; ++i) counts.push_back(static_cast<std::uint32_t>(std::atoi(argv[i])));
  if (counts.empty()) counts = {1000, 5000, 20000};
  fmt::print("µs of the shard per channel-second, median of 5; floor: 100 packets of {} bytes copied\n",
             carillon::shard::kRtp);
  fmt::print("{:>7} {:>8} {:>7} {:>9} {:>9} {:>9} {:>9}\n", "legs", "answered", "detect", "playing", "and hears",
             "floor", "bytes/leg");
  for (const std::uint32_t legs : counts)
    for (const std::uint32_t every : {0u, 10u}) carillon::shard::point(legs, every);
}
