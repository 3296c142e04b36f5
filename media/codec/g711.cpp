// G.711 by the register, not by table: what a code stands for is a mantissa times a power of two, and the power is a
// look-up of eight bytes (pshufb). The file is compiled once per instruction set (foreach_target) and the best one that
// this processor has is chosen at the first call. All of them come to the very bits of g711_laws.h.

#include "media/codec/g711.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/base/check.h"
#include "media/codec/g711_laws.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "media/codec/g711.cpp"
#include "media/simd.h"
// simd.h comes first: it names the instruction sets
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace carillon::media::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

template <std::uint8_t (*kCode)(int)>
void encode_each(const std::int16_t* in, std::uint8_t* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = kCode(in[i]);
}
template <std::int16_t (*kSample)(std::uint8_t)>
void decode_each(const std::uint8_t* in, std::int16_t* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = kSample(in[i]);
}
void encode_ulaw(const std::int16_t* in, std::uint8_t* out, std::size_t count) {
  encode_each<g711::ulaw_code>(in, out, count);
}
void encode_alaw(const std::int16_t* in, std::uint8_t* out, std::size_t count) {
  encode_each<g711::alaw_code>(in, out, count);
}
void decode_ulaw(const std::uint8_t* in, std::int16_t* out, std::size_t count) {
  decode_each<g711::ulaw_sample>(in, out, count);
}
void decode_alaw(const std::uint8_t* in, std::int16_t* out, std::size_t count) {
  decode_each<g711::alaw_sample>(in, out, count);
}
void renumber(const std::uint8_t* in, std::uint8_t* out, std::size_t count, const std::uint8_t* numbers,
              std::uint8_t from, std::uint8_t to) {
  for (std::size_t i = 0; i < count; ++i) {
    const int bits = in[i] ^ from;
    out[i] = static_cast<std::uint8_t>((numbers[bits & 0x7F] | (bits & 0x80)) ^ to);
  }
}

#else

namespace hn = hwy::HWY_NAMESPACE;

using Samples = hn::ScalableTag<std::int16_t>;
using Words = hn::RebindToUnsigned<Samples>;
using Bytes = hn::Repartition<std::uint8_t, Samples>;  // as many bits
using Codes = hn::Rebind<std::uint8_t, Samples>;       // as many lanes
using VSamples = hn::Vec<Samples>;
using VWords = hn::Vec<Words>;
using VCodes = hn::Vec<Codes>;

struct alignas(16) Nibbles {
  std::uint8_t of[16];
};

VWords look_up(const Nibbles& table, VWords index) {  // the upper byte of each result is table.of[0]
  const Bytes bytes;
  return hn::BitCast(Words(), hn::TableLookupBytes(hn::LoadDup128(bytes, table.of), hn::BitCast(bytes, index)));
}
VCodes look_up_codes(const Nibbles& table, VCodes index) {  // 0..7
  return hn::TableLookupBytes(hn::LoadDup128(Codes(), table.of), index);
}

// The segment from the bits above its lowest, by halves; what is shifted up by it has its mantissa in bits 10..13.
struct Segments {
  Nibbles low, high, shift;
};
constexpr Segments kUlaw = {{{0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3}},
                            {{0, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7}},
                            {{128, 64, 32, 16, 8, 4, 2, 1}}};
constexpr Segments kAlaw = {
    {{0, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4}}, {{0, 5, 6, 6, 7, 7, 7, 7}}, {{64, 64, 32, 16, 8, 4, 2, 1}}};

VWords number_of(const Segments& segments, VWords magnitude, VWords top) {
  const Words d;
  const VWords segment =
      hn::Max(look_up(segments.low, hn::And(top, hn::Set(d, 15))), look_up(segments.high, hn::ShiftRight<4>(top)));
  const VWords shift = hn::And(look_up(segments.shift, segment), hn::Set(d, 0xFF));
  const VWords mantissa = hn::And(hn::ShiftRight<10>(hn::Mul(magnitude, shift)), hn::Set(d, 15));
  return hn::Or(hn::ShiftLeft<4>(segment), mantissa);
}

