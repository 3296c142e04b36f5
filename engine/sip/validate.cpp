#include "engine/sip/validate.h"

#include "engine/sip/field.h"
#include "engine/sip/text.h"

namespace carillon::sip {
namespace {

bool is_quoted_string(std::string_view text) {
  if (text.size() < 2 || text.front() != '"') return false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1 == text.size();
  }
  return false;
}

// "scheme:something" (§25.1 absoluteURI), the something not looked into.
bool is_absolute(std::string_view uri) {
  const auto colon = uri.find(':');
  if (colon == uri.npos || colon == 0 || colon + 1 == uri.size()) return false;
  for (const char c : uri.substr(0, colon))
    if (!is_alphanumeric(c) && c != '+' && c != '-' && c != '.') return false;
  return !is_digit(uri.front());
}

bool is_name_address(std::string_view value) {
  const auto address = NameAddress::parse(value);
  return address && is_absolute(address->uri) && are_parameters(address->parameters);
}

Fault fault_of_uri(std::string_view text) {
  if (const auto uri = Uri::parse(text)) return uri->headers.data() ? Fault::kRequestUri : Fault::kNone;
  const auto scheme = text.substr(0, text.find(':'));
  const bool is_known = equals_ignoring_case(scheme, "sip") || equals_ignoring_case(scheme, "sips") ||
                        equals_ignoring_case(scheme, "tel");
  return is_known || !is_absolute(text) ? Fault::kRequestUri : Fault::kScheme;
}

bool is_via(std::string_view element) {
  const auto via = Via::parse(element);
  return via && are_parameters(via->parameters);
}

// Each value of the list passes `check`, else `fault`.
template <class Check>
Fault fault_in(const Message& request, HeaderId id, Fault fault, Check&& check) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < request.size(); ++i) {
    if (request.id(i) != id) continue;
    auto list = request.value(i);
    for (auto element = next_element(list); !element.empty(); element = next_element(list))
      if (++count > kValuesMax || !check(element)) return count > kValuesMax ? Fault::kTooMany : fault;
  }
  return Fault::kNone;
}

}  // namespace

bool are_parameters(std::string_view text) {
  text = trim(text);
  while (!text.empty()) {
    if (text.front() != ';') return false;
    text = trim(text.substr(1));
    std::size_t at = 0;
    while (at < text.size() && is_token(text[at])) ++at;
    if (at == 0) return false;
    text = trim(text.substr(at));
    if (!text.starts_with('=')) continue;
    text = trim(text.substr(1));
    bool is_quoted = false;
    for (at = 0; at < text.size(); ++at) {
      if (is_quoted && text[at] == '\\')
        ++at;
      else if (text[at] == '"')
        is_quoted = !is_quoted;
      else if (!is_quoted && (is_space(text[at]) || text[at] == ';' || text[at] == '<' || text[at] == '>'))
        break;
    }
    const auto value = text.substr(0, at);
    if (is_quoted || value.empty() || (value.find('"') != value.npos && !is_quoted_string(value))) return false;
    text = trim(text.substr(value.size()));
  }
  return true;
}

Fault validate(const Message& request) {
  if (request.request_uri().size() > kRequestUriMax) return Fault::kUriTooLong;
  if (const auto fault = fault_of_uri(request.request_uri()); fault != Fault::kNone) return fault;
  if (const auto fault = fault_in(request, HeaderId::kVia, Fault::kVia, is_via); fault != Fault::kNone) return fault;
  if (!is_name_address(request.value(HeaderId::kFrom))) return Fault::kFrom;
  if (!is_name_address(request.value(HeaderId::kTo))) return Fault::kTo;
  const auto is_contact = [](std::string_view element) { return element == "*" || is_name_address(element); };
  return fault_in(request, HeaderId::kContact, Fault::kContact, is_contact);
}

int status_of(Fault fault) {
  switch (fault) {
    case Fault::kVersion:
      return 505;
    case Fault::kScheme:
      return 416;
    case Fault::kUriTooLong:
      return 414;
    case Fault::kTooMany:
      return 513;
    default:
      return 400;
  }
}

}  // namespace carillon::sip
