#pragma once
// A wire in memory that sends every UDP packet back to where it came from: what net::Stack stands on while it is
// measured.

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/net/stack.h"

namespace carillon::self_test {

/// One queue. Its buffers are a ring used in turn, larger than what a stack holds at once and than a core's
/// second-level cache. Swapping addresses and ports leaves all checksums right.
class Mirror final : public io::FramePort {
 public:
  static Endpoint us() { return Endpoint::v4(10, 0, 0, 1, 0); }
  static Endpoint gateway() { return Endpoint::v4(10, 0, 0, 2, 0); }

  std::size_t receive(std::span<io::Frame> out) override {
    std::size_t count = 0;
    while (count < out.size() && first_ != waiting_.size()) out[count++] = waiting_[first_++];
    if (first_ == waiting_.size()) {
      waiting_.clear();
      first_ = 0;
    }
    counters_.frames_in += count;
    return count;
  }
  bool allocate(std::span<io::Frame> out) override {
    for (io::Frame& frame : out) {
      frame = {};
      frame.data = memory_.data() + next_++ % kFrames * kRoom;
      frame.room = kRoom;
    }
    return true;
  }
  void transmit(std::span<const io::Frame> frames) override {
    counters_.frames_out += frames.size();
    for (io::Frame frame : frames)
      if (waiting_.size() < kWaiting && turn(frame.data)) {
        frame.flags = 0;
        waiting_.push_back(frame);
      }
  }
  void release(std::span<const io::Frame>) override {}
  void wait(TimePoint) override {}
  void wake() override {}
  io::MacAddress mac() const override { return {2, 0, 0, 0, 0, 1}; }
  std::uint16_t mtu() const override { return 1500; }
  bool offers_checksums() const override { return false; }
  bool has_link() const override { return true; }
  const io::FrameCounters& counters() const override { return counters_; }
  const char* name() const override { return "mirror"; }

 private:
  static constexpr std::size_t kFrames = 4096, kRoom = 2048, kWaiting = 1024;
  static constexpr std::size_t kArp = 14, kIp = 14, kUdp = 34;

  static void swap(std::byte* a, std::byte* b, std::size_t size) { std::swap_ranges(a, a + size, b); }
  /// Makes the answer of what went out; false: there is none.
  static bool turn(std::byte* data) {
    const bool is_arp = data[12] == std::byte{8} && data[13] == std::byte{6};
    const bool is_udp = data[12] == std::byte{8} && data[13] == std::byte{0} && data[kIp + 9] == std::byte{17};
    if (is_arp) return answer_arp(data);
    if (!is_udp) return false;
    swap(data, data + 6, 6);
    swap(data + kIp + 12, data + kIp + 16, 4);
    swap(data + kUdp, data + kUdp + 2, 2);
    return true;
  }
  /// The gateway says who it is (RFC 826): sender and target change places.
  static bool answer_arp(std::byte* data) {
    std::byte* const sender = data + kArp + 8;
    std::byte* const target = data + kArp + 18;
    const bool is_request = data[kArp + 7] == std::byte{1};
    if (!is_request || std::memcmp(sender + 6, target + 6, 4) == 0) return false;  // an announcement
    data[kArp + 7] = std::byte{2};
    swap(sender, target, 10);
    constexpr std::array<std::uint8_t, 6> kGateway = {2, 0, 0, 0, 0, 2};
    std::memcpy(sender, kGateway.data(), 6);
    std::memcpy(data, target, 6);
    std::memcpy(data + 6, kGateway.data(), 6);
    return true;
  }

  std::vector<std::byte> memory_ = std::vector<std::byte>(kFrames * kRoom);
  std::vector<io::Frame> waiting_;
  std::size_t next_ = 0, first_ = 0;
  io::FrameCounters counters_;
};

}  // namespace carillon::self_test
