#include "engine/sdp/transport_attributes.h"

#include <arpa/inet.h>

#include <algorithm>

#include "engine/sdp/text_writer.h"
#include "engine/sdp/words.h"

namespace carillon::sdp {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";
constexpr std::array<std::string_view, 4> kSetups{"active", "passive", "actpass", "holdconn"};
constexpr std::array<std::string_view, 4> kKinds{"host", "srflx", "prflx", "relay"};
constexpr std::size_t kFoundationMax = 32;  // RFC 8839 §5.1

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool are_ice_chars(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
}

template <std::size_t kCount>
std::optional<std::size_t> index_of(const std::array<std::string_view, kCount>& names, std::string_view word) {
  const auto found = std::ranges::find_if(names, [&](std::string_view one) { return same_word(one, word); });
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

// Takes one attribute, unless a level nearer to the media had it already.
void read_attribute(const Attribute& attribute, Transport& transport, std::string_view& ufrag,
                    std::string_view& password) {
  const auto& [name, value] = attribute;
  if (name == "ice-ufrag" && ufrag.empty() && is_ice_ufrag(value)) ufrag = value;
  if (name == "ice-pwd" && password.empty() && is_ice_password(value)) password = value;
  if (name == "ice-lite") transport.is_ice_lite = true;
  if (name == "rtcp-mux") transport.has_rtcp_mux = true;
  if (name == "end-of-candidates") transport.ends_candidates = true;
  if (name == "fingerprint" && !transport.fingerprint) transport.fingerprint = parse_fingerprint(value);
  if (name == "setup" && !transport.setup) transport.setup = parse_setup(value);
  if (name == "mid" && transport.mid.empty() && value.size() <= kTokenMax) transport.mid = value;
  if (name == "group" && transport.bundle.empty() && !first_of_bundle(value).empty()) transport.bundle = value;
  if (name != "candidate") return;
  ++transport.candidates;
  const auto candidate = parse_candidate(value);
  if (!candidate || candidate->component != 1) {
    transport.candidates_unusable += !candidate;
    return;
  }
  if (!transport.best || candidate->priority > transport.best->priority) transport.best = *candidate;
}

}  // namespace

std::optional<Fingerprint> parse_fingerprint(std::string_view value) {
  if (!same_word(take_word(value), "sha-256")) return std::nullopt;
  const auto text = take_word(value);
  Fingerprint fingerprint;
  if (text.size() != 3 * fingerprint.size() - 1) return std::nullopt;
  for (std::size_t i = 0; i < fingerprint.size(); ++i) {
    const int high = nibble(text[3 * i]), low = nibble(text[3 * i + 1]);
    if (high < 0 || low < 0 || (i + 1 < fingerprint.size() && text[3 * i + 2] != ':')) return std::nullopt;
    fingerprint[i] = static_cast<std::byte>(high << 4 | low);
  }
  return fingerprint;
}

FixedText<104> write(const Fingerprint& fingerprint) {
  std::array<char, 104> text;
  TextWriter out(text);
  out.put("sha-256");
  char separator = ' ';
  for (const std::byte byte : fingerprint) {
    const auto value = static_cast<std::size_t>(byte);
    const char part[]{separator, kHex[value >> 4], kHex[value & 15]};
    out.put(std::string_view(part, sizeof part));
    separator = ':';
  }
  return FixedText<104>(out.written());
}

std::optional<Setup> parse_setup(std::string_view value) {
  const auto index = index_of(kSetups, take_word(value));
  if (!index) return std::nullopt;
  return static_cast<Setup>(*index);
}

std::string_view name(Setup setup) { return kSetups[static_cast<std::size_t>(setup)]; }

std::optional<Setup> answer_to(Setup offered) {
  switch (offered) {
    case Setup::kActive:
    case Setup::kActpass:
      return Setup::kPassive;
    case Setup::kPassive:
      return Setup::kActive;
    case Setup::kHoldconn:
      break;
  }
  return std::nullopt;
}

bool is_ice_ufrag(std::string_view text) { return text.size() >= 4 && text.size() <= 256 && are_ice_chars(text); }
bool is_ice_password(std::string_view text) { return text.size() >= 22 && text.size() <= 256 && are_ice_chars(text); }

Result<Candidate, CandidateError> parse_candidate(std::string_view value) {
  Candidate candidate;
  candidate.foundation = take_word(value);
  const auto component = number<std::uint16_t>(take_word(value));
  const auto transport = take_word(value);
  const auto priority = number<std::uint32_t>(take_word(value));
  const auto address = take_word(value);
  const auto port = number<std::uint16_t>(take_word(value));
  const bool has_type = take_word(value) == "typ";
  const auto kind = take_word(value);
  const bool is_foundation = !candidate.foundation.empty() && candidate.foundation.size() <= kFoundationMax;
  if (!is_foundation || !component || *component == 0 || *component > 256) return CandidateError::kSyntax;
  if (!priority || !port || !has_type || kind.empty()) return CandidateError::kSyntax;
  if (!same_word(transport, "UDP")) return CandidateError::kTransport;
  const auto endpoint = Endpoint::parse(address, *port);
  if (!endpoint) return CandidateError::kName;
  const auto index = index_of(kKinds, kind);
  if (!index) return CandidateError::kKind;
  candidate.component = *component;
  candidate.priority = *priority;
  candidate.endpoint = *endpoint;
  candidate.kind = static_cast<Candidate::Kind>(*index);
  return candidate;
}

FixedText<128> write(const Candidate& candidate) {
  std::array<char, 128> text;
  TextWriter out(text);
  out.put(candidate.foundation).put(" ").put(candidate.component).put(" udp ").put(candidate.priority).put(" ");
  char address[INET6_ADDRSTRLEN] = "0.0.0.0";
  inet_ntop(candidate.endpoint.is_v6 ? AF_INET6 : AF_INET, candidate.endpoint.address.data(), address, sizeof address);
  out.put(address).put(" ").put(candidate.endpoint.port);
  out.put(" typ ").put(kKinds[static_cast<std::size_t>(candidate.kind)]);
  return FixedText<128>(out.written());
}

std::string_view first_of_bundle(std::string_view group) {
  return take_word(group) == "BUNDLE" ? take_word(group) : std::string_view{};
}

bool is_bundled(std::string_view group, std::string_view mid) {
  if (mid.empty() || take_word(group) != "BUNDLE") return false;
  for (auto one = take_word(group); !one.empty(); one = take_word(group))
    if (one == mid) return true;
  return false;
}

Transport transport_of(const Session& session, const Media& media) {
  Transport transport;
  for (const auto part : {session.of(media), session.own()}) {
    std::string_view ufrag, password;  // a pair comes from one level
    for (const Attribute& attribute : part) read_attribute(attribute, transport, ufrag, password);
    if (transport.ice_ufrag.empty() && !ufrag.empty() && !password.empty()) {
      transport.ice_ufrag = ufrag;
      transport.ice_password = password;
    }
  }
  return transport;
}

}  // namespace carillon::sdp