VCodes code_of(VWords number, VSamples negative, std::uint16_t invert) {
  const Words d;
  const VWords sign = hn::And(hn::BitCast(d, negative), hn::Set(d, 0x80));
  const VWords code = hn::Xor(hn::Or(number, sign), hn::Set(d, invert));
  return hn::DemoteTo(Codes(), hn::BitCast(Samples(), code));
}

struct EncodeUlaw {
  VCodes operator()(VSamples sample) const {
    const Words d;
    const VSamples negative = hn::BroadcastSignBit(sample);
    const VWords magnitude = hn::BitCast(d, hn::Sub(hn::Xor(sample, negative), negative));  // 32768 is one, unsigned
    const VWords biased = hn::Min(hn::Add(magnitude, hn::Set(d, 132)), hn::Set(d, 32767));
    return code_of(number_of(kUlaw, biased, hn::ShiftRight<7>(biased)), negative, g711::kUlawInvert);
  }
};

struct EncodeAlaw {
  VCodes operator()(VSamples sample) const {
    const VSamples negative = hn::BroadcastSignBit(sample);
    const VWords magnitude = hn::BitCast(Words(), hn::Xor(sample, negative));
    return code_of(number_of(kAlaw, magnitude, hn::ShiftRight<8>(magnitude)), negative, g711::kAlawInvert);
  }
};

VSamples with_sign_of(VCodes code, VWords magnitude) {
  const Samples d;
  const hn::Rebind<std::int8_t, Samples> codes;
  const VSamples negative = hn::Not(hn::BroadcastSignBit(hn::PromoteTo(d, hn::BitCast(codes, code))));
  return hn::Sub(hn::Xor(hn::BitCast(d, magnitude), negative), negative);
}

struct DecodeUlaw {
  VSamples operator()(VCodes code) const {
    static constexpr Nibbles kPower = {{1, 2, 4, 8, 16, 32, 64, 128}};
    const Codes d;
    const Words words;
    // all bits inverted: AndNot, for g++ makes of Not an instruction that waits for the turn before
    const VCodes segment = hn::AndNot(hn::ShiftRight<4>(code), hn::Set(d, 7));
    const VCodes step = hn::Add(hn::ShiftLeft<3>(hn::AndNot(code, hn::Set(d, 15))), hn::Set(d, 132));
    const VWords power = hn::PromoteTo(words, look_up_codes(kPower, segment));
    return with_sign_of(code, hn::Sub(hn::Mul(hn::PromoteTo(words, step), power), hn::Set(words, 132)));
  }
};

struct DecodeAlaw {
  VSamples operator()(VCodes code) const {
    static constexpr Nibbles kPower = {{1, 1, 2, 4, 8, 16, 32, 64}}, kOver = {{0, 1, 1, 1, 1, 1, 1, 1}};
    const Codes d;
    const Words words;
    const VCodes number = hn::Xor(code, hn::Set(d, g711::kAlawInvert));
    const VCodes segment = hn::And(hn::ShiftRight<4>(number), hn::Set(d, 7));
    const VCodes step = hn::Add(hn::ShiftLeft<4>(hn::And(number, hn::Set(d, 15))), hn::Set(d, 8));
    const VWords over = hn::ShiftLeft<8>(hn::PromoteTo(words, look_up_codes(kOver, segment)));
    const VWords power = hn::PromoteTo(words, look_up_codes(kPower, segment));
    return with_sign_of(code, hn::Mul(hn::Or(hn::PromoteTo(words, step), over), power));
  }
};

// By whole registers; what is left over goes through a padded one.
template <class From, class To, class Law>
void each(const hn::TFromD<From>* in, hn::TFromD<To>* out, std::size_t count, const Law& law) {
  const From from;
  const To to;
  const std::size_t lanes = hn::Lanes(from);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(law(hn::LoadU(from, in + i)), to, out + i);
  if (i == count) return;
  HWY_ALIGN hn::TFromD<From> rest[HWY_MAX_BYTES] = {};
  HWY_ALIGN hn::TFromD<To> result[HWY_MAX_BYTES];
  std::memcpy(rest, in + i, (count - i) * sizeof *in);
  hn::Store(law(hn::Load(from, rest)), to, result);
  std::memcpy(out + i, result, (count - i) * sizeof *out);
}

