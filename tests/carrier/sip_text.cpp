#include "tests/carrier/sip_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace carillon::carrier {
namespace {

constexpr std::array<std::pair<char, std::string_view>, 10> kCompact = {{{'i', "call-id"},
                                                                         {'m', "contact"},
                                                                         {'e', "content-encoding"},
                                                                         {'l', "content-length"},
                                                                         {'c', "content-type"},
                                                                         {'f', "from"},
                                                                         {'s', "subject"},
                                                                         {'k', "supported"},
                                                                         {'t', "to"},
                                                                         {'v', "via"}}};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string long_name(std::string_view name) {
  std::string out(name);
  std::ranges::transform(out, out.begin(), lower);
  if (out.size() == 1)
    for (const auto& [letter, full] : kCompact)
      if (out[0] == letter) return std::string(full);
  return out;
}

std::string shown_name(std::string_view name) {
  if (name == "call-id") return "Call-ID";
  if (name == "cseq") return "CSeq";
  if (name == "www-authenticate") return "WWW-Authenticate";
  std::string out(name);
  bool starts = true;
  for (char& c : out) {
    if (starts) c = upper(c);
    starts = c == '-';
  }
  return out;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Takes one line off `rest`, without its CRLF or LF.
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

// Takes one word up to a space off `rest`.
std::string_view take_word(std::string_view& rest) {
  const auto end = rest.find(' ');
  const auto word = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return word;
}

bool read_start_line(std::string_view line, SipMessage& message) {
  if (line.starts_with("SIP/2.0 ")) {
    line.remove_prefix(8);
    const auto status = number<int>(take_word(line));
    if (!status || *status < 100 || *status > 699) return false;
    message.status = *status;
    message.reason = line;
    return true;
  }
  message.method = take_word(line);
  message.uri = take_word(line);
  return !message.method.empty() && !message.uri.empty() && line == "SIP/2.0";
}

bool read_headers(std::string_view& rest, SipMessage& message) {
  while (!rest.empty()) {
    const auto line = take_line(rest);
    if (line.empty()) return true;
    if (is_blank(line[0])) {  // folded (RFC 3261 §7.3.1)
      if (message.headers.empty()) return false;
      message.headers.back().value += ' ';
      message.headers.back().value += trimmed(line);
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const auto name = trimmed(line.substr(0, colon));
    if (name.empty()) return false;
    message.add(long_name(name), std::string(trimmed(line.substr(colon + 1))));
  }
  return true;
}

// Calls part(element) for each element of a comma list, outside quotes and angle brackets.
template <class Part>
void split_list(std::string_view value, Part&& part) {
  bool quoted = false;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '<') {
      ++depth;
    } else if (c == '>') {
      --depth;
    } else if (c == ',' && depth <= 0) {
      part(trimmed(value.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  part(trimmed(value.substr(std::min(begin, value.size()))));
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && (is_blank(text.back()) || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

bool same_text(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view SipMessage::get(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &SipHeader::name);
  return found == headers.end() ? std::string_view{} : std::string_view{found->value};
}

bool SipMessage::has(std::string_view name) const {
  return std::ranges::find(headers, name, &SipHeader::name) != headers.end();
}

std::vector<std::string> SipMessage::all(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& header : headers)
    if (header.name == name)
      split_list(header.value, [&](std::string_view element) {
        if (!element.empty()) out.emplace_back(element);
      });
  return out;
}

std::uint32_t SipMessage::cseq() const {
  auto value = get("cseq");
  return number<std::uint32_t>(take_word(value)).value_or(0);
}

std::string_view SipMessage::cseq_method() const {
  auto value = get("cseq");
  take_word(value);
  return trimmed(value);
}

Result<SipMessage, SipFault> parse_sip(std::string_view wire) {
  SipMessage message;
  while (wire.starts_with("\r\n")) wire.remove_prefix(2);
  if (!read_start_line(take_line(wire), message)) return SipFault::kStartLine;
  if (!read_headers(wire, message)) return SipFault::kHeader;
  for (const std::string_view name : {"via", "from", "to", "call-id", "cseq"})
    if (message.get(name).empty()) return SipFault::kMissing;
  auto cseq = message.get("cseq");
  if (!number<std::uint32_t>(take_word(cseq)) || trimmed(cseq).empty()) return SipFault::kCseq;
  if (message.is_request() && message.cseq_method() != message.method) return SipFault::kCseq;
  if (const auto length = message.get("content-length"); !length.empty()) {
    const auto size = number<std::uint32_t>(length);
    if (!size || *size > wire.size()) return SipFault::kLength;
    wire = wire.substr(0, *size);
  }
  message.body = wire;
  return message;
}

std::string write_sip(const SipMessage& message) {
  std::string out = message.is_request() ? fmt::format("{} {} SIP/2.0\r\n", message.method, message.uri)
                                         : fmt::format("SIP/2.0 {} {}\r\n", message.status, message.reason);
  for (const auto& header : message.headers)
    if (header.name != "content-length") out += fmt::format("{}: {}\r\n", shown_name(header.name), header.value);
  out += fmt::format("Content-Length: {}\r\n\r\n", message.body.size());
  return out + message.body;
}

std::string_view uri_of(std::string_view name_addr) {
  const auto open = name_addr.find('<');
  if (open != std::string_view::npos) {
    const auto close = name_addr.find('>', open);
    return name_addr.substr(open + 1, close == std::string_view::npos ? close : close - open - 1);
  }
  return trimmed(name_addr.substr(0, name_addr.find(';')));
}

std::string_view user_of(std::string_view uri) {
  const auto scheme = uri.find(':');
  if (scheme == std::string_view::npos) return {};
  const bool is_tel = same_text(uri.substr(0, scheme), "tel");
  uri.remove_prefix(scheme + 1);
  const auto at = uri.find('@');
  if (at == std::string_view::npos && !is_tel) return {};
  if (at != std::string_view::npos) uri = uri.substr(0, at);
  return uri.substr(0, uri.find(';'));
}

std::optional<std::string_view> parameter(std::string_view value, std::string_view name) {
  const auto close = value.rfind('>');
  std::string_view rest = close == std::string_view::npos ? value : value.substr(close + 1);
  for (auto semicolon = rest.find(';'); semicolon != std::string_view::npos; semicolon = rest.find(';')) {
    rest.remove_prefix(semicolon + 1);
    const auto part = trimmed(rest.substr(0, rest.find(';')));
    const auto equals = part.find('=');
    if (same_text(trimmed(part.substr(0, equals)), name))
      return equals == std::string_view::npos ? std::string_view{} : trimmed(part.substr(equals + 1));
  }
  return std::nullopt;
}

std::optional<Endpoint> endpoint_of(std::string_view uri) {
  if (const auto scheme = uri.find(':'); scheme != std::string_view::npos) uri.remove_prefix(scheme + 1);
  if (const auto at = uri.find('@'); at != std::string_view::npos) uri.remove_prefix(at + 1);
  uri = uri.substr(0, uri.find_first_of(";?>"));
  std::string_view host = uri, port;
  if (uri.starts_with('[')) {
    const auto close = uri.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = uri.substr(1, close - 1);
    port = uri.substr(close + 1);
  } else if (const auto colon = uri.find(':'); colon != std::string_view::npos) {
    host = uri.substr(0, colon);
    port = uri.substr(colon);
  }
  std::uint16_t port_number = 5060;
  if (port.starts_with(':')) {
    const auto given = number<std::uint16_t>(port.substr(1));
    if (!given) return std::nullopt;
    port_number = *given;
  }
  return Endpoint::parse(host, port_number);
}

}  // namespace carillon::carrier
