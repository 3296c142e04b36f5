#include "tests/carrier/sip_text.h"

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "tests/carrier/call.h"
#include "tests/carrier/digest.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view wire = text_of(std::as_bytes(std::span(data, size)));
  (void)carrier::parse_sdp(wire);
  (void)carrier::digest_field(wire, "nonce");
  const auto message = carrier::parse_sip(wire);
  if (!message) return 0;
  CHECK(message->body.size() <= size);
  const auto source = Endpoint::v4(127, 0, 0, 1, 5060);
  (void)carrier::response_address(*message, source);
  const auto response = carrier::parse_sip(carrier::write_sip(carrier::response_to(*message, 200, "OK", "t", source)));
  CHECK(response && response->status == 200);
  CHECK(response->get("call-id") == carrier::trimmed(message->get("call-id")));
  for (const auto& contact : message->all("contact")) {
    (void)carrier::parameter(contact, "expires");
    (void)carrier::endpoint_of(carrier::uri_of(contact));
    (void)carrier::user_of(carrier::uri_of(contact));
  }
  return 0;
}
