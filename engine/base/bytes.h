#pragma once
// Views of bytes, and the reader and writer that every wire format here uses. Network byte order throughout.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace carillon {

using ByteView = std::span<const std::byte>;
using ByteSpan = std::span<std::byte>;

inline ByteView bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view text_of(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// To the front of `to`, which has room for it. (std::ranges::copy moves a byte at a time here.)
inline void copy(ByteView from, ByteSpan to) {
  if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
}

/// Fetches the cache lines of `size` bytes from here on, for a use to come.
inline void prefetch(const void* at, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(at);
  const std::byte* end = bytes + size;
  for (bytes -= reinterpret_cast<std::uintptr_t>(at) % 64; bytes < end; bytes += 64) __builtin_prefetch(bytes);
}

/// Reads big-endian fields from untrusted bytes. Past the end it yields zeros and stays failed, so a parser reads as
/// the diagram does and checks once.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u24() { return static_cast<std::uint32_t>(number(3)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  ByteView take(std::size_t count) {
    if (failed_ || count > left()) {
      failed_ = true;
      return {};
    }
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }
  void skip(std::size_t count) { (void)take(count); }
  ByteView rest() { return take(left()); }
  std::size_t left() const { return bytes_.size() - at_; }
  std::size_t position() const { return at_; }
  bool failed() const { return failed_; }

 private:
  std::uint64_t number(std::size_t count) {
    std::uint64_t value = 0;
    for (const std::byte byte : take(count)) value = value << 8 | static_cast<std::uint8_t>(byte);
    return value;
  }

  ByteView bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

/// Writes big-endian fields into a fixed buffer. Past the end it writes nothing and stays failed.
class ByteWriter {
 public:
  explicit ByteWriter(ByteSpan bytes) : bytes_(bytes) {}

  void u8(std::uint8_t value) { number(value, 1); }
  void u16(std::uint16_t value) { number(value, 2); }
  void u24(std::uint32_t value) { number(value, 3); }
  void u32(std::uint32_t value) { number(value, 4); }
  void u64(std::uint64_t value) { number(value, 8); }
  void put(ByteView part) {
    if (failed_ || part.size() > bytes_.size() - at_) {
      failed_ = true;
      return;
    }
    std::copy(part.begin(), part.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += part.size();
  }
  void put(std::string_view text) { put(bytes_of(text)); }
  std::size_t size() const { return at_; }
  bool failed() const { return failed_; }
  ByteView written() const { return bytes_.first(at_); }

 private:
  void number(std::uint64_t value, std::size_t count) {
    if (failed_ || count > bytes_.size() - at_) {
      failed_ = true;
      return;
    }
    for (std::size_t i = 0; i < count; ++i)
      bytes_[at_ + i] = static_cast<std::byte>(value >> (8 * (count - 1 - i)) & 0xFF);
    at_ += count;
  }

  ByteSpan bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace carillon
