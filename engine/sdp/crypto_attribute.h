#pragma once
// "a=crypto": keys for SRTP that travel in the description itself (SDES, RFC 4568; GCM: RFC 7714 §14.2). Read and
// written here; whether the signalling is safe enough to carry them is the leg's question. Pure, nothing allocates.

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/fixed_text.h"
#include "engine/base/result.h"

namespace carillon::sdp {

/// Those that engine/rtp/srtp.h speaks, in its order: the numbers are the same.
enum class CryptoSuite : std::uint8_t { kAesCm128Sha1_80, kAesCm128Sha1_32, kAesGcm128, kAesGcm256 };
std::string_view name(CryptoSuite suite);  ///< "AES_CM_128_HMAC_SHA1_80" …

struct CryptoSizes {
  std::size_t key, salt;
};
constexpr CryptoSizes sizes_of(CryptoSuite suite) {
  switch (suite) {
    case CryptoSuite::kAesCm128Sha1_80:
    case CryptoSuite::kAesCm128Sha1_32:
      return {16, 14};
    case CryptoSuite::kAesGcm128:
      return {16, 12};
    case CryptoSuite::kAesGcm256:
      return {32, 12};
  }
  return {};
}

/// Why a line is not for us. The offerer may have others: go on with the next.
enum class CryptoError : std::uint8_t {
  kSyntax,     ///< not tag, suite and key, or the key is not base64 of the right length
  kSuite,      ///< a suite that we don't speak
  kKeyMethod,  ///< not "inline"
  kManyKeys,   ///< several keys, which takes an MKI to tell apart (RFC 4568 §6.1)
  kMki,        ///< a master key identifier, even one: srtp.h has none in its packets
  kLifetime,   ///< a lifetime too short to hold a call: below 2^20 packets (six hours of RTP)
  kParameter,  ///< a session parameter that must be understood and is not (KDR, FEC_ORDER, FEC_KEY, unencrypted RTP …)
};
std::string_view name(CryptoError error);

/// One line. Holds a key: wiped by its owner.
struct Crypto {
  std::uint32_t tag = 1;  ///< 1…999999999; an answer repeats the offer's
  CryptoSuite suite = CryptoSuite::kAesCm128Sha1_80;
  std::array<std::byte, 46> material{};  ///< key, then salt
  bool encrypts_rtcp = true;             ///< false: UNENCRYPTED_SRTCP (§6.3.2)

  ByteView key() const { return ByteView(material).first(sizes_of(suite).key); }
  ByteView salt() const { return ByteView(material).subspan(sizes_of(suite).key, sizes_of(suite).salt); }
};

/// Reads what stands behind "a=crypto:" (RFC 4568 §9.1). Suites by any case, base64 with or without its padding, as
/// they are seen in the wild. A lifetime of 2^20 packets or more is taken and no more thought of: srtp.h ends a key
/// long after a call has ended. WSH (§6.3.7) is a hint and skipped; other session parameters end it, as §6.3 demands.
Result<Crypto, CryptoError> parse_crypto(std::string_view value);

/// What stands behind "a=crypto:". No lifetime, no MKI: both have good defaults (2^48 packets, none).
using CryptoText = FixedText<128>;
CryptoText write(const Crypto& crypto);

}  // namespace carillon::sdp
