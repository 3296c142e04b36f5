// The HTTP request that opens a WebSocket.

#include <openssl/evp.h>

#include <algorithm>
#include <cctype>

#include "engine/base/check.h"
#include "engine/stream/websocket.h"

namespace carillon::stream {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 §1.3

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

// Is `token` one of the comma-separated list?
bool lists(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (same(trim(list.substr(0, comma)), token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// 16 bytes in base64 (§4.1): 22 characters of its alphabet and "==".
bool is_key(std::string_view key) {
  return key.size() == 24 && key.ends_with("==") && std::ranges::all_of(key.substr(0, 22), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/';
         });
}

struct Fields {
  std::string_view host, upgrade, connection, version, key, origin;
  std::string protocols;  // may stand in several lines
  bool has_body = false, is_bad = false;
};

Fields read_fields(std::string_view lines) {
  Fields fields;
  const auto once = [&](std::string_view& into, std::string_view value) {
    fields.is_bad |= !into.empty();
    into = value;
  };
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    const auto line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (trim(line).empty()) continue;
    const auto colon = line.find(':');
    // RFC 9112 §5.1, §5.2: no space before the colon, no folded lines
    if (colon == std::string_view::npos || colon == 0 || line[colon - 1] == ' ' || line[0] == ' ' || line[0] == '\t') {
      fields.is_bad = true;
      continue;
    }
    const auto name = line.substr(0, colon), value = trim(line.substr(colon + 1));
    if (same(name, "host")) once(fields.host, value);
    if (same(name, "upgrade")) fields.upgrade = value;
    if (same(name, "connection")) fields.connection = value;
    if (same(name, "sec-websocket-version")) once(fields.version, value);
    if (same(name, "sec-websocket-key")) once(fields.key, value);
    if (same(name, "origin")) once(fields.origin, value);
    if (same(name, "sec-websocket-protocol"))
      fields.protocols.append(fields.protocols.empty() ? "" : ",").append(value);
    if (same(name, "transfer-encoding") || (same(name, "content-length") && value != "0")) fields.has_body = true;
  }
  return fields;
}

Upgrade refused(std::string_view status, std::size_t consumed, std::string_view more = {}) {
  std::string answer = "HTTP/1.1 ";
  answer.append(status).append("\r\n").append(more).append("Connection: close\r\nContent-Length: 0\r\n\r\n");
  return {.verdict = Upgrade::Verdict::kRefused, .answer = std::move(answer), .consumed = consumed};
}

}  // namespace

std::string accept_of(std::string_view key) {
  std::string text(key);
  text += kGuid;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  CHECK(EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) == 1);
  unsigned char base64[4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1];
  const int length = EVP_EncodeBlock(base64, digest, static_cast<int>(size));
  return {reinterpret_cast<const char*>(base64), static_cast<std::size_t>(length)};
}

Upgrade read_upgrade(std::string_view bytes, const std::vector<std::string>& origins) {
  const auto end = bytes.substr(0, kUpgradeMax).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= kUpgradeMax) return refused("431 Request Header Fields Too Large", bytes.size());
    return {};
  }
  const std::size_t consumed = end + 4;
  const auto line = bytes.substr(0, bytes.find("\r\n"));
  const auto lines = bytes.substr(0, end + 2).substr(line.size() + 2);
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || last <= first + 1 || line.substr(last + 1) != "HTTP/1.1")
    return refused("400 Bad Request", consumed);
  if (line.substr(0, first) != "GET") return refused("405 Method Not Allowed", consumed, "Allow: GET\r\n");
  const Fields fields = read_fields(lines);
  if (fields.is_bad || fields.has_body || fields.host.empty() || !lists(fields.upgrade, "websocket") ||
      !lists(fields.connection, "upgrade"))
    return refused("400 Bad Request", consumed);
  if (fields.version != "13") return refused("426 Upgrade Required", consumed, "Sec-WebSocket-Version: 13\r\n");
  if (!is_key(fields.key) || !lists(fields.protocols, "sip")) return refused("400 Bad Request", consumed);
  const bool is_welcome = fields.origin.empty() || origins.empty() ||
                          std::ranges::any_of(origins, [&](const auto& origin) { return same(origin, fields.origin); });
  if (!is_welcome) return refused("403 Forbidden", consumed);
  return {.verdict = Upgrade::Verdict::kAccepted,
          .answer =
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: " +
              accept_of(fields.key) + "\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
          .consumed = consumed};
}

}  // namespace carillon::stream
