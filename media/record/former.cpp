#include "media/record/former.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"

namespace carillon::media {
namespace {

constexpr std::uint32_t kStreamed = 0xFFFFFFFF;  // readers take it as "to the end"
constexpr std::size_t kJunkAt = 36, kJunkSizeAt = 40, kDataAt = Former::kHeaderBytes - 8;
constexpr std::size_t kRiffSizeAt = 4, kDataSizeAt = Former::kHeaderBytes - 4;
constexpr std::uint32_t kFrameSize = 4;  // bytes of one sample of both sides

void little(Former::Header& header, std::size_t at, std::uint32_t value, std::size_t bytes = 4) {
  for (std::size_t i = 0; i < bytes; ++i) header[at + i] = static_cast<std::byte>(value >> (8 * i) & 0xFF);
}

void word(Former::Header& header, std::size_t at, std::string_view id) {
  std::memcpy(header.data() + at, id.data(), id.size());
}

// RIFF, fmt, JUNK up to the last eight bytes, data: the sound begins at 4,096.
Former::Header header_of(std::uint32_t riff_size, std::uint32_t data_size) {
  Former::Header header{};
  word(header, 0, "RIFF");
  little(header, kRiffSizeAt, riff_size);
  word(header, 8, "WAVEfmt ");
  little(header, 16, 16);
  little(header, 20, 1, 2);  // PCM
  little(header, 22, 2, 2);  // left, right
  little(header, 24, kSampleRate);
  little(header, 28, kSampleRate * kFrameSize);
  little(header, 32, kFrameSize, 2);
  little(header, 34, 16, 2);
  word(header, kJunkAt, "JUNK");
  little(header, kJunkSizeAt, kDataAt - (kJunkSizeAt + 4));
  word(header, kDataAt, "data");
  little(header, kDataSizeAt, data_size);
  return header;
}

std::uint32_t whole(std::uint64_t data_bytes) {
  return static_cast<std::uint32_t>(std::min(data_bytes, Former::kDataBytesMax)) / kFrameSize * kFrameSize;
}

/// Both sides of 20 ms, sample by sample, past the cache: nobody here reads them again. `out`: aligned to 16 bytes.
void stream_out(std::span<const std::int16_t> left, std::span<const std::int16_t> right, std::byte* out) {
  static constexpr std::array<std::int16_t, kFrameSamples> kSilent{};
  const std::int16_t* l = left.empty() ? kSilent.data() : left.data();
  const std::int16_t* r = right.empty() ? kSilent.data() : right.data();
  for (std::size_t i = 0; i < kFrameSamples; i += 8, out += 32) {
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(l + i));
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(r + i));
    _mm_stream_si128(reinterpret_cast<__m128i*>(out), _mm_unpacklo_epi16(a, b));
    _mm_stream_si128(reinterpret_cast<__m128i*>(out + 16), _mm_unpackhi_epi16(a, b));
  }
}

bool is_aligned(const std::byte* at) { return reinterpret_cast<std::uintptr_t>(at) % 16 == 0; }

}  // namespace

void Former::start(ByteSpan block) {
  CHECK(block.size() >= kHeaderBytes);
  *this = Former();
  block_ = block;
  const Header open = header_of(kStreamed, kStreamed);
  std::copy(open.begin(), open.end(), block_.begin());
  at_ = kHeaderBytes;
}

// Moves what is owed into the block: the rest of a tick first, then silence. True: the block is full.
bool Former::pour() {
  const std::size_t rest = std::min(kTickBytes - rest_at_, block_.size() - at_);
  std::memcpy(block_.data() + at_, rest_.data() + rest_at_, rest);
  at_ += rest;
  rest_at_ += rest;
  const auto silent = static_cast<std::size_t>(std::min<std::uint64_t>(silent_bytes_, block_.size() - at_));
  std::fill_n(block_.begin() + static_cast<std::ptrdiff_t>(at_), silent, std::byte{0});
  at_ += silent;
  silent_bytes_ -= silent;
  data_bytes_ += rest + silent;
  return at_ == block_.size();
}

bool Former::add(std::span<const std::int16_t> left, std::span<const std::int16_t> right) {
  CHECK(left.empty() || left.size() == kFrameSamples);
  CHECK(right.empty() || right.size() == kFrameSamples);
  CHECK(!block_.empty());
  if (at_ == block_.size()) {
    ++missed_;
    silent_bytes_ += kTickBytes;
    return true;
  }
  const bool owes_nothing = rest_at_ == kTickBytes && silent_bytes_ == 0;
  if (owes_nothing && block_.size() - at_ >= kTickBytes && is_aligned(block_.data() + at_)) {
    stream_out(left, right, block_.data() + at_);
    at_ += kTickBytes;
    data_bytes_ += kTickBytes;
    return at_ == block_.size();
  }
  for (std::size_t i = 0; i < kFrameSamples; ++i) {
    const auto l = static_cast<std::uint16_t>(left.empty() ? 0 : left[i]);
    const auto r = static_cast<std::uint16_t>(right.empty() ? 0 : right[i]);
    const std::byte both[] = {std::byte(l & 0xFF), std::byte(l >> 8), std::byte(r & 0xFF), std::byte(r >> 8)};
    std::memcpy(rest_.data() + kFrameSize * i, both, sizeof both);
  }
  rest_at_ = 0;
  return pour();
}

bool Former::next(ByteSpan block) {
  CHECK(at_ == block_.size());
  CHECK(!block.empty());
  block_ = block;
  at_ = 0;
  return pour();
}

Former::Header Former::header(std::uint64_t data_bytes) {
  const std::uint32_t data = whole(data_bytes);
  return header_of(data + kHeaderBytes - 8, data);
}

std::optional<Former::Header> Former::repair(ByteView head, std::uint64_t file_size) {
  const Header open = header_of(kStreamed, kStreamed);
  for (std::size_t i = 0; i < std::min(head.size(), kHeaderBytes); ++i) {
    const bool is_size = (i >= kRiffSizeAt && i < kRiffSizeAt + 4) || i >= kDataSizeAt;
    if (!is_size && head[i] != open[i]) return std::nullopt;
  }
  return header(file_size > kHeaderBytes ? file_size - kHeaderBytes : 0);
}

}  // namespace carillon::media
