#include "engine/rtp/stun.h"

// EVP, which OpenSSL 3 would rather see used, takes memory from the heap for every digest: a shard's step must not.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "engine/base/check.h"

namespace carillon::rtp {
namespace {

// RFC 8489 §18.3, RFC 8445 §20.1
enum Type : std::uint16_t {
  kMappedAddress = 0x0001,
  kUsername = 0x0006,
  kMessageIntegrity = 0x0008,
  kErrorCode = 0x0009,
  kUnknownAttributes = 0x000A,
  kRealm = 0x0014,
  kNonce = 0x0015,
  kXorMappedAddress = 0x0020,
  kPriority = 0x0024,
  kUseCandidate = 0x0025,
  kSoftware = 0x8022,
  kFingerprint = 0x8028,
  kIceControlled = 0x8029,
  kIceControlling = 0x802A,
};
constexpr std::size_t kIntegritySize = 4 + SHA_DIGEST_LENGTH, kFingerprintSize = 8;
constexpr std::uint32_t kFingerprintXor = 0x5354'554E;

constexpr std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

// The class has its two bits among those of the method (RFC 8489 §5).
constexpr std::uint16_t type_of(StunClass kind, std::uint16_t method) {
  const auto bits = static_cast<std::uint16_t>(kind);
  return static_cast<std::uint16_t>((method & 0x000F) | (method & 0x0070) << 1 | (method & 0x0F80) << 2 |
                                    (bits & 1) << 4 | (bits & 2) << 7);
}
static_assert(type_of(StunClass::kSuccess, kStunBinding) == 0x0101 &&
              type_of(StunClass::kError, kStunBinding) == 0x0111 &&
              type_of(StunClass::kIndication, kStunBinding) == 0x0011);

constexpr auto kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB8'8320 : 0);
  }
  return table;
}();

std::uint32_t crc_on(std::uint32_t crc, ByteView bytes) {
  for (const std::byte byte : bytes) crc = kCrcTable[(crc ^ static_cast<std::uint32_t>(byte)) & 0xFF] ^ crc >> 8;
  return crc;
}

// XOR-MAPPED-ADDRESS (§14.2): the port under the cookie's upper half, the address under cookie and transaction.
std::optional<Endpoint> read_address(ByteView value, ByteView mask) {
  ByteReader in(value);
  in.skip(1);
  const auto family = in.u8();
  Endpoint endpoint;
  endpoint.port = in.u16() ^ static_cast<std::uint16_t>(kStunCookie >> 16);
  endpoint.is_v6 = family == 2;
  const ByteView address = in.take(endpoint.is_v6 ? 16 : 4);
  if (in.failed() || in.left() != 0 || (family != 1 && family != 2)) return std::nullopt;
  for (std::size_t i = 0; i < address.size(); ++i)
    endpoint.address[i] = static_cast<std::uint8_t>(address[i] ^ mask[i]);
  return endpoint;
}

// Takes what one attribute says. False: its length cannot be.
bool read_attribute(StunMessage& message, std::uint16_t type, ByteView value) {
  ByteReader in(value);
  switch (type) {
    case kUsername:
      if (value.size() > kStunUsernameMax) return false;
      if (message.username.empty()) message.username = text_of(value);
      return true;
    case kPriority: {
      const auto priority = in.u32();
      if (!message.priority) message.priority = priority;
      break;
    }
    case kIceControlled:
    case kIceControlling: {
      auto& known = type == kIceControlled ? message.ice_controlled : message.ice_controlling;
      const auto tie_breaker = in.u64();
      if (!known) known = tie_breaker;
      break;
    }
    case kUseCandidate:
      message.use_candidate = true;
      break;
    case kXorMappedAddress:
      if (message.mapped) return true;
      message.mapped = read_address(value, message.wire.subspan(4, 16));
      return message.mapped.has_value();
    case kErrorCode: {
      in.skip(2);
      const int hundreds = in.u8() & 7, rest = in.u8();
      if (in.failed() || hundreds < 3 || hundreds > 6 || rest > 99) return false;
      if (message.error_code == 0) message.error_code = 100 * hundreds + rest;
      return true;
    }
    case kMappedAddress:
    case kUnknownAttributes:
    case kRealm:
    case kNonce:
      return true;  // known, of no use to ICE
    default:
      if (type < 0x8000 && message.unknown_count < kStunUnknownMax) message.unknown[message.unknown_count++] = type;
      return true;
  }
  return !in.failed() && in.left() == 0;
}

std::string_view reason_of(int code) {
  switch (code) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthenticated";
    case 420:
      return "Unknown Attribute";
    case 487:
      return "Role Conflict";
    default:
      return "";
  }
}

