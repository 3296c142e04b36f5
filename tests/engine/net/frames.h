#pragma once
// Frames in memory: a FramePort whose wire is a list, and packets written field by field, apart from the code under
// test.

#include <deque>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/io/frame_port.h"

namespace carillon::net {

using Bytes = std::vector<std::uint8_t>;

/// The buffers of one device. All that were lent are back when `out()` is 0.
class FramePool {
 public:
  static constexpr std::size_t kRoom = 2304;
  explicit FramePool(std::size_t count) : memory_(count * kRoom), is_lent_(count) {
    for (std::size_t i = count; i > 0; --i) free_.push_back(i - 1);
  }
  bool lend(std::span<io::Frame> out) {
    if (free_.size() < out.size()) return false;
    for (io::Frame& frame : out) {
      const std::size_t index = free_.back();
      free_.pop_back();
      is_lent_[index] = true;
      frame = {};
      frame.data = memory_.data() + index * kRoom;
      frame.room = kRoom;
      frame.buffer = frame.data;
    }
    return true;
  }
  void give_back(const io::Frame& frame) {
    const auto index = static_cast<std::size_t>(static_cast<std::byte*>(frame.buffer) - memory_.data()) / kRoom;
    CHECK(is_lent_[index]);  // twice would be a fault of the stack's
    CHECK(frame.size <= kRoom);
    is_lent_[index] = false;
    free_.push_back(index);
  }
  std::size_t out() const { return is_lent_.size() - free_.size(); }
  std::size_t left() const { return free_.size(); }

 private:
  std::vector<std::byte> memory_;
  std::vector<bool> is_lent_;
  std::vector<std::size_t> free_;
};

/// One queue. `arrive` is the wire's side in, `sent` the wire's side out.
class MemoryPort final : public io::FramePort {
 public:
  MemoryPort(FramePool& pool, io::MacAddress mac) : pool_(pool), mac_(mac) {}

  std::size_t receive(std::span<io::Frame> out) override {
    std::size_t count = 0;
    for (; count < out.size() && !inbox.empty(); ++count) {
      if (!pool_.lend(out.subspan(count, 1))) {
        ++counters_.missed;
        break;
      }
      const auto [bytes, flags] = std::move(inbox.front());
      inbox.pop_front();
      CHECK(bytes.size() <= FramePool::kRoom);
      if (!bytes.empty()) std::memcpy(out[count].data, bytes.data(), bytes.size());
      out[count].size = static_cast<std::uint16_t>(bytes.size());
      out[count].flags = flags;
    }
    counters_.frames_in += count;
    return count;
  }
  bool allocate(std::span<io::Frame> out) override {
    if (pool_.lend(out)) return true;
    ++counters_.no_buffer;
    return false;
  }
  void transmit(std::span<const io::Frame> frames) override {
    ++bursts;
    for (const io::Frame& frame : frames) {
      const auto* data = reinterpret_cast<const std::uint8_t*>(frame.data);
      if (keeps_sent) sent.push_back({Bytes(data, data + frame.size), frame.flags});
      pool_.give_back(frame);
    }
    counters_.frames_out += frames.size();
  }
  void release(std::span<const io::Frame> frames) override {
    for (const io::Frame& frame : frames) pool_.give_back(frame);
  }
  void wait(TimePoint until) override { waited_until = until; }
  void wake() override { ++wakes; }
  io::MacAddress mac() const override { return mac_; }
  std::uint16_t mtu() const override { return 1500; }
  bool offers_checksums() const override { return sums; }
  bool has_link() const override { return link; }
  const io::FrameCounters& counters() const override { return counters_; }
  const char* name() const override { return "frames in memory"; }

  struct Sent {
    Bytes bytes;
    std::uint8_t flags = 0;
  };
  void arrive(Bytes frame, std::uint8_t flags = 0) { inbox.push_back({std::move(frame), flags}); }
  /// What has left since, oldest first.
  std::vector<Bytes> take_sent() {
    std::vector<Bytes> taken;
    for (Sent& one : sent) taken.push_back(std::move(one.bytes));
    sent.clear();
    return taken;
  }

  std::deque<Sent> inbox;
  std::vector<Sent> sent;
  TimePoint waited_until{};
  int wakes = 0, bursts = 0;
  bool sums = false, link = true, keeps_sent = true;

