// Whatever stands behind a=crypto: what is read is written and read back the same.

#include "engine/sdp/crypto_attribute.h"

#include "engine/base/check.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto crypto = sdp::parse_crypto(text_of(std::as_bytes(std::span(data, size))));
  if (!crypto) {
    CHECK(!name(crypto.error()).empty());
    return 0;
  }
  CHECK(crypto->tag >= 1 && crypto->tag <= 999'999'999);
  const auto again = sdp::parse_crypto(write(*crypto));
  CHECK(again);
  CHECK(again->tag == crypto->tag && again->suite == crypto->suite && again->material == crypto->material);
  CHECK(again->encrypts_rtcp == crypto->encrypts_rtcp);
  return 0;
}
