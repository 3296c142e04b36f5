#include "engine/sip/message.h"

#include <cstring>

#include "engine/sip/text.h"

namespace carillon::sip {
namespace {

struct MethodName {
  std::string_view name;
  Method method;
};
constexpr std::array<MethodName, 14> kMethods{{{"INVITE", Method::kInvite},
                                               {"ACK", Method::kAck},
                                               {"BYE", Method::kBye},
                                               {"CANCEL", Method::kCancel},
                                               {"REGISTER", Method::kRegister},
                                               {"OPTIONS", Method::kOptions},
                                               {"INFO", Method::kInfo},
                                               {"PRACK", Method::kPrack},
                                               {"UPDATE", Method::kUpdate},
                                               {"SUBSCRIBE", Method::kSubscribe},
                                               {"NOTIFY", Method::kNotify},
                                               {"REFER", Method::kRefer},
                                               {"MESSAGE", Method::kMessage},
                                               {"PUBLISH", Method::kPublish}}};

struct HeaderName {
  std::string_view name;
  HeaderId id;
};
constexpr std::array kHeaders{HeaderName{"via", HeaderId::kVia},
                              HeaderName{"v", HeaderId::kVia},
                              HeaderName{"from", HeaderId::kFrom},
                              HeaderName{"f", HeaderId::kFrom},
                              HeaderName{"to", HeaderId::kTo},
                              HeaderName{"t", HeaderId::kTo},
                              HeaderName{"call-id", HeaderId::kCallId},
                              HeaderName{"i", HeaderId::kCallId},
                              HeaderName{"cseq", HeaderId::kCSeq},
                              HeaderName{"contact", HeaderId::kContact},
                              HeaderName{"m", HeaderId::kContact},
                              HeaderName{"max-forwards", HeaderId::kMaxForwards},
                              HeaderName{"route", HeaderId::kRoute},
                              HeaderName{"record-route", HeaderId::kRecordRoute},
                              HeaderName{"content-type", HeaderId::kContentType},
                              HeaderName{"c", HeaderId::kContentType},
                              HeaderName{"content-length", HeaderId::kContentLength},
                              HeaderName{"l", HeaderId::kContentLength},
                              HeaderName{"expires", HeaderId::kExpires},
                              HeaderName{"min-expires", HeaderId::kMinExpires},
                              HeaderName{"authorization", HeaderId::kAuthorization},
                              HeaderName{"proxy-authorization", HeaderId::kProxyAuthorization},
                              HeaderName{"www-authenticate", HeaderId::kWwwAuthenticate},
                              HeaderName{"proxy-authenticate", HeaderId::kProxyAuthenticate},
                              HeaderName{"require", HeaderId::kRequire},
                              HeaderName{"supported", HeaderId::kSupported},
                              HeaderName{"k", HeaderId::kSupported},
                              HeaderName{"unsupported", HeaderId::kUnsupported},
                              HeaderName{"allow", HeaderId::kAllow},
                              HeaderName{"user-agent", HeaderId::kUserAgent},
                              HeaderName{"server", HeaderId::kServer},
                              HeaderName{"retry-after", HeaderId::kRetryAfter},
                              HeaderName{"reason", HeaderId::kReason},
                              HeaderName{"p-asserted-identity", HeaderId::kPAssertedIdentity}};

constexpr std::size_t kBuckets = 256;
constexpr std::size_t bucket_of(std::string_view name) {
  const auto first = static_cast<unsigned char>(lower(name.front()));
  const auto last = static_cast<unsigned char>(lower(name.back()));
  return (first * 5u + last * 11u + name.size() * 37u) % kBuckets;
}
// Open addressing over kHeaders, index + 1; filled by the compiler.
constexpr auto kHeaderTable = [] {
  std::array<std::uint8_t, kBuckets> table{};
  for (std::size_t i = 0; i < kHeaders.size(); ++i) {
    auto at = bucket_of(kHeaders[i].name);
    while (table[at] != 0) at = (at + 1) % kBuckets;
    table[at] = static_cast<std::uint8_t>(i + 1);
  }
  return table;
}();

HeaderId header_of(std::string_view name) {
  for (auto at = bucket_of(name); kHeaderTable[at] != 0; at = (at + 1) % kBuckets) {
    const auto& known = kHeaders[kHeaderTable[at] - 1u];
    if (equals_ignoring_case(known.name, name)) return known.id;
  }
  return HeaderId::kOther;
}

bool only_once(HeaderId id) {
  switch (id) {
    case HeaderId::kFrom:
    case HeaderId::kTo:
    case HeaderId::kCallId:
    case HeaderId::kCSeq:
    case HeaderId::kContentLength:
    case HeaderId::kMaxForwards:
      return true;
    default:
      return false;
  }
}

}  // namespace

Method method_of(std::string_view token) {
  for (const auto& known : kMethods)
    if (known.name == token) return known.method;  // methods are case-sensitive (§7.1)
  return Method::kOther;
}

std::string_view name_of(Method method) {
  for (const auto& known : kMethods)
    if (known.method == method) return known.name;
  return {};
}

std::string_view name_of(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return "OK";
    case Fault::kVersion:
      return "Version Not Supported";
    case Fault::kRequestLine:
      return "Bad Request-Line";
    case Fault::kMissing:
      return "Missing Header";
    case Fault::kDuplicate:
      return "Duplicate Header";
    case Fault::kContentLength:
      return "Bad Content-Length";
    case Fault::kCSeq:
      return "Bad CSeq";
    case Fault::kMethod:
      return "CSeq Method Mismatch";
    case Fault::kMaxForwards:
      return "Bad Max-Forwards";
    case Fault::kRequestUri:
      return "Bad Request-URI";
    case Fault::kScheme:
      return "Unsupported URI Scheme";
    case Fault::kUriTooLong:
      return "Request-URI Too Long";
    case Fault::kTooMany:
      return "Too Many Values";
    case Fault::kVia:
      return "Bad Via";
    case Fault::kFrom:
      return "Bad From";
    case Fault::kTo:
      return "Bad To";
    case Fault::kContact:
      return "Bad Contact";
  }
  return {};
}

