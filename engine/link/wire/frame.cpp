#include "engine/link/wire/frame.h"

#include <google/protobuf/message_lite.h>

#include <array>

namespace carillon::link {
namespace {

constexpr std::size_t kHead = 4;

std::size_t length_at(std::string_view bytes) {
  ByteReader in(bytes_of(bytes));
  return in.u32();
}

}  // namespace

void FrameReader::push(ByteView bytes) {
  buffer_.erase(0, at_);  // what next() has given out
  at_ = 0;
  buffer_.append(text_of(bytes));
}

Result<std::optional<std::string_view>, FrameError> FrameReader::next() {
  const std::string_view left = std::string_view(buffer_).substr(at_);
  if (left.size() < kHead) return std::optional<std::string_view>{};
  const std::size_t length = length_at(left);
  if (length > kFrameMax) return FrameError::kTooLong;  // at_ stays: it is still there the next time
  if (left.size() - kHead < length) return std::optional<std::string_view>{};
  at_ += kHead + length;
  return std::optional(left.substr(kHead, length));
}

namespace {

void append_head(std::string& out, std::size_t length) {
  std::array<std::byte, kHead> head;
  ByteWriter(head).u32(static_cast<std::uint32_t>(length));
  out.append(text_of(head));
}

}  // namespace

bool append_frame(std::string& out, std::string_view message) {
  if (message.size() > kFrameMax) return false;
  append_head(out, message.size());
  out.append(message);
  return true;
}

bool append_frame(std::string& out, const google::protobuf::MessageLite& message) {
  const std::size_t length = message.ByteSizeLong();
  if (length > kFrameMax) return false;
  append_head(out, length);
  return message.AppendToString(&out);
}

}  // namespace carillon::link
