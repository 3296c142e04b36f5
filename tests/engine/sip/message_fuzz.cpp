// Whatever the parser takes lies inside the wire; what is written from it is read the same again.

#include <cstdint>
#include <span>

#include "engine/base/check.h"
#include "engine/sip/compose.h"
#include "engine/sip/dialog.h"
#include "engine/sip/digest.h"
#include "engine/sip/field.h"
#include "engine/sip/steer.h"
#include "engine/sip/text.h"
#include "engine/sip/validate.h"

namespace carillon::sip {
namespace {

bool inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void take_apart(std::string_view value, std::string_view wire) {
  auto list = value;
  for (auto element = next_element(list); !element.empty(); element = next_element(list)) {
    CHECK(inside(element, wire));
    if (const auto address = NameAddress::parse(element)) {
      CHECK(inside(address->uri, wire));
      CHECK(inside(address->tag(), wire));
      if (const auto uri = Uri::parse(address->uri)) {
        CHECK(inside(uri->host, wire));
        CHECK(inside(uri->parameters, wire));
        (void)uri->endpoint();
      }
    }
    if (const auto via = Via::parse(element)) {
      CHECK(inside(via->host, wire));
      CHECK(inside(via->branch, wire));
    }
  }
  if (const auto challenge = Challenge::parse(value)) CHECK(inside(challenge->nonce, wire));
  if (const auto answer = DigestAnswer::parse(value)) CHECK(inside(answer->response, wire));
}

void write_again_and_compare(const Message& message) {
  static char buffer[2 * Message::kBytesMax + 1024];
  Writer out(buffer);
  if (message.is_request())
    out.put(message.method_text(), " ", message.request_uri(), " SIP/2.0\r\n");
  else
    out.put("SIP/2.0 ", message.status(), " ", message.reason(), "\r\n");
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message.id(i) == HeaderId::kContentLength) continue;
    out.header(message.name(i), message.value(i));
  }
  out.put("Content-Length: ", message.body().size(), "\r\n\r\n", message.body());
  CHECK(!out.failed());
  const auto second = Message::parse(bytes_of(out.text()));
  if (!second) {  // only for want of room: we add a header, and folds
    CHECK(second.error() == ParseError::kTooLong || second.error() == ParseError::kTooManyHeaders);
    return;
  }
  CHECK(second->status() == message.status());
  CHECK(second->request_uri() == message.request_uri());
  CHECK(second->body() == message.body());
  for (const HeaderId id : {HeaderId::kFrom, HeaderId::kTo, HeaderId::kCallId, HeaderId::kVia, HeaderId::kContact})
    CHECK(second->value(id).size() == message.value(id).size());
  if (message.fault() == Fault::kNone) {
    CHECK(second->fault() == Fault::kNone);
    CHECK(second->cseq() == message.cseq());
    CHECK(second->method() == message.method());
  }
}

void answer(const Message& message) {
  static char buffer[2 * Message::kBytesMax];
  Writer out(buffer);
  const auto from = Endpoint::v4(192, 0, 2, 1, 5060);
  write_response(out, message, &from, 180, {}, "tag");
  out.body({}, {});
  if (out.failed()) return;
  const auto response = Message::parse(bytes_of(out.text()));
  if (!response) {
    CHECK(response.error() == ParseError::kTooManyHeaders);
    return;
  }
  CHECK(response->status() == 180);
  if (message.fault() == Fault::kNone) CHECK(response->fault() == Fault::kNone);
}

// What validate() lets pass can be taken apart.
void take_valid_apart(const Message& request) {
  CHECK(Uri::parse(request.request_uri()).has_value());
  CHECK(Via::parse(top_via(request)).has_value());
  CHECK(NameAddress::parse(request.value(HeaderId::kFrom)).has_value());
  CHECK(NameAddress::parse(request.value(HeaderId::kTo)).has_value());
}

}  // namespace
}  // namespace carillon::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  using namespace carillon::sip;
  const ByteView wire = std::as_bytes(std::span(data, size));
  const auto text = text_of(wire);
  if (const auto shard = steer(wire, 8)) CHECK(*shard < 8);
  CHECK(inside(call_id_of(wire), text));
  const auto message = Message::parse(wire);
  if (!message) return 0;
  CHECK(inside(message->body(), text));
  CHECK(inside(message->request_uri(), text));
  for (std::size_t i = 0; i < message->size(); ++i) {
    CHECK(inside(message->name(i), text));
    CHECK(inside(message->value(i), text));
    take_apart(message->value(i), text);
  }
  write_again_and_compare(*message);
  if (message->is_request() && message->fault() == Fault::kNone) {
    answer(*message);
    const Fault fault = validate(*message);
    CHECK(status_of(fault) >= 400);
    if (fault == Fault::kNone) take_valid_apart(*message);
  }
  Dialog dialog;
  if (message->is_request() ? dialog.begin_as_server(*message, "tag") : dialog.begin_as_client(*message))
    (void)dialog.next_hop({});
  (void)q850_of(*message);
  return 0;
}
