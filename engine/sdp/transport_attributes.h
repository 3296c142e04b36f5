#pragma once
// The attributes by which a browser's description says how media travels: DTLS (RFC 8122, RFC 4145), ICE (RFC 8839),
// BUNDLE (RFC 9143), one port for RTP and RTCP (RFC 5761). Each is read from the value behind its colon and written
// back; Transport gathers those of one media section. Pure, nothing allocates, views into the description.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/endpoint.h"
#include "engine/base/fixed_text.h"
#include "engine/base/result.h"
#include "engine/sdp/session.h"

namespace carillon::sdp {

using Fingerprint = std::array<std::byte, 32>;  ///< SHA-256 of a certificate

/// "sha-256 12:DF:…" (RFC 8122 §5). Empty: another hash, or not one. Any case is taken, capitals are written.
std::optional<Fingerprint> parse_fingerprint(std::string_view value);
FixedText<104> write(const Fingerprint& fingerprint);

/// Who sends the first DTLS message (RFC 4145 §4, RFC 5763 §5).
enum class Setup : std::uint8_t { kActive, kPassive, kActpass, kHoldconn };
std::optional<Setup> parse_setup(std::string_view value);
std::string_view name(Setup setup);
/// Our answer: passive to who leaves it to us (a server that answers ICE checks is reached at once), the other half
/// otherwise. Empty: kHoldconn, which nobody can answer for media.
std::optional<Setup> answer_to(Setup offered);

/// ice-char of RFC 8839 §5.4, 4…256 of them in a name, 22…256 in a password.
bool is_ice_ufrag(std::string_view text);
bool is_ice_password(std::string_view text);

/// One "a=candidate" (RFC 8839 §5.1) that we could reach: UDP, component 1, an address.
struct Candidate {
  enum class Kind : std::uint8_t { kHost, kServerReflexive, kPeerReflexive, kRelayed };
  std::string_view foundation;
  std::uint16_t component = 1;
  std::uint32_t priority = 0;
  Endpoint endpoint;
  Kind kind = Kind::kHost;
};
/// Why a candidate is of no use; none of these is an error of the description.
enum class CandidateError : std::uint8_t {
  kSyntax,
  kTransport,  ///< TCP, or one that we don't know
  kName,  ///< a name: mDNS ("….local"), which no server can resolve (RFC 8828), or another, which nobody asks for
  kKind,  ///< an unknown type
};
Result<Candidate, CandidateError> parse_candidate(std::string_view value);
FixedText<128> write(const Candidate& candidate);

/// "BUNDLE a b c" (RFC 9143 §7, RFC 5888 §5): whether `mid` is among them. The first of them owns the transport.
bool is_bundled(std::string_view group, std::string_view mid);
std::string_view first_of_bundle(std::string_view group);  ///< empty: not a BUNDLE, or of nobody

/// What one media section and the session around it say. Only well-formed values are kept.
struct Transport {
  std::string_view ice_ufrag, ice_password;  ///< both or none
  bool is_ice_lite = false;                ///< the peer never checks: two lite agents need no checks (RFC 8445 §6.1.1)
  std::optional<Fingerprint> fingerprint;  ///< the first with SHA-256
  std::optional<Setup> setup;
  bool has_rtcp_mux = false;
  bool ends_candidates = false;   ///< a=end-of-candidates
  std::string_view mid;           ///< at most kTokenMax bytes
  std::string_view bundle;        ///< the value of a=group:BUNDLE …, session level
  std::optional<Candidate> best;  ///< of highest priority among those that parse_candidate takes, component 1
  std::uint16_t candidates = 0, candidates_unusable = 0;
};
/// Media level goes before session level (RFC 8839 §5.4, RFC 8122 §5). Linear in the attributes.
Transport transport_of(const Session& session, const Media& media);

}  // namespace carillon::sdp
