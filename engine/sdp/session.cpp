#include "engine/sdp/session.h"

#include <algorithm>
#include <charconv>

#include "engine/sdp/text_writer.h"

namespace carillon::sdp {

namespace {

/// Takes the text before the first `separator`, or all of it.
std::string_view take(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const auto part = text.substr(0, at);
  text = at == text.npos ? std::string_view{} : text.substr(at + 1);
  return part;
}

/// Takes the next word; several blanks count as one (some gateways pad their lines).
std::string_view word(std::string_view& text) {
  const auto first = text.find_first_not_of(' ');
  if (first == text.npos) {
    text = {};
    return {};
  }
  text.remove_prefix(first);
  return take(text, ' ');
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class Parser {
 public:
  Result<Session, ParseError> run(std::string_view text) {
    if (text.size() > kTextMax) return ParseError::kTooLong;
    if (text.find('\0') != text.npos) return ParseError::kBadLine;
    bool is_first = true;
    while (!text.empty()) {
      const auto content = trimmed(next_line(text));
      if (content.empty()) continue;
      if (is_first && content != "v=0") return ParseError::kNotSdp;
      is_first = false;
      if (content.size() < 2 || content[1] != '=') return ParseError::kBadLine;
      if (const auto error = line(content[0], content.substr(2))) return *error;
    }
    if (is_first) return ParseError::kNotSdp;
    if (session_.origin.session_id.empty()) return ParseError::kIncomplete;
    return session_;
  }

 private:
  static std::string_view next_line(std::string_view& text) {
    const auto end = text.find_first_of("\r\n");
    const auto content = text.substr(0, end);
    text = end == text.npos ? std::string_view{} : text.substr(end + 1);
    return content;
  }

  std::optional<ParseError> line(char type, std::string_view value) {
    switch (type) {
      case 'o':
        return origin(value);
      case 's':
        session_.subject = value;
        return std::nullopt;
      case 'c':
        return connection(value);
      case 'm':
        return media(value);
      case 'a':
        return attribute(value);
      default:
        return std::nullopt;
    }
  }

  // The user name may hold blanks in the wild, so the five fields after it are counted from the end.
  std::optional<ParseError> origin(std::string_view value) {
    std::array<std::string_view, 5> last;
    for (std::size_t i = last.size(); i > 0; --i) {
      value = trimmed(value);
      const auto blank = value.rfind(' ');
      if (blank == value.npos) return ParseError::kBadOrigin;
      last[i - 1] = value.substr(blank + 1);
      value = value.substr(0, blank);
    }
    value = trimmed(value);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (value.empty()) return ParseError::kBadOrigin;
    session_.origin = {value, last[0], last[1], last[3], last[4]};
    return std::nullopt;
  }

  std::optional<ParseError> connection(std::string_view value) {
    if (word(value) != "IN") return ParseError::kBadAddress;
    Connection found{.address_type = word(value), .address = {}};
    auto address = word(value);
    found.address = take(address, '/');  // TTL and count belong to multicast
    if (!found.is_present()) return ParseError::kBadAddress;
    (session_.media.empty() ? session_.connection : session_.media.back().connection) = found;
    return std::nullopt;
  }

  std::optional<ParseError> media(std::string_view value) {
    Media found;
    found.kind = word(value);
    auto ports = word(value);
    const auto port = port_of(take(ports, '/'));
    found.protocol = word(value);
    if (!port || found.kind.size() > kTokenMax || found.protocol.size() > kTokenMax) return ParseError::kBadMedia;
    found.port = *port;
    for (auto format = word(value); !format.empty(); format = word(value)) {
      if (format.size() > kTokenMax) return ParseError::kBadMedia;
      if (!found.formats.push(format)) return ParseError::kTooMany;
    }
    if (found.formats.empty()) return ParseError::kBadMedia;
    found.attributes_first = static_cast<std::uint16_t>(session_.attributes.size());
    if (!session_.media.push(found)) return ParseError::kTooMany;
    return std::nullopt;
  }

  std::optional<ParseError> attribute(std::string_view value) {
    const auto name = trimmed(take(value, ':'));
    if (name.empty()) return std::nullopt;
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (!session_.attributes.push({name, value})) return ParseError::kTooMany;
    ++(session_.media.empty() ? session_.attributes_count : session_.media.back().attributes_count);
    return std::nullopt;
  }

  Session session_;
};

void write_connection(TextWriter& out, const Connection& connection) {
  if (connection.is_present())
    out.put("c=IN ").put(connection.address_type).put(" ").put(connection.address).end_line();
}

void write_attributes(TextWriter& out, std::span<const Attribute> attributes) {
  for (const auto& [name, value] : attributes) {
    out.put("a=").put(name);
    if (!value.empty()) out.put(":").put(value);
    out.end_line();
  }
}

}  // namespace

std::string_view name(ParseError error) {
  switch (error) {
    case ParseError::kTooLong:
      return "description too long";
    case ParseError::kNotSdp:
      return "does not start with v=0";
    case ParseError::kBadLine:
      return "a line is not type=value";
    case ParseError::kBadOrigin:
      return "bad o= line";
    case ParseError::kBadAddress:
      return "bad c= line";
    case ParseError::kBadMedia:
      return "bad m= line";
    case ParseError::kIncomplete:
      return "no o= line";
    case ParseError::kTooMany:
      return "too many media, formats or attributes";
  }
  return "?";
}

const Attribute* Session::find(const Media& section, std::string_view name) const {
  for (const auto part : {of(section), own()}) {
    const auto found = std::ranges::find(part, name, &Attribute::name);
    if (found != part.end()) return &*found;
  }
  return nullptr;
}

std::span<const Attribute> Session::of(const Media& section) const {
  return std::span(attributes.begin(), attributes.end()).subspan(section.attributes_first, section.attributes_count);
}

std::span<const Attribute> Session::own() const {
  return std::span(attributes.begin(), attributes.end()).first(attributes_count);
}

Result<Session, ParseError> parse(std::string_view text) { return Parser().run(text); }

std::string_view write(const Session& session, std::span<char> buffer) {
  TextWriter out(buffer);
  const Origin& origin = session.origin;
  out.put("v=0").end_line().put("o=").put(origin.user).put(" ").put(origin.session_id).put(" ").put(origin.version);
  out.put(" IN ").put(origin.address_type).put(" ").put(origin.address).end_line();
  out.put("s=").put(session.subject.empty() ? "-" : session.subject).end_line();
  write_connection(out, session.connection);
  out.put("t=0 0").end_line();
  write_attributes(out, session.own());
  for (const Media& media : session.media) {
    out.put("m=").put(media.kind).put(" ").put(media.port).put(" ").put(media.protocol);
    for (const auto format : media.formats) out.put(" ").put(format);
    out.end_line();
    write_connection(out, media.connection);
    write_attributes(out, session.of(media));
  }
  return out.failed() ? std::string_view{} : out.written();
}

std::optional<Numbered> numbered(std::string_view value) {
  const auto number = port_of(word(value));
  if (!number) return std::nullopt;
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return Numbered{*number, value};
}

}  // namespace carillon::sdp
