// Any split of a stream gives the same messages, pings and error, each inside its limits. The first byte of the input
// chooses how the rest is split.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/random.h"
#include "engine/stream/framer.h"

namespace carillon::stream {
namespace {

constexpr FramerLimits kLimits{.message_max = 2048, .head_max = 512};

struct Seen {
  std::vector<std::string> messages;
  FramingError error = FramingError::kNone;
  std::string refused;
  int pings = 0;
  bool is_within = false;
  bool operator==(const Seen&) const = default;
};

void drain(Framer& framer, Seen& seen) {
  for (Frame frame = framer.next(); frame.kind != Frame::Kind::kNothing; frame = framer.next()) {
    CHECK(frame.bytes.size() <= kLimits.message_max);
    if (frame.kind == Frame::Kind::kMessage) {
      const std::string message(text_of(frame.bytes));
      // read alone it is the same message
      Framer alone(kLimits);
      alone.add(bytes_of(message), TimePoint{});
      CHECK(text_of(alone.next().bytes) == message);
      CHECK(alone.next().kind == Frame::Kind::kNothing);
      CHECK(!alone.is_within_message());
      seen.messages.push_back(message);
    } else if (frame.kind == Frame::Kind::kPing) {
      ++seen.pings;
    } else {
      CHECK(seen.error == FramingError::kNone);
      seen.error = frame.error;
      seen.refused = text_of(frame.bytes);
    }
  }
}

// `most` bytes at a time, drawn between 1 and it.
Seen read(ByteView wire, std::size_t most, std::uint64_t seed) {
  Framer framer(kLimits);
  Random random(seed);
  Seen seen;
  while (!wire.empty()) {
    const std::size_t size = std::min<std::size_t>(wire.size(), 1 + random.below(most));
    // a copy of its own, so that a view that outlives its read is found
    const std::vector<std::byte> part(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(size));
    framer.add(part, TimePoint{});
    drain(framer, seen);
    CHECK(framer.held() <= kLimits.message_max);
    wire = wire.subspan(size);
  }
  seen.is_within = framer.is_within_message();
  return seen;
}

}  // namespace
}  // namespace carillon::stream

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  if (size == 0) return 0;
  const ByteView wire = std::as_bytes(std::span(data + 1, size - 1));
  // head_max is a limit on what is known, and a whole read is known at once: both ways refuse the same head
  const auto whole = stream::read(wire, 1u << 20, 0);
  CHECK(stream::read(wire, 1, 0) == whole);
  CHECK(stream::read(wire, 2 + data[0] % 64u, data[0]) == whole);
  return 0;
}
