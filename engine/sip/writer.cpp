#include "engine/sip/writer.h"

#include <arpa/inet.h>

#include "engine/sip/text.h"

namespace carillon::sip {

Writer& Writer::user(std::string_view text) {
  constexpr std::string_view kPlain = "-_.!~*'()&=+$,;?/";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (is_alphanumeric(c) || kPlain.find(c) != kPlain.npos)
      put(c);
    else
      put('%', kHex[code >> 4], kHex[code & 15]);
  }
  return *this;
}

Writer& Writer::quoted(std::string_view text) {
  put('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') put('\\');
    put(static_cast<unsigned char>(c) < ' ' ? ' ' : c);
  }
  return put('"');
}

Writer& Writer::host(const Endpoint& endpoint, bool with_port) {
  if (endpoint.is_v6) {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, endpoint.address.data(), text, sizeof text);
    put('[', text, ']');
  } else {
    const auto& a = endpoint.address;
    put(unsigned{a[0]}, '.', unsigned{a[1]}, '.', unsigned{a[2]}, '.', unsigned{a[3]});
  }
  if (with_port && endpoint.port != 0) put(':', unsigned{endpoint.port});
  return *this;
}

Writer& Writer::body(std::string_view content_type, std::string_view text) {
  if (!text.empty()) put("Content-Type: ", content_type, "\r\n");
  return put("Content-Length: ", text.size(), "\r\n\r\n", text);
}

}  // namespace carillon::sip
