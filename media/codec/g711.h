#pragma once

#include <cstdint>
#include <span>

#include "engine/base/bytes.h"

namespace carillon::media {

/// What a leg may speak. The values are array indices; RTP's static payload types are `payload_type`.
enum class Codec : std::uint8_t { kPcmu, kPcma };
inline constexpr std::size_t kCodecs = 2;

/// RFC 3551 §6: PCMU 0, PCMA 8.
constexpr std::uint8_t payload_type(Codec codec) { return codec == Codec::kPcmu ? 0 : 8; }
/// "PCMU", "PCMA", as SDP writes them.
constexpr const char* name(Codec codec) { return codec == Codec::kPcmu ? "PCMU" : "PCMA"; }
/// The code of sample 0.
constexpr std::byte silence(Codec codec) { return codec == Codec::kPcmu ? std::byte{0xFF} : std::byte{0xD5}; }

/// ITU-T G.711, 16 to 32 samples at a time by the best instruction set of this processor. 16-bit linear samples are
/// left-justified: µ-law uses the upper 14 bits, A-law the upper 12. A-law codes have their even bits inverted, as on
/// the wire. `in` and `out` have the same number of samples, any, and may not overlap. Cost per frame: README.md.
void encode(Codec codec, std::span<const std::int16_t> in, ByteSpan out);
void decode(Codec codec, ByteView in, std::span<std::int16_t> out);

/// µ-law ↔ A-law by the conversion tables of G.711 (tables 3 and 4), without going through linear. `in` and `out` have
/// the same size and may be the same bytes. Same codec on both sides: a copy.
void transcode(Codec from, Codec to, ByteView in, ByteSpan out);

}  // namespace carillon::media
