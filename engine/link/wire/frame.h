#pragma once
// Frames of the engine link: 4 bytes big-endian length, then one protobuf message. Both ends use this.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/result.h"

namespace google::protobuf {
class MessageLite;
}

namespace carillon::link {

inline constexpr std::size_t kFrameMax = 16u << 20;  ///< bytes of a message; a longer one ends the connection

enum class FrameError : std::uint8_t { kTooLong };

/// Cuts a byte stream into frames, however it was split on the way.
///
/// Memory   at most one frame plus what the last push() brought.
/// Error    a length above kFrameMax: the stream cannot be trusted any more; every later next() says the same.
class FrameReader {
 public:
  void push(ByteView bytes);
  /// The next whole message, empty when more bytes are needed. The view lives until the next push() or next().
  Result<std::optional<std::string_view>, FrameError> next();
  /// Bytes that wait for the rest of their frame.
  std::size_t waiting() const { return buffer_.size() - at_; }

 private:
  std::string buffer_;
  std::size_t at_ = 0;
};

/// Appends one frame to `out`. False, and `out` unchanged, when the message is longer than kFrameMax.
bool append_frame(std::string& out, const google::protobuf::MessageLite& message);

/// The same for a message that is serialised already.
bool append_frame(std::string& out, std::string_view message);

}  // namespace carillon::link
