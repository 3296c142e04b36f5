// The server's side of a WebSocket over any bytes: any split gives the same events, nothing is larger than its limit,
// and what is written back is read the same. The first byte of the input chooses the split and what is read.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/random.h"
#include "engine/stream/websocket.h"

namespace carillon::stream {
namespace {

using Kind = SocketEvent::Kind;
constexpr SocketLimits kLimits{.message_max = 2048, .fragments_max = 16};

struct Seen {
  Kind kind;
  Opcode opcode;
  std::uint16_t code;
  std::string bytes;
  bool operator==(const Seen&) const = default;
};

void look_at(const SocketEvent& event) {
  CHECK(event.bytes.size() <= kLimits.message_max);
  if (event.kind == Kind::kPing || event.kind == Kind::kPong) CHECK(event.bytes.size() <= 125);
  if (event.kind == Kind::kMessage && event.opcode == Opcode::kText) CHECK(is_utf8(text_of(event.bytes)));
  if (event.kind == Kind::kBroken) CHECK(event.code == 1002 || event.code == 1007 || event.code == 1009);
  std::string written;
  write_frame(written, Opcode::kBinary, event.bytes);
  CHECK(written.size() == event.bytes.size() + frame_head_size(event.bytes.size()));
}

std::vector<Seen> read(ByteView wire, std::size_t most, std::uint64_t seed) {
  SocketReader reader(kLimits);
  Random random(seed);
  std::vector<Seen> all;
  while (!wire.empty()) {
    const std::size_t size = std::min<std::size_t>(wire.size(), 1 + random.below(most));
    const std::vector<std::byte> part(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(size));
    reader.add(part, TimePoint{});
    for (auto event = reader.next(); event.kind != Kind::kNothing; event = reader.next()) {
      look_at(event);
      all.push_back({event.kind, event.opcode, event.code, std::string(text_of(event.bytes))});
    }
    wire = wire.subspan(size);
  }
  return all;
}

void read_request(std::string_view text) {
  const Upgrade whole = read_upgrade(text, {"https://phone.example.com"});
  CHECK(whole.consumed <= text.size());
  CHECK((whole.verdict == Upgrade::Verdict::kIncomplete) == whole.answer.empty());
  if (whole.verdict != Upgrade::Verdict::kAccepted) return;
  // what follows the request changes nothing, and no part of it is enough
  const Upgrade alone = read_upgrade(text.substr(0, whole.consumed), {"https://phone.example.com"});
  CHECK(alone.answer == whole.answer);
  CHECK(read_upgrade(text.substr(0, whole.consumed - 1), {}).verdict == Upgrade::Verdict::kIncomplete);
}

}  // namespace
}  // namespace carillon::stream

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  if (size == 0) return 0;
  const ByteView wire = std::as_bytes(std::span(data + 1, size - 1));
  if (data[0] == 'G') {
    stream::read_request(text_of(wire));
    return 0;
  }
  const auto whole = stream::read(wire, 1u << 20, 0);
  CHECK(stream::read(wire, 1, 0) == whole);
  CHECK(stream::read(wire, 2 + data[0] % 64u, data[0]) == whole);
  return 0;
}
