// Whatever comes in: what parses can be written and reads back the same, and an answer names only what was offered.

#include "engine/sdp/session.h"

#include <algorithm>
#include <array>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/sdp/offer_answer.h"

using namespace carillon;

namespace {

void check_answer(const sdp::Session& offer, const sdp::Local& local) {
  sdp::LocalOrigin origin{.session_id = 7};
  const auto answered = sdp::answer(offer, local, origin);
  if (!answered) return;
  const auto read = sdp::parse(answered->text);
  CHECK(read);
  CHECK(read->media.size() == offer.media.size());
  int taken = 0;
  for (std::size_t i = 0; i < offer.media.size(); ++i) {
    const auto& asked = offer.media[i];
    const auto& given = read->media[i];
    CHECK(given.kind == asked.kind);
    for (const auto format : given.formats) {
      const auto same = [&](std::string_view other) {
        const auto a = sdp::numbered(other), b = sdp::numbered(format);
        return other == format || (a && b && a->number == b->number);
      };
      CHECK(std::ranges::any_of(asked.formats, same));
    }
    taken += given.port != 0;
  }
  CHECK(taken == 1);
  CHECK(answered->agreed.rtp.port != 0);
  CHECK(answered->agreed.rtp.is_v6 == local.rtp.is_v6);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(std::as_bytes(std::span(data, size)));
  const auto session = sdp::parse(text);
  if (!session) {
    CHECK(!name(session.error()).empty());
    return 0;
  }
  static std::array<char, 2 * sdp::kTextMax> first, second;
  const auto written = sdp::write(*session, first);
  CHECK(!written.empty());
  if (const auto again = sdp::parse(written)) {
    CHECK(sdp::write(*again, second) == written);
    CHECK(again->media.size() == session->media.size());
    CHECK(again->attributes.size() == session->attributes.size());
  } else {
    CHECK(again.error() == sdp::ParseError::kTooLong);  // bare LF became CRLF
  }

  sdp::Local v4, v6;
  v4.rtp = Endpoint::v4(198, 51, 100, 1, 40000);
  v6.rtp = *Endpoint::parse("2001:db8::1", 40000);
  for (const auto& local : {v4, v6}) {
    check_answer(*session, local);
    (void)sdp::accept(*session, local);
  }
  return 0;
}