/// Walks the lines once and fills a Message.
class MessageParser {
 public:
  explicit MessageParser(std::string_view wire) : wire_(wire) {
    message_.base_ = wire.data();
    message_.wire_size_ = static_cast<std::uint32_t>(wire.size());
    message_.first_.fill(0);
  }

  Result<Message, ParseError> run() {
    if (wire_.size() > Message::kBytesMax) return ParseError::kTooLong;
    while (at_ < wire_.size() && (wire_[at_] == '\r' || wire_[at_] == '\n' || wire_[at_] == '\0')) ++at_;
    if (at_ == wire_.size()) return ParseError::kKeepAlive;
    std::string_view line;
    if (!take_line(line) || !start_line(line)) return ParseError::kStartLine;
    for (;;) {
      if (!take_line(line)) return ParseError::kNoEnd;
      if (line.empty()) break;
      if (const auto error = header_line(line)) return *error;
    }
    body();
    if (message_.fault_ == Fault::kNone) message_.fault_ = fault();
    return message_;
  }

 private:
  // One line without its end, folded lines that follow included. LF alone ends a line too; the callers see to bare CRs.
  bool take_line(std::string_view& line) {
    const std::size_t start = at_;
    for (;;) {
      const void* found = std::memchr(wire_.data() + at_, '\n', wire_.size() - at_);
      if (!found) return false;
      const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - wire_.data());
      at_ = end + 1;
      const bool is_empty = end == start || (end == start + 1 && wire_[start] == '\r');
      if (!is_empty && at_ < wire_.size() && (wire_[at_] == ' ' || wire_[at_] == '\t')) continue;  // folded
      line = wire_.substr(start, end - start);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      return true;
    }
  }

  // A request line is known by its method in front and "SIP/" behind; what is wrong between them is told to the peer.
  bool start_line(std::string_view line) {
    for (const char c : line)
      if (c == '\r' || c == '\n' || c == '\0') return false;
    if (line.starts_with("SIP/2.0 ")) return status_line(line);
    const auto whole = trim(line);
    const auto first = whole.find(' ');
    const auto last = whole.rfind(' ');
    if (first == whole.npos || last == first) return false;
    const auto method = whole.substr(0, first);
    const auto uri = trim(whole.substr(first + 1, last - first - 1));
    const auto version = whole.substr(last + 1);
    if (!is_token(method) || method.size() > kMethodMax || uri.empty()) return false;
    if (version.size() < 5 || !equals_ignoring_case(version.substr(0, 4), "SIP/")) return false;
    if (!equals_ignoring_case(version, "SIP/2.0"))
      message_.fault_ = Fault::kVersion;
    else if (method.size() + uri.size() + version.size() + 2 != line.size() || uri.find_first_of(" \t<>\"") != uri.npos)
      message_.fault_ = Fault::kRequestLine;
    message_.method_ = method_of(method);
    message_.method_text_ = piece(method);
    message_.target_ = piece(uri);
    return true;
  }

  bool status_line(std::string_view line) {
    line.remove_prefix(8);
    const auto status = number(line.substr(0, 3), 699);
    if (line.size() < 3 || !status || *status < 100 || (line.size() > 3 && line[3] != ' ')) return false;
    message_.status_ = static_cast<std::uint16_t>(*status);
    message_.target_ = piece(line.substr(line.size() > 3 ? 4 : 3));
    return true;
  }

  std::optional<ParseError> header_line(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == line.npos) return ParseError::kHeader;
    auto name = line.substr(0, colon);
    while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
    if (!is_token(name)) return ParseError::kHeader;
    for (std::size_t i = colon; (i = line.find('\r', i)) != line.npos; ++i)
      if (i + 1 >= line.size() || line[i + 1] != '\n') return ParseError::kHeader;
    const auto value = trim(line.substr(colon + 1));
    if (has_bare_nul(value)) return ParseError::kHeader;
    if (message_.count_ == Message::kHeadersMax) return ParseError::kTooManyHeaders;
    const HeaderId id = header_of(name);
    message_.headers_[message_.count_++] = {id, piece(name), piece(value)};
    auto& first = message_.first_[static_cast<std::size_t>(id)];
    if (id != HeaderId::kOther && first != 0 && only_once(id) && message_.fault_ == Fault::kNone)
      message_.fault_ = Fault::kDuplicate;
    if (first == 0) first = message_.count_;
    return std::nullopt;
  }

  // NUL may stand in a quoted string behind a backslash (quoted-pair, §25.1) and nowhere else, so never at the end.
  static bool has_bare_nul(std::string_view value) {
    for (std::size_t at = 0; (at = value.find('\0', at)) != value.npos; ++at) {
      std::size_t escapes = 0;
      while (escapes < at && value[at - 1 - escapes] == '\\') ++escapes;
      if (escapes % 2 == 0 || at + 1 == value.size()) return true;
    }
    return false;
  }

  void body() {
    auto rest = wire_.substr(at_);
    if (const auto value = message_.find(HeaderId::kContentLength)) {
      const auto length = number(*value);
      if (!length || *length > rest.size()) {
        if (message_.fault_ == Fault::kNone) message_.fault_ = Fault::kContentLength;
        rest = {rest.data(), 0};
      } else {
        rest = rest.substr(0, *length);
      }
    }
    message_.body_ = piece(rest);
  }

  Fault fault() {
    for (const HeaderId id : {HeaderId::kVia, HeaderId::kFrom, HeaderId::kTo, HeaderId::kCallId, HeaderId::kCSeq})
      if (message_.value(id).empty()) return Fault::kMissing;
    const auto cseq = message_.value(HeaderId::kCSeq);
    std::size_t digits = 0;
    while (digits < cseq.size() && cseq[digits] >= '0' && cseq[digits] <= '9') ++digits;
    const auto value = number(cseq.substr(0, digits), 0x7FFF'FFFF);
    const auto method = trim(cseq.substr(digits));
    if (!value || digits == cseq.size() || !is_space(cseq[digits]) || !is_token(method)) return Fault::kCSeq;
    if (message_.is_request() && method != message_.method_text()) return Fault::kMethod;
    message_.cseq_ = *value;
    if (!message_.is_request()) message_.method_ = method_of(method);
    if (const auto hops = message_.find(HeaderId::kMaxForwards); hops && !number(*hops, 255))
      return Fault::kMaxForwards;
    return Fault::kNone;
  }

  Message::Piece piece(std::string_view part) const {
    return {static_cast<std::uint16_t>(part.data() - wire_.data()), static_cast<std::uint16_t>(part.size())};
  }

  static constexpr std::size_t kMethodMax = 64;  // RFC 4475 §3.1.1.2 has one of 43

  std::string_view wire_;
  std::size_t at_ = 0;
  Message message_;
};

Result<Message, ParseError> Message::parse(ByteView wire) { return MessageParser(text_of(wire)).run(); }

std::optional<std::string_view> Message::find(HeaderId id) const {
  const auto first = first_[static_cast<std::size_t>(id)];
  if (first == 0) return std::nullopt;
  return value(first - 1u);
}

std::optional<std::string_view> Message::find(std::string_view name) const {
  if (name.empty()) return std::nullopt;
  if (const auto id = header_of(name); id != HeaderId::kOther) return find(id);
  for (std::size_t i = 0; i < count_; ++i)
    if (equals_ignoring_case(this->name(i), name)) return value(i);
  return std::nullopt;
}

Message Message::moved_to(const char* copy) const {
  Message moved = *this;
  moved.base_ = copy;
  return moved;
}

}  // namespace carillon::sip