SHA_CTX state_of(const std::array<std::uint32_t, 5>& words) {
  SHA_CTX state{};
  CHECK(SHA1_Init(&state) == 1);
  state.h0 = words[0];
  state.h1 = words[1];
  state.h2 = words[2];
  state.h3 = words[3];
  state.h4 = words[4];
  state.Nl = 8 * SHA_CBLOCK;  // one block went before
  return state;
}

}  // namespace

std::uint32_t stun_crc32(ByteView bytes) { return ~crc_on(~std::uint32_t{0}, bytes); }

Result<StunMessage, StunError> parse_stun(ByteView wire) {
  ByteReader in(wire);
  const auto type = in.u16();
  const auto length = in.u16();
  const auto cookie = in.u32();
  const ByteView transaction = in.take(sizeof(StunTransaction));
  if (in.failed()) return StunError::kShort;
  if (type >> 14 != 0 || cookie != kStunCookie) return StunError::kNotStun;
  if (length != in.left() || length % 4 != 0) return StunError::kShort;
  if (wire.size() > kStunSizeMax) return StunError::kTooLong;

  StunMessage message;
  message.kind = static_cast<StunClass>((type >> 4 & 1) | (type >> 7 & 2));
  message.method = static_cast<std::uint16_t>((type & 0x000F) | (type & 0x00E0) >> 1 | (type & 0x3E00) >> 2);
  message.wire = wire;
  std::ranges::copy(transaction, message.transaction.begin());
  while (in.left() != 0) {
    const std::size_t at = in.position();
    const auto attribute = in.u16();
    const auto size = in.u16();
    const ByteView value = in.take(size);
    in.skip(padded(size) - size);
    if (in.failed()) return StunError::kAttribute;
    if (attribute == kFingerprint) {
      if (size != 4 || in.left() != 0) return StunError::kAttribute;  // nothing may follow it (§14.7)
      if ((stun_crc32(wire.first(at)) ^ kFingerprintXor) != ByteReader(value).u32()) return StunError::kFingerprint;
      message.has_fingerprint = true;
    } else if (message.integrity_at != 0) {
      continue;  // not covered by the integrity: to be ignored (§14.5)
    } else if (attribute == kMessageIntegrity) {
      if (size != SHA_DIGEST_LENGTH) return StunError::kAttribute;
      message.integrity_at = at;
    } else if (!read_attribute(message, attribute, value)) {
      return StunError::kAttribute;
    }
  }
  return message;
}

StunKey::StunKey(std::string_view password) {
  std::array<unsigned char, SHA_CBLOCK> key{};
  if (password.size() > key.size())
    SHA1(reinterpret_cast<const unsigned char*>(password.data()), password.size(), key.data());
  else
    std::ranges::copy(password, key.begin());
  const auto absorb = [&key](unsigned char pad, std::array<std::uint32_t, 5>& words) {
    std::array<unsigned char, SHA_CBLOCK> block;
    for (std::size_t i = 0; i < block.size(); ++i) block[i] = key[i] ^ pad;
    SHA_CTX state;
    CHECK(SHA1_Init(&state) == 1);
    CHECK(SHA1_Update(&state, block.data(), block.size()) == 1);
    words = {state.h0, state.h1, state.h2, state.h3, state.h4};
    OPENSSL_cleanse(&state, sizeof state);
    OPENSSL_cleanse(block.data(), block.size());
  };
  absorb(0x36, inner_);
  absorb(0x5C, outer_);
  OPENSSL_cleanse(key.data(), key.size());
}

StunKey::~StunKey() {
  OPENSSL_cleanse(inner_.data(), sizeof inner_);
  OPENSSL_cleanse(outer_.data(), sizeof outer_);
}

std::array<std::byte, 20> StunKey::digest(ByteView head, ByteView tail) const {
  unsigned char hash[SHA_DIGEST_LENGTH];
  SHA_CTX state = state_of(inner_);
  CHECK(SHA1_Update(&state, head.data(), head.size()) == 1);
  CHECK(SHA1_Update(&state, tail.data(), tail.size()) == 1);
  CHECK(SHA1_Final(hash, &state) == 1);
  state = state_of(outer_);
  CHECK(SHA1_Update(&state, hash, sizeof hash) == 1);
  CHECK(SHA1_Final(hash, &state) == 1);
  std::array<std::byte, 20> digest;
  std::memcpy(digest.data(), hash, digest.size());
  return digest;
}

