#pragma once
// OpenSSL's view of the network under one Dtls: a BIO that keeps datagrams apart, which memory BIOs do not. A read gets
// the one datagram that was handed in, a write is one to send.

#include <array>
#include <cstdint>

#include "engine/base/bytes.h"

struct bio_st;  // OpenSSL's BIO

namespace carillon::rtp {

struct DtlsLink {
  static constexpr std::size_t kOutboxMax = 16;          ///< datagrams; a flight of ours is one or two
  static constexpr std::size_t kOutboxBytes = 8 * 1024;  ///< all together

  ByteView incoming;  ///< read once, then empty

  std::array<std::byte, kOutboxBytes> bytes;
  std::array<std::uint16_t, kOutboxMax> sizes;
  std::size_t used = 0, first = 0, count = 0, given = 0;  ///< bytes used; the next to send; those written; bytes given
  std::uint64_t lost = 0;                                 ///< did not fit

  void put(ByteView datagram);
  ByteView next();
  /// A BIO of this link, for reading and writing; the link must outlive it.
  bio_st* make_bio();
};

}  // namespace carillon::rtp
