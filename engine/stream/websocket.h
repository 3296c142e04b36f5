#pragma once
// The server's side of a WebSocket that carries SIP (RFC 6455, RFC 7118). Pure: bytes in, an answer or whole messages
// out. Browsers' agent phones speak it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/time.h"

namespace carillon::stream {

/// The HTTP request that opens it (RFC 6455 §4.2).
struct Upgrade {
  enum class Verdict : std::uint8_t { kIncomplete, kAccepted, kRefused };
  Verdict verdict = Verdict::kIncomplete;
  std::string answer{};      ///< to send; a refused connection closes behind it
  std::size_t consumed = 0;  ///< bytes of the request; what follows are frames
};

inline constexpr std::size_t kUpgradeMax = 8192;  ///< bytes of the request: cookies are what grows

/// Reads the request in `bytes`, all that has come since the beginning.
///
/// origins  pages that may connect, as browsers write them ("https://phone.example.com"), without regard to case;
/// empty:
///          any. A request without Origin is no browser's and passes: a page cannot leave it out (§10.2).
/// answers  101 with subprotocol "sip" · 400 no such request, or "sip" not offered (RFC 7118 §4.1) · 403 origin
///          · 405 not GET · 426 another version · 431 over kUpgradeMax
Upgrade read_upgrade(std::string_view bytes, const std::vector<std::string>& origins);

/// Sec-WebSocket-Accept for a key (§4.2.2).
std::string accept_of(std::string_view key);

enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

/// What the reader has found.
struct SocketEvent {
  enum class Kind : std::uint8_t {
    kNothing,  ///< what follows has not come yet
    kMessage,  ///< `bytes` is one SIP message, or CR LF CR LF (RFC 7118 §6 over RFC 5626), with `opcode` text or binary
    kPing,     ///< answer with a pong of the same bytes
    kPong,
    kClose,  ///< the other side closes: answer with close `code`, and close. Nothing more comes out.
    kBroken  ///< against the protocol: send close `code`, and close. Nothing more comes out.
  };
  Kind kind = Kind::kNothing;
  Opcode opcode = Opcode::kText;
  std::uint16_t code = 0;  ///< §7.4.1: 1000 normal, 1002 protocol, 1007 not UTF-8, 1009 too large
  ByteView bytes{};        ///< valid until the next add() or next()
};

struct SocketLimits {
  std::size_t message_max = 0xFFFF;  ///< bytes of one message, all its fragments together
  std::size_t fragments_max = 256;   ///< frames of one message: empty ones cost us work
  Duration message_time = 20s;       ///< from a message's first byte to its last
};

/// Frames to messages: masked frames only, fragments put together, control frames between them, every length checked
/// before it is believed.
///
/// memory  the present message and the present frame, at most message_max, and one read
class SocketReader {
 public:
  explicit SocketReader(const SocketLimits& limits) : limits_(limits) {}

  void add(ByteView bytes, TimePoint now);
  SocketEvent next();
  TimePoint deadline() const { return is_within_message() ? began_ + limits_.message_time : TimePoint::max(); }
  bool is_within_message() const { return has_begun_; }
  std::size_t held() const { return in_.capacity() + message_.capacity(); }

 private:
  struct Head {
    Opcode opcode{};
    bool is_last = false;
    std::size_t size = 0;  // of the whole frame
    std::size_t from = 0;  // of its payload
    std::uint32_t mask = 0;
  };
  enum class Reading : std::uint8_t { kWhole, kShort, kBroken };
  Reading read_head(std::string_view bytes, Head& head);
  SocketEvent broken(std::uint16_t code);
  SocketEvent control(const Head& head, std::string_view payload);
  SocketEvent nothing();

  SocketLimits limits_;
  std::string in_;  // not yet read frames
  std::size_t at_ = 0;
  std::string message_;  // the fragments so far, unmasked
  std::string control_;  // the present control frame's payload
  std::uint16_t code_ = 0;
  Opcode opcode_ = Opcode::kText;
  std::size_t fragments_ = 0;
  bool is_fragmented_ = false, is_handed_out_ = false, is_over_ = false, has_begun_ = false;
  TimePoint began_{}, now_{};
};

/// Appends one unmasked frame (§5.2): servers mask nothing.
void write_frame(std::string& out, Opcode opcode, ByteView payload);
/// The bytes that write_frame() adds in front.
std::size_t frame_head_size(std::size_t payload);
/// Valid UTF-8 (RFC 3629): what may go into a text frame.
bool is_utf8(std::string_view text);

}  // namespace carillon::stream
