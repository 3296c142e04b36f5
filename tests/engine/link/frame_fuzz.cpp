// Two readers, one fed at once and one in pieces that the input itself chooses, agree on every frame.

#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/link/wire/frame.h"

using namespace carillon;

namespace {

bool drain(link::FrameReader& reader, std::vector<std::string>& frames) {
  for (;;) {
    const auto frame = reader.next();
    if (!frame) return false;
    if (!*frame) return true;
    frames.emplace_back(**frame);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView wire = std::as_bytes(std::span(data, size));
  link::FrameReader whole, pieces;
  std::vector<std::string> first, second;
  whole.push(wire);
  const bool is_well = drain(whole, first);
  bool is_still_well = true;
  for (std::size_t at = 0; at < size && is_still_well;) {
    const std::size_t step = std::min<std::size_t>(1 + data[at] % 7, size - at);
    pieces.push(wire.subspan(at, step));
    is_still_well = drain(pieces, second);
    at += step;
  }
  CHECK(is_well == is_still_well);
  CHECK(first == second);
  for (const auto& frame : first) CHECK(frame.size() <= link::kFrameMax);
  return 0;
}