 private:
  FramePool& pool_;
  io::MacAddress mac_;
  io::FrameCounters counters_;
};

// ---- packets by hand: straight from the RFCs' diagrams, byte sums one at a time

inline Bytes& operator+=(Bytes& to, const Bytes& more) {
  to.insert(to.end(), more.begin(), more.end());
  return to;
}
inline Bytes operator+(Bytes a, const Bytes& b) { return a += b; }
inline Bytes be16(std::size_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}
inline Bytes be32(std::uint64_t value) { return be16(value >> 16 & 0xFFFF) + be16(value & 0xFFFF); }
inline Bytes text(std::string_view text) { return Bytes(text.begin(), text.end()); }
inline Bytes repeat(std::size_t count, std::uint8_t value = 0) { return Bytes(count, value); }

inline std::uint16_t slow_checksum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += bytes[i] << (i % 2 == 0 ? 8 : 0);
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}
inline void put16(Bytes& bytes, std::size_t at, std::size_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

inline Bytes ip4(int a, int b, int c, int d) {
  return {static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b), static_cast<std::uint8_t>(c),
          static_cast<std::uint8_t>(d)};
}
/// The last bytes of 2001:db8::…
inline Bytes ip6(int low, int net = 0) {
  Bytes address = {0x20, 0x01, 0x0D, 0xB8, 0, static_cast<std::uint8_t>(net), 0, 0};
  return address + repeat(7) + Bytes{static_cast<std::uint8_t>(low)};
}
inline Bytes mac(int last) { return {0x02, 0, 0, 0, 0, static_cast<std::uint8_t>(last)}; }
inline io::MacAddress mac_address(int last) { return {0x02, 0, 0, 0, 0, static_cast<std::uint8_t>(last)}; }

inline Bytes ethernet(const Bytes& to, const Bytes& from, std::uint16_t type, const Bytes& payload) {
  return to + from + be16(type) + payload;
}
inline Bytes tagged(const Bytes& to, const Bytes& from, std::uint16_t vlan, std::uint16_t type, const Bytes& payload) {
  return to + from + be16(0x8100) + be16(vlan) + be16(type) + payload;
}
inline Bytes arp(int operation, const Bytes& sender_mac, const Bytes& sender, const Bytes& target_mac,
                 const Bytes& target) {
  return be16(1) + be16(0x0800) + Bytes{6, 4} + be16(static_cast<std::size_t>(operation)) + sender_mac + sender +
         target_mac + target;
}
inline Bytes ipv4(const Bytes& from, const Bytes& to, int protocol, const Bytes& payload, std::size_t fragment = 0,
                  std::size_t id = 1, const Bytes& options = {}) {
  Bytes header = Bytes{static_cast<std::uint8_t>(0x45 + options.size() / 4), 0} +
                 be16(20 + options.size() + payload.size()) + be16(id) + be16(fragment) +
                 Bytes{64, static_cast<std::uint8_t>(protocol), 0, 0} + from + to + options;
  put16(header, 10, slow_checksum(header));
  return header + payload;
}
inline Bytes ipv6(const Bytes& from, const Bytes& to, int next, const Bytes& payload, int hops = 64) {
  return Bytes{0x60, 0, 0, 0} + be16(payload.size()) +
         Bytes{static_cast<std::uint8_t>(next), static_cast<std::uint8_t>(hops)} + from + to + payload;
}
inline Bytes pseudo(const Bytes& from, const Bytes& to, int protocol, std::size_t length) {
  return from + to + be32(length) + Bytes{0, 0, 0, static_cast<std::uint8_t>(protocol)};
}
inline Bytes udp(const Bytes& from, const Bytes& to, std::size_t from_port, std::size_t to_port, const Bytes& payload) {
  Bytes datagram = be16(from_port) + be16(to_port) + be16(8 + payload.size()) + Bytes{0, 0} + payload;
  const std::uint16_t sum = slow_checksum(pseudo(from, to, 17, datagram.size()) + datagram);
  put16(datagram, 6, sum == 0 ? 0xFFFF : sum);
  return datagram;
}
/// `body` begins with type, code and two bytes for the checksum.
inline Bytes icmp4(Bytes body) {
  put16(body, 2, slow_checksum(body));
  return body;
}
inline Bytes icmp6(const Bytes& from, const Bytes& to, Bytes body) {
  put16(body, 2, slow_checksum(pseudo(from, to, 58, body.size()) + body));
  return body;
}

}  // namespace carillon::net
