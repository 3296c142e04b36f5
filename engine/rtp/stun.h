#pragma once
// STUN messages as ICE uses them (RFC 8489; RFC 5389 on the wire is the same): reading, proving, writing. Pure: views
// into one datagram in, one datagram out. ice_lite.h decides what to answer.
//
// Read are the attributes that connectivity checks carry (RFC 8445 §7.1, RFC 8489 §14). Not done: long-term
// credentials, MESSAGE-INTEGRITY-SHA256 (no ICE agent sends it; to us it is an attribute that we don't know: 420),
// the classic STUN of RFC 3489 without the magic cookie.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/endpoint.h"
#include "engine/base/result.h"

namespace carillon::rtp {

inline constexpr std::uint32_t kStunCookie = 0x2112'A442;
inline constexpr std::uint16_t kStunBinding = 0x001;  ///< the one method that ICE has
inline constexpr std::size_t kStunHeaderSize = 20;
inline constexpr std::size_t kStunSizeMax = 1280;     ///< longer ones are refused; checks take about 100 bytes
inline constexpr std::size_t kStunUsernameMax = 513;  ///< RFC 8489 §14.3
inline constexpr std::size_t kStunUnknownMax = 8;     ///< unknown attributes that a 420 names

enum class StunClass : std::uint8_t { kRequest, kIndication, kSuccess, kError };

enum class StunError : std::uint8_t {
  kShort,        ///< cut, or not as long as the header says
  kNotStun,      ///< the first bits or the cookie are another's
  kTooLong,      ///< more than kStunSizeMax
  kAttribute,    ///< an attribute whose length cannot be
  kFingerprint,  ///< FINGERPRINT is wrong: damaged, or not STUN at all
};

using StunTransaction = std::array<std::byte, 12>;

/// One message. Views live as long as the datagram; of an attribute that comes twice the first counts (§14).
struct StunMessage {
  StunClass kind = StunClass::kRequest;
  std::uint16_t method = 0;
  StunTransaction transaction{};
  ByteView wire;

  std::string_view username;  ///< empty: absent
  std::optional<std::uint32_t> priority;
  std::optional<std::uint64_t> ice_controlled, ice_controlling;  ///< the tie-breaker
  bool use_candidate = false;
  std::optional<Endpoint> mapped;  ///< XOR-MAPPED-ADDRESS
  int error_code = 0;              ///< ERROR-CODE, 300…699
  /// Attributes below 0x8000 that nobody here knows (§6.3.1: answer 420).
  std::array<std::uint16_t, kStunUnknownMax> unknown{};
  std::uint8_t unknown_count = 0;  ///< stops at kStunUnknownMax

  std::size_t integrity_at = 0;  ///< where MESSAGE-INTEGRITY starts in `wire`; 0: absent
  bool has_fingerprint = false;  ///< and it is right
};

/// Reads one datagram. What stands behind MESSAGE-INTEGRITY is ignored, but for FINGERPRINT (§14.5).
///
/// wire     one UDP payload, untrusted
/// errors   StunError: drop, answer nothing
/// cost     no allocation; with FINGERPRINT one CRC-32 over the message, 0.2 µs for a check
Result<StunMessage, StunError> parse_stun(ByteView wire);

/// A short-term password (§9.1), ready for use: HMAC-SHA1's two states behind its padded key. Wipes itself.
class StunKey {
 public:
  StunKey() = default;
  explicit StunKey(std::string_view password);  ///< as it is: ICE's characters need no SASLprep
  StunKey(const StunKey&) = default;
  StunKey& operator=(const StunKey&) = default;
  ~StunKey();

  /// HMAC-SHA1 over both parts. No allocation; about 0.15 µs for a check.
  std::array<std::byte, 20> digest(ByteView head, ByteView tail) const;

 private:
  std::array<std::uint32_t, 5> inner_{}, outer_{};
};

/// Whether MESSAGE-INTEGRITY is there and right. In constant time where it is wrong.
bool is_authentic(const StunMessage& message, const StunKey& key);

/// CRC-32 (ISO 3309, as in gzip), which FINGERPRINT takes XOR 0x5354554e.
std::uint32_t stun_crc32(ByteView bytes);

/// Writes one message from front to back: header, attributes, then sign(), then fingerprint(). Past the end of the
/// buffer it writes nothing more and finish() is empty.
class StunWriter {
 public:
  StunWriter(ByteSpan out, StunClass kind, const StunTransaction& transaction, std::uint16_t method = kStunBinding);

  StunWriter& username(std::string_view value);
  StunWriter& priority(std::uint32_t value);
  StunWriter& ice_controlled(std::uint64_t tie_breaker);
  StunWriter& ice_controlling(std::uint64_t tie_breaker);
  StunWriter& use_candidate();
  StunWriter& xor_mapped_address(const Endpoint& endpoint);
  StunWriter& error(int code);  ///< with the RFC's reason phrase; 300…699
  StunWriter& unknown_attributes(std::span<const std::uint16_t> types);
  StunWriter& software(std::string_view value);
  StunWriter& attribute(std::uint16_t type, ByteView value);
  StunWriter& sign(const StunKey& key);  ///< MESSAGE-INTEGRITY
  StunWriter& fingerprint();

  /// The message; empty if it did not fit.
  ByteView finish();

 private:
  void begin(std::uint16_t type, std::size_t size);
  void pad();
  void set_length(std::size_t length);

  ByteSpan out_;
  ByteWriter writer_;
  StunTransaction transaction_;
};

}  // namespace carillon::rtp