bool is_authentic(const StunMessage& message, const StunKey& key) {
  if (message.integrity_at == 0) return false;
  // The length in the header counts up to the integrity's end, as if nothing followed (§14.5).
  std::array<std::byte, 4> head;
  ByteWriter writer(head);
  writer.put(message.wire.first(2));
  writer.u16(static_cast<std::uint16_t>(message.integrity_at + kIntegritySize - kStunHeaderSize));
  const auto digest = key.digest(head, message.wire.subspan(4, message.integrity_at - 4));
  return CRYPTO_memcmp(digest.data(), message.wire.data() + message.integrity_at + 4, digest.size()) == 0;
}

StunWriter::StunWriter(ByteSpan out, StunClass kind, const StunTransaction& transaction, std::uint16_t method)
    : out_(out), writer_(out), transaction_(transaction) {
  writer_.u16(type_of(kind, method));
  writer_.u16(0);
  writer_.u32(kStunCookie);
  writer_.put(transaction_);
}

void StunWriter::begin(std::uint16_t type, std::size_t size) {
  writer_.u16(type);
  writer_.u16(static_cast<std::uint16_t>(size));
}

void StunWriter::pad() {
  while (!writer_.failed() && writer_.size() % 4 != 0) writer_.u8(0);
}

void StunWriter::set_length(std::size_t length) {
  if (writer_.failed()) return;
  ByteWriter(out_.subspan(2, 2)).u16(static_cast<std::uint16_t>(length));
}

StunWriter& StunWriter::attribute(std::uint16_t type, ByteView value) {
  begin(type, value.size());
  writer_.put(value);
  pad();
  return *this;
}

StunWriter& StunWriter::username(std::string_view value) { return attribute(kUsername, bytes_of(value)); }
StunWriter& StunWriter::software(std::string_view value) { return attribute(kSoftware, bytes_of(value)); }
StunWriter& StunWriter::use_candidate() { return attribute(kUseCandidate, {}); }

StunWriter& StunWriter::priority(std::uint32_t value) {
  begin(kPriority, 4);
  writer_.u32(value);
  return *this;
}

StunWriter& StunWriter::ice_controlled(std::uint64_t tie_breaker) {
  begin(kIceControlled, 8);
  writer_.u64(tie_breaker);
  return *this;
}

StunWriter& StunWriter::ice_controlling(std::uint64_t tie_breaker) {
  begin(kIceControlling, 8);
  writer_.u64(tie_breaker);
  return *this;
}

StunWriter& StunWriter::xor_mapped_address(const Endpoint& endpoint) {
  const std::size_t size = endpoint.is_v6 ? 16 : 4;
  std::array<std::byte, 16> mask;
  ByteWriter(mask).u32(kStunCookie);
  std::ranges::copy(transaction_, mask.begin() + 4);
  begin(kXorMappedAddress, 4 + size);
  writer_.u8(0);
  writer_.u8(endpoint.is_v6 ? 2 : 1);
  writer_.u16(endpoint.port ^ static_cast<std::uint16_t>(kStunCookie >> 16));
  for (std::size_t i = 0; i < size; ++i) writer_.u8(endpoint.address[i] ^ static_cast<std::uint8_t>(mask[i]));
  return *this;
}

StunWriter& StunWriter::error(int code) {
  CHECK(code >= 300 && code <= 699);
  const auto reason = reason_of(code);
  begin(kErrorCode, 4 + reason.size());
  writer_.u16(0);
  writer_.u8(static_cast<std::uint8_t>(code / 100));
  writer_.u8(static_cast<std::uint8_t>(code % 100));
  writer_.put(reason);
  pad();
  return *this;
}

StunWriter& StunWriter::unknown_attributes(std::span<const std::uint16_t> types) {
  begin(kUnknownAttributes, 2 * types.size());
  for (const auto type : types) writer_.u16(type);
  pad();
  return *this;
}

StunWriter& StunWriter::sign(const StunKey& key) {
  set_length(writer_.size() - kStunHeaderSize + kIntegritySize);
  const auto digest = key.digest({}, writer_.written());
  return attribute(kMessageIntegrity, digest);
}

StunWriter& StunWriter::fingerprint() {
  set_length(writer_.size() - kStunHeaderSize + kFingerprintSize);
  const std::uint32_t crc = stun_crc32(writer_.written());
  begin(kFingerprint, 4);
  writer_.u32(crc ^ kFingerprintXor);
  return *this;
}

ByteView StunWriter::finish() {
  set_length(writer_.size() - kStunHeaderSize);
  return writer_.failed() ? ByteView{} : writer_.written();
}

}  // namespace carillon::rtp