void encode_ulaw(const std::int16_t* in, std::uint8_t* out, std::size_t count) {
  each<Samples, Codes>(in, out, count, EncodeUlaw());
}
void encode_alaw(const std::int16_t* in, std::uint8_t* out, std::size_t count) {
  each<Samples, Codes>(in, out, count, EncodeAlaw());
}
void decode_ulaw(const std::uint8_t* in, std::int16_t* out, std::size_t count) {
  each<Codes, Samples>(in, out, count, DecodeUlaw());
}
void decode_alaw(const std::uint8_t* in, std::int16_t* out, std::size_t count) {
  each<Codes, Samples>(in, out, count, DecodeAlaw());
}

// A table of 128 bytes is eight of 16: an index that is not within a part is brought above 127, where pshufb gives 0.
struct Renumber {
  const std::uint8_t* numbers;
  std::uint8_t from, to;

  hn::Vec<Bytes> operator()(hn::Vec<Bytes> code) const {
    const Bytes d;
    const auto bits = hn::Xor(code, hn::Set(d, from));
    auto index = hn::And(bits, hn::Set(d, 0x7F));
    auto result = hn::Xor(hn::And(bits, hn::Set(d, 0x80)), hn::Set(d, to));
    for (std::size_t part = 0; part < 128; part += 16) {
      const auto within = hn::SaturatedAdd(index, hn::Set(d, 0x70));
      result = hn::Xor(result, hn::TableLookupBytesOr0(hn::LoadDup128(d, numbers + part), within));
      index = hn::Sub(index, hn::Set(d, 16));
    }
    return result;
  }
};

void renumber(const std::uint8_t* in, std::uint8_t* out, std::size_t count, const std::uint8_t* numbers,
              std::uint8_t from, std::uint8_t to) {
  each<Bytes, Bytes>(in, out, count, Renumber{numbers, from, to});
}

#endif

}  // namespace
}  // namespace carillon::media::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace carillon::media {
namespace {

HWY_EXPORT(encode_ulaw);
HWY_EXPORT(encode_alaw);
HWY_EXPORT(decode_ulaw);
HWY_EXPORT(decode_alaw);
HWY_EXPORT(renumber);

static_assert(std::byte{g711::ulaw_code(0)} == silence(Codec::kPcmu));
static_assert(std::byte{g711::alaw_code(0)} == silence(Codec::kPcma));

const std::uint8_t* octets(ByteView bytes) { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }
std::uint8_t* octets(ByteSpan bytes) { return reinterpret_cast<std::uint8_t*>(bytes.data()); }

}  // namespace

void encode(Codec codec, std::span<const std::int16_t> in, ByteSpan out) {
  CHECK(in.size() == out.size());
  if (codec == Codec::kPcmu)
    HWY_DYNAMIC_DISPATCH(encode_ulaw)(in.data(), octets(out), in.size());
  else
    HWY_DYNAMIC_DISPATCH(encode_alaw)(in.data(), octets(out), in.size());
}

void decode(Codec codec, ByteView in, std::span<std::int16_t> out) {
  CHECK(in.size() == out.size());
  if (codec == Codec::kPcmu)
    HWY_DYNAMIC_DISPATCH(decode_ulaw)(octets(in), out.data(), in.size());
  else
    HWY_DYNAMIC_DISPATCH(decode_alaw)(octets(in), out.data(), in.size());
}

void transcode(Codec from, Codec to, ByteView in, ByteSpan out) {
  CHECK(in.size() == out.size());
  if (from == to) {
    if (!in.empty()) std::memmove(out.data(), in.data(), in.size());
  } else if (from == Codec::kPcmu) {
    HWY_DYNAMIC_DISPATCH(renumber)
    (octets(in), octets(out), in.size(), g711::kUlawToAlaw.data(), g711::kUlawInvert, g711::kAlawInvert);
  } else {
    HWY_DYNAMIC_DISPATCH(renumber)
    (octets(in), octets(out), in.size(), g711::kAlawToUlaw.data(), g711::kAlawInvert, g711::kUlawInvert);
  }
}

}  // namespace carillon::media
#endif
