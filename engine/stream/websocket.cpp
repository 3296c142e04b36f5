#include "engine/stream/websocket.h"

#include <algorithm>
#include <array>

namespace carillon::stream {
namespace {

constexpr std::size_t kControlMax = 125;  // §5.5

// §7.4: what may stand in a close frame.
bool is_close_code(std::uint16_t code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

void unmask(std::string_view masked, std::uint32_t mask, std::string& out) {
  const std::array<char, 4> key{static_cast<char>(mask >> 24), static_cast<char>(mask >> 16),
                                static_cast<char>(mask >> 8), static_cast<char>(mask)};
  const std::size_t from = out.size();
  out.resize(from + masked.size());
  for (std::size_t i = 0; i < masked.size(); ++i) out[from + i] = static_cast<char>(masked[i] ^ key[i % 4]);
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i++]);
    if (byte < 0x80) continue;
    const std::size_t more = byte >= 0xC2 && byte < 0xE0   ? 1
                             : byte >= 0xE0 && byte < 0xF0 ? 2
                             : byte >= 0xF0 && byte < 0xF5 ? 3
                                                           : 0;
    if (more == 0 || text.size() - i < more) return false;
    for (std::size_t k = 0; k < more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      // the first continuation shows overlong forms, surrogates and what lies past U+10FFFF
      unsigned low = 0x80, high = 0xBF;
      if (k == 0 && byte == 0xE0) low = 0xA0;
      if (k == 0 && byte == 0xED) high = 0x9F;
      if (k == 0 && byte == 0xF0) low = 0x90;
      if (k == 0 && byte == 0xF4) high = 0x8F;
      if (next < low || next > high) return false;
    }
    i += more;
  }
  return true;
}

std::size_t frame_head_size(std::size_t payload) { return payload < 126 ? 2 : payload <= 0xFFFF ? 4 : 10; }

void write_frame(std::string& out, Opcode opcode, ByteView payload) {
  out.push_back(static_cast<char>(0x80 | static_cast<int>(opcode)));
  const std::size_t size = payload.size();
  int bytes = 0;
  if (size < 126) {
    out.push_back(static_cast<char>(size));
  } else if (size <= 0xFFFF) {
    out.push_back(126);
    bytes = 2;
  } else {
    out.push_back(127);
    bytes = 8;
  }
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(size >> (8 * i)));
  out.append(text_of(payload));
}

void SocketReader::add(ByteView bytes, TimePoint now) {
  now_ = now;
  in_.append(text_of(bytes));
}

// One frame's head (§5.2). A length is judged before its bytes are waited for.
SocketReader::Reading SocketReader::read_head(std::string_view bytes, Head& head) {
  if (bytes.size() < 2) return Reading::kShort;
  const auto first = static_cast<unsigned char>(bytes[0]), second = static_cast<unsigned char>(bytes[1]);
  head.opcode = static_cast<Opcode>(first & 0x0F);
  head.is_last = (first & 0x80) != 0;
  const bool is_control = (first & 0x08) != 0;
  const bool is_known = (first & 0x0F) <= 2 || ((first & 0x0F) >= 8 && (first & 0x0F) <= 10);
  code_ = 1002;
  // extensions were not agreed on; a client's frames are masked; a control frame is whole and short
  if ((first & 0x70) != 0 || !is_known || (second & 0x80) == 0) return Reading::kBroken;
  std::uint64_t length = second & 0x7F;
  if (is_control && (!head.is_last || length > kControlMax)) return Reading::kBroken;
  if (!is_control && (head.opcode == Opcode::kContinuation) != is_fragmented_) return Reading::kBroken;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  ByteReader in(bytes_of(bytes.substr(2)));
  if (extended == 2) length = in.u16();
  if (extended == 8) length = in.u64();
  if (in.failed()) return Reading::kShort;
  if ((extended == 2 && length < 126) || (extended == 8 && (length <= 0xFFFF || length >> 63 != 0)))
    return Reading::kBroken;
  if (!is_control && (length > limits_.message_max || message_.size() + length > limits_.message_max)) {
    code_ = 1009;
    return Reading::kBroken;
  }
  head.mask = in.u32();
  if (in.failed()) return Reading::kShort;
  head.from = 2 + extended + 4;
  head.size = head.from + static_cast<std::size_t>(length);
  return bytes.size() < head.size ? Reading::kShort : Reading::kWhole;
}

SocketEvent SocketReader::broken(std::uint16_t code) {
  is_over_ = true;
  has_begun_ = false;
  return {.kind = SocketEvent::Kind::kBroken, .code = code};
}

SocketEvent SocketReader::control(const Head& head, std::string_view payload) {
  control_.clear();
  unmask(payload, head.mask, control_);
  if (head.opcode == Opcode::kPing) return {.kind = SocketEvent::Kind::kPing, .bytes = bytes_of(control_)};
  if (head.opcode == Opcode::kPong) return {.kind = SocketEvent::Kind::kPong, .bytes = bytes_of(control_)};
  is_over_ = true;
  has_begun_ = false;
  if (control_.empty()) return {.kind = SocketEvent::Kind::kClose, .code = 1000};
  ByteReader in(bytes_of(control_));
  const std::uint16_t code = in.u16();
  if (in.failed() || !is_close_code(code)) return broken(1002);
  if (!is_utf8(text_of(in.rest()))) return broken(1007);
  return {.kind = SocketEvent::Kind::kClose, .code = code};
}

SocketEvent SocketReader::nothing() {
  in_.erase(0, at_);
  at_ = 0;
  if (in_.empty()) std::string().swap(in_);
  const bool is_within = is_fragmented_ || !in_.empty();
  if (is_within && !has_begun_) began_ = now_;
  has_begun_ = is_within;
  return {};
}

SocketEvent SocketReader::next() {
  if (is_over_) return {};
  if (is_handed_out_) {
    is_handed_out_ = false;
    std::string().swap(message_);
  }
  for (;;) {
    const auto bytes = std::string_view(in_).substr(at_);
    Head head;
    switch (read_head(bytes, head)) {
      case Reading::kBroken:
        return broken(code_);
      case Reading::kShort:
        return nothing();
      case Reading::kWhole:
        break;
    }
    at_ += head.size;
    const auto payload = bytes.substr(head.from, head.size - head.from);
    if (static_cast<int>(head.opcode) >= 8) return control(head, payload);
    if (!is_fragmented_) opcode_ = head.opcode, fragments_ = 0;
    if (++fragments_ > limits_.fragments_max) return broken(1009);
    unmask(payload, head.mask, message_);
    if (!is_fragmented_ && !has_begun_) began_ = now_;
    is_fragmented_ = !head.is_last;
    has_begun_ = is_fragmented_;
    if (is_fragmented_) continue;
    is_handed_out_ = true;
    if (opcode_ == Opcode::kText && !is_utf8(message_)) return broken(1007);
    return {.kind = SocketEvent::Kind::kMessage, .opcode = opcode_, .bytes = bytes_of(message_)};
  }
}

}  // namespace carillon::stream
