#include "engine/sip/dialog.h"

#include "engine/sip/compose.h"
#include "engine/sip/field.h"
#include "engine/sip/text.h"

namespace carillon::sip {
namespace {

// Record-Route values, in the message's order for a server and backwards for a client (§12.1).
bool copy_routes(const Message& message, bool backwards, FixedText<1024>& to) {
  char buffer[1024];
  std::size_t size = 0;
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message.id(i) != HeaderId::kRecordRoute) continue;
    auto list = message.value(i);
    for (auto route = next_element(list); !route.empty(); route = next_element(list)) {
      if (!NameAddress::parse(route)) return false;
      const std::size_t separator = size == 0 ? 0 : 1;
      if (size + separator + route.size() > sizeof buffer) return false;
      if (backwards) {
        std::memmove(buffer + route.size() + separator, buffer, size);
        std::memcpy(buffer, route.data(), route.size());
        if (separator) buffer[route.size()] = ',';
      } else {
        if (separator) buffer[size] = ',';
        std::memcpy(buffer + size + separator, route.data(), route.size());
      }
      size += separator + route.size();
    }
  }
  return to.assign({buffer, size});
}

}  // namespace

bool copy_address(std::string_view value, AddressText& to, std::string_view& tag) {
  const auto address = NameAddress::parse(value);
  if (!address) return false;
  tag = address->tag();
  return to.assign(address->address);
}

bool Dialog::contact_of(const Message& message, FixedText<320>& target) {
  auto list = message.value(HeaderId::kContact);
  const auto contact = NameAddress::parse(next_element(list));
  return contact && Uri::parse(contact->uri) && target.assign(contact->uri);
}

bool Dialog::begin_as_server(const Message& invite, std::string_view tag) {
  std::string_view from_tag, to_tag;
  if (!call_id.assign(invite.value(HeaderId::kCallId)) || !local_tag.assign(tag)) return false;
  if (!copy_address(invite.value(HeaderId::kFrom), remote, from_tag) || !remote_tag.assign(from_tag)) return false;
  if (!copy_address(invite.value(HeaderId::kTo), local, to_tag) || !contact_of(invite, target)) return false;
  remote_cseq = invite.cseq();
  return copy_routes(invite, false, routes);
}

bool Dialog::begin_as_client(const Message& response) {
  std::string_view from_tag, to_tag;
  if (!call_id.assign(response.value(HeaderId::kCallId))) return false;
  if (!copy_address(response.value(HeaderId::kFrom), local, from_tag) || !local_tag.assign(from_tag)) return false;
  if (!copy_address(response.value(HeaderId::kTo), remote, to_tag) || !remote_tag.assign(to_tag)) return false;
  local_cseq = response.cseq();
  return contact_of(response, target) && copy_routes(response, true, routes);
}

Endpoint Dialog::next_hop(const Endpoint& otherwise) const {
  auto list = routes.view();
  const auto route = NameAddress::parse(next_element(list));
  const auto uri = Uri::parse(route ? route->uri : target.view());
  if (!uri) return otherwise;
  return uri->endpoint().value_or(otherwise);
}

void Dialog::write_request(Writer& out, std::string_view method, std::uint32_t cseq, std::string_view sent_by,
                           const Label& branch) const {
  auto list = routes.view();
  const auto first = NameAddress::parse(next_element(list));
  const auto uri = first ? Uri::parse(first->uri) : std::nullopt;
  const bool is_strict = uri && !parameter(uri->parameters, "lr");  // a strict router (§12.2.1.1)
  out.put(method, " ", is_strict ? first->uri : target.view(), " SIP/2.0\r\n");
  write_via(out, sent_by, branch);
  if (is_strict)
    out.put("Route: ").unfolded(list).put(list.empty() ? "<" : ",<", target.view(), ">\r\n");
  else if (!routes.empty())
    out.header("Route", routes);
  out.put("From: ").unfolded(local).put(";tag=", local_tag.view(), "\r\nTo: ").unfolded(remote);
  if (!remote_tag.empty()) out.put(";tag=", remote_tag.view());
  out.put("\r\n").header("Call-ID", call_id);
  out.put("CSeq: ", cseq, " ", method, "\r\nMax-Forwards: 70\r\n");
}

}  // namespace carillon::sip
