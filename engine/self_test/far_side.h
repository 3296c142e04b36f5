#pragma once
// The other side of every call while a shard is measured: an io::Port that moves nothing.

#include <array>
#include <string>
#include <vector>

#include "engine/io/port.h"

namespace carillon::self_test {

/// Answers INVITE and BYE at once, swallows speech, and gives each call's speech in turn when asked to. What it costs
/// itself, a copy of each payload, stands for what a wire's buffers cost the cache.
class FarSide final : public io::Port {
 public:
  FarSide();
  Result<io::SocketId, io::IoError> open(const Endpoint& local, bool shared) override;
  void close(io::SocketId) override {}
  Endpoint local(io::SocketId socket) const override { return locals_[socket.value]; }
  std::span<const io::Received> receive(int most) override;
  void transmit(std::span<const io::Outgoing> batch) override;
  void wait(TimePoint) override {}
  void wake() override {}
  const io::PortCounters& counters() const override { return counters_; }
  const char* name() const override { return "self-test"; }

  /// So many packets of speech have come in.
  void speech_due(std::size_t count) { due_ += count; }
  /// Calls that are answered.
  std::size_t speakers() const { return speakers_.size(); }

  TimePoint now{};  ///< when packets arrive

 private:
  static constexpr std::size_t kRtp = 172, kPayload = 160;
  static constexpr std::size_t kVoiceFrames = 50;  // a second, then again
  static constexpr std::size_t kSent = 512;        // buffers that are on the wire

  struct Speaker {
    io::SocketId socket;
    std::uint16_t port;
    std::uint32_t beat = 0;
  };
  void speak();
  void answer(std::string_view message);
  io::SocketId socket_of(std::uint16_t port) const;

  std::vector<Endpoint> locals_;
  std::vector<std::string> replies_, handed_;
  std::vector<io::Received> received_;
  std::vector<std::byte> voice_;
  std::vector<std::array<std::byte, kRtp>> speech_ = std::vector<std::array<std::byte, kRtp>>(256);
  std::vector<Speaker> speakers_;
  std::size_t due_ = 0, next_speaker_ = 0, sent_ = 0;
  std::vector<std::byte> wire_ = std::vector<std::byte>(kSent * 256);
  io::PortCounters counters_;
};

}  // namespace carillon::self_test
