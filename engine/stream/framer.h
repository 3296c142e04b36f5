#pragma once
// Bytes of a stream in, whole SIP messages out (RFC 3261 §18.3, keep-alives of RFC 5626 §3.5.1). Pure: no socket and no
// clock; the hub hands in what it has read and the time.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/bytes.h"
#include "engine/base/time.h"

namespace carillon::stream {

/// What one connection may make us hold, and for how long.
struct FramerLimits {
  std::size_t message_max = 0xFFFF;  ///< bytes, head and body: what sip::Message takes
  std::size_t head_max = 32'768;     ///< bytes to the empty line: room for several Identity headers (RFC 8224)
  Duration head_time = 5s;           ///< from a message's first byte to its empty line
  Duration message_time = 20s;       ///< from a message's first byte to its last
  bool operator==(const FramerLimits&) const = default;
};

/// Why a stream cannot be read on. After each of them the next message's beginning is unknown: answer and close.
enum class FramingError : std::uint8_t {
  kNone,
  kNotSip,       ///< no token at the beginning or no "SIP/" in the first line: closed without an answer
  kHeadTooLong,  ///< over head_max: closed without an answer, the Via may not have come yet
  kNoLength,     ///< no Content-Length, which streams need (§18.3): 400
  kBadLength,    ///< not a number, or two that differ: 400
  kTooLong,      ///< a Content-Length that leads past message_max: 513
};

struct Frame {
  enum class Kind : std::uint8_t {
    kNothing,  ///< what follows has not come yet
    kMessage,  ///< `bytes` is one message, as long as its Content-Length says
    kPing,     ///< CRLF CRLF between messages: answer with CRLF (RFC 5626 §4.4.1)
    kRefused,  ///< `error`; `bytes` is the head when it can be answered, else empty. Nothing more comes out.
  };
  Kind kind = Kind::kNothing;
  FramingError error = FramingError::kNone;
  ByteView bytes;  ///< valid until the next add() or next() that says kNothing
};

/// One connection's framer.
///
/// Lines end with CRLF or, as sip::Message takes them, with LF alone; so both see the same end of the head. CR and LF
/// between messages are skipped (RFC 3261 §7.5).
///
/// memory  between reads at most twice held() and 1 kB, held() at most message_max; nothing between messages
/// cost    one pass for line ends and one over the head's lines; no copy when a read holds whole messages
class Framer {
 public:
  explicit Framer(const FramerLimits& limits) : limits_(&limits) {}  // `limits` must outlive it

  /// What has come in, at `now`. `bytes` must stay valid until next() has said kNothing, and that must come before the
  /// next add().
  void add(ByteView bytes, TimePoint now);
  Frame next();

  /// When the message that has begun must be further on; TimePoint::max() between messages.
  TimePoint deadline() const;
  bool is_within_message() const { return began_.has_value(); }
  /// Bytes held of a message that is not whole yet.
  std::size_t held() const { return kept_.size(); }
  /// What that costs.
  std::size_t memory() const { return kept_.capacity(); }

 private:
  std::string_view window() const { return is_in_kept_ ? std::string_view(kept_) : fresh_; }
  bool skip_to_message();
  bool find_head_end(std::string_view message);
  Frame refuse(FramingError error, std::string_view head = {});
  void keep_rest();

  const FramerLimits* limits_;
  std::string kept_;         // of earlier reads
  std::string_view fresh_;   // the present read, when nothing is kept
  bool is_in_kept_ = false;  // the window is kept_, to which the read was added
  std::size_t at_ = 0;       // of the window: here the present message begins
  // of the present message, relative to at_
  std::size_t line_ = 0, scanned_ = 0;  // where the line begins that has no end yet; how far its end was looked for
  std::size_t head_ = 0, whole_ = 0;    // sizes, 0: not known yet
  std::size_t ping_ = 0;                // how much of CRLF CRLF has been seen
  TimePoint now_{};
  std::optional<TimePoint> began_;
  FramingError failed_ = FramingError::kNone;
};

/// The Content-Length of a head (§20.14; compact form `l`), by the same lines as sip::Message sees.
struct Length {
  FramingError error = FramingError::kNone;
  std::size_t bytes = 0;
};
Length content_length(std::string_view head, std::size_t most);

}  // namespace carillon::stream
