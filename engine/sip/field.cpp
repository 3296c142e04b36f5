#include "engine/sip/field.h"

#include "engine/sip/text.h"

namespace carillon::sip {
namespace {

// Splits "host", "host:port", "[v6]" and "[v6]:port".
bool split_host_port(std::string_view text, std::string_view& host, std::uint16_t& port) {
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) return false;
    host = text.substr(1, end - 1);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != host.npos) return false;
    rest = trim(text.substr(end + 1));
  } else {
    const auto colon = text.find(':');
    host = trim(text.substr(0, colon));
    rest = colon == text.npos ? std::string_view{} : text.substr(colon);
  }
  port = 0;
  if (!rest.empty()) {
    if (rest.front() != ':') return false;
    const auto value = number(trim(rest.substr(1)), 0xFFFF);
    if (!value) return false;
    port = static_cast<std::uint16_t>(*value);
  }
  return !host.empty() && host.find_first_of(" \t\r\n<>\"@;,") == host.npos;
}

}  // namespace

std::optional<Uri> Uri::parse(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || c == '<' || c == '>' || c == '"' || c == 0x7F) return std::nullopt;
  const auto colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  Uri uri;
  uri.scheme = text.substr(0, colon);
  auto rest = text.substr(colon + 1);
  if (equals_ignoring_case(uri.scheme, "tel")) {
    const auto end = rest.find(';');
    uri.user = rest.substr(0, end);
    if (end != rest.npos) uri.parameters = rest.substr(end);
    if (uri.user.empty()) return std::nullopt;
    return uri;
  }
  if (!equals_ignoring_case(uri.scheme, "sip") && !equals_ignoring_case(uri.scheme, "sips")) return std::nullopt;
  // A user part may hold ; and ? (§25.1), so look for the @ first.
  if (const auto at = rest.rfind('@'); at != rest.npos) {
    uri.user = rest.substr(0, at);
    rest = rest.substr(at + 1);
    if (const auto password = uri.user.find(':'); password != uri.user.npos) uri.user = uri.user.substr(0, password);
    if (uri.user.empty()) return std::nullopt;
  }
  if (const auto question = rest.find('?'); question != rest.npos) {
    uri.headers = rest.substr(question + 1);
    rest = rest.substr(0, question);
  }
  if (const auto semicolon = rest.find(';'); semicolon != rest.npos) {
    uri.parameters = rest.substr(semicolon);
    rest = rest.substr(0, semicolon);
  }
  if (!split_host_port(rest, uri.host, uri.port)) return std::nullopt;
  return uri;
}

std::optional<Endpoint> Uri::endpoint() const { return Endpoint::parse(host, port == 0 ? 5060 : port); }

std::optional<NameAddress> NameAddress::parse(std::string_view text) {
  text = trim(text);
  NameAddress result;
  std::size_t open = 0;
  if (text.starts_with('"')) {
    for (open = 1; open < text.size() && text[open] != '"'; ++open)
      if (text[open] == '\\') ++open;
    if (open >= text.size()) return std::nullopt;
    result.name = text.substr(1, open - 1);
    const auto rest = trim(text.substr(open + 1));  // nothing but white space may stand before the bracket
    if (!rest.starts_with('<')) return std::nullopt;
    open = static_cast<std::size_t>(rest.data() - text.data());
  } else {
    open = text.find('<');
    if (open != text.npos) result.name = trim(text.substr(0, open));
    if (result.name.find('"') != result.name.npos) return std::nullopt;  // else who quotes decides which < is meant
  }
  if (open == text.npos) {
    const auto end = text.find(';');
    result.uri = result.address = trim(text.substr(0, end));
    if (result.uri.find_first_of(",?") != result.uri.npos) return std::nullopt;
    if (end != text.npos) result.parameters = text.substr(end);
  } else {
    const auto close = text.find('>', open);
    if (close == text.npos) return std::nullopt;
    result.uri = trim(text.substr(open + 1, close - open - 1));
    result.address = text.substr(0, close + 1);
    result.parameters = trim(text.substr(close + 1));
    if (!result.parameters.empty() && result.parameters.front() != ';') return std::nullopt;
  }
  if (result.uri.empty() || result.uri.find_first_of(" \t\r\n") != result.uri.npos) return std::nullopt;
  return result;
}

std::string_view NameAddress::tag() const {
  const auto value = parameter(parameters, "tag").value_or(std::string_view{});
  return is_token(value) ? value : std::string_view{};
}

std::optional<Via> Via::parse(std::string_view text) {
  // SIP / 2.0 / UDP host:port;parameters — white space is allowed around the slashes
  Via via;
  const auto slash = text.find('/');
  const auto second = slash == text.npos ? text.npos : text.find('/', slash + 1);
  if (second == text.npos) return std::nullopt;
  if (!equals_ignoring_case(trim(text.substr(0, slash)), "SIP")) return std::nullopt;
  if (!is_token(trim(text.substr(slash + 1, second - slash - 1)))) return std::nullopt;
  auto rest = trim(text.substr(second + 1));
  std::size_t end = 0;
  while (end < rest.size() && is_token(rest[end])) ++end;
  via.transport = rest.substr(0, end);
  if (via.transport.empty() || end == rest.size() || !is_space(rest[end])) return std::nullopt;
  rest = trim(rest.substr(end));
  const auto semicolon = rest.find(';');
  if (semicolon != rest.npos) via.parameters = rest.substr(semicolon);
  if (!split_host_port(trim(rest.substr(0, semicolon)), via.host, via.port)) return std::nullopt;
  via.branch = parameter(via.parameters, "branch").value_or(std::string_view{});
  via.has_rport = parameter(via.parameters, "rport").has_value();
  return via;
}

Endpoint Via::reply_to(const Endpoint& source) const {
  Endpoint to = source;
  if (!has_rport) to.port = port == 0 ? 5060 : port;
  return to;
}

Reason q850_of(const Message& message) {
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message.id(i) != HeaderId::kReason) continue;
    auto list = message.value(i);
    for (auto element = next_element(list); !element.empty(); element = next_element(list)) {
      const auto semicolon = element.find(';');
      if (semicolon == element.npos || !equals_ignoring_case(trim(element.substr(0, semicolon)), "Q.850")) continue;
      const auto parameters = element.substr(semicolon);
      const auto cause = number(parameter(parameters, "cause").value_or(std::string_view{}), 127);
      if (!cause) continue;
      return {static_cast<int>(*cause), unquoted(parameter(parameters, "text").value_or(std::string_view{}))};
    }
  }
  return {};
}

std::string_view top_via(const Message& message) {
  auto list = message.value(HeaderId::kVia);
  return next_element(list);
}

}  // namespace carillon::sip
