// Whatever a description says of its transport: each value that is read is written and read back the same, and what
// transport_of keeps is well-formed and lies inside the text.

#include "engine/sdp/transport_attributes.h"

#include "engine/base/check.h"

using namespace carillon;

namespace {

void check_values(std::string_view text) {
  if (const auto fingerprint = sdp::parse_fingerprint(text))
    CHECK(sdp::parse_fingerprint(sdp::write(*fingerprint)) == fingerprint);
  if (const auto setup = sdp::parse_setup(text)) {
    CHECK(sdp::parse_setup(name(*setup)) == setup);
    CHECK(sdp::answer_to(*setup) != setup);
  }
  if (const auto candidate = sdp::parse_candidate(text)) {
    const auto written = sdp::write(*candidate);
    const auto again = sdp::parse_candidate(written);
    CHECK(again);
    CHECK(again->foundation == candidate->foundation && again->component == candidate->component);
    CHECK(again->priority == candidate->priority && again->endpoint == candidate->endpoint);
    CHECK(again->kind == candidate->kind);
  }
  const auto first = sdp::first_of_bundle(text);
  CHECK(first.empty() || sdp::is_bundled(text, first));
}

void check_transport(const sdp::Session& session, std::string_view text) {
  const auto inside = [text](std::string_view part) {
    return part.empty() || (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size());
  };
  for (const auto& media : session.media) {
    const auto transport = sdp::transport_of(session, media);
    CHECK(transport.ice_ufrag.empty() == transport.ice_password.empty());
    CHECK(transport.ice_ufrag.empty() || sdp::is_ice_ufrag(transport.ice_ufrag));
    CHECK(transport.ice_password.empty() || sdp::is_ice_password(transport.ice_password));
    CHECK(transport.candidates_unusable + transport.best.has_value() <= transport.candidates);
    CHECK(!transport.best || transport.best->component == 1);
    CHECK(inside(transport.ice_ufrag) && inside(transport.ice_password) && inside(transport.mid));
    CHECK(inside(transport.bundle) && transport.mid.size() <= sdp::kTokenMax);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(std::as_bytes(std::span(data, size)));
  if (const auto session = sdp::parse(text)) {
    check_transport(*session, text);
    for (const auto& attribute : session->attributes) check_values(attribute.value);
  } else {
    check_values(text);
  }
  return 0;
}
