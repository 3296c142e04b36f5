#pragma once
// What a UserAgent is told at start and by its owner: itself, its trunks, its phones.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/endpoint.h"
#include "engine/base/time.h"

namespace carillon::sip {

/// RFC 3261 §17.1.1.1: T1 estimates the round trip, T2 caps the resend gap, T4 is how long a message may linger.
struct Timing {
  Duration t1 = 500ms;
  Duration t2 = 4s;
  Duration t4 = 5s;
};

/// How SIP travels. Only UDP now; the stream transports come in here.
enum class Transport : std::uint8_t { kUdp };

struct UserAgentConfig {
  std::uint32_t shard = 0;                  ///< which one this is; written into our tags and branches
  std::uint32_t shards = 1;                 ///< 1..4096
  Endpoint bound;                           ///< where the owner's socket listens; never written into a message
  Endpoint advertised;                      ///< Via and Contact; unspecified: `bound`
  std::string realm = "carillon";           ///< ours, towards phones; their HA1s are made with it
  std::string product = "Carillon";         ///< User-Agent and Server
  std::uint32_t dialogs_max = 4096;         ///< full: 503 with Retry-After in, Refusal::kFull out
  std::uint32_t transactions_max = 16'384;  ///< about 4.3 KiB each, touched when used; a BYE keeps its one for 32 s
  std::uint32_t registrations_max = 1024;   ///< endpoints; more are refused by put_endpoint
  std::uint32_t trunks_max = 64;
  std::uint32_t outbox_max = 512;  ///< datagrams between two clear_outbox(); more are dropped and counted
  std::uint32_t events_max = 512;  ///< events between two clear_events(); receive() drops and counts above it
  Timing timing;
  Duration nonce_lifetime = 5min;           ///< then a digest is answered with stale=true
  Duration registration_expires_min = 60s;  ///< shorter: 423
  Duration registration_expires_max = 1h;   ///< longer is granted as this
  Duration proceeding_max = 5min;           ///< an INVITE that only rings is cancelled after this, whoever forgot it
  Duration retry_after = 5s;                ///< in our own 503
  bool offers_sha256 = false;  ///< above MD5; phones on older libre (Debian 12's baresip) give up when they read it
  /// The same on every shard, so that each can verify the nonces of all. All zero: drawn from Random (tests).
  std::array<std::uint8_t, 32> nonce_key{};

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

/// A carrier. INVITEs from the address of one of its gateways, whatever the port, are this trunk's.
/// Registering and probing is done by one shard only: the one that shard_for(id, shards) of steer.h names.
struct TrunkConfig {
  std::string id;
  std::vector<Endpoint> gateways;  ///< 1..8; the first is registered with, all are probed
  std::string username, password;  ///< empty username: we answer no challenge
  std::string domain;              ///< of From, To and REGISTER; empty: the gateway's address
  /// The only realm whose challenge is answered. Empty: the first realm that led to a success is kept from then on.
  /// In either case only challenges from the address the request was sent to are answered.
  std::string realm;
  bool registers = false;
  Duration register_expires = 300s;
  Duration options_interval{0};        ///< 0: no probing
  std::optional<Endpoint> advertised;  ///< Via and Contact towards this trunk, instead of the agent's
};

/// A phone that registers with us. Hex digests of "username:realm:password".
struct EndpointConfig {
  std::string id, username, ha1_md5, ha1_sha256;
};

/// A phone's Contacts that are kept (RFC 3261 §10.3); a further one takes the place of the oldest.
inline constexpr std::size_t kContactsMax = 4;
/// Bytes of a Contact URI; a longer one is refused with 400, since cut it would lead nowhere.
inline constexpr std::size_t kContactBytesMax = 320;

/// One Contact of a phone as one shard tells it to the others.
struct BindingNews {
  std::string_view endpoint;
  std::string_view contact;  ///< empty, with `expires` 0: all of them
  Endpoint destination;
  Duration expires{0};       ///< from now on; 0: it is gone
  std::uint16_t q = 1000;    ///< thousandths
  bool is_reminder = false;  ///< nothing new: for a shard that missed it, older than anything that it knows by itself
};

/// Where a registered phone is reached.
struct Binding {
  std::string_view contact;  ///< its Contact URI: the request URI of an INVITE to it
  Endpoint destination;      ///< the source of its REGISTER, so that a NAT lets us in
  TimePoint expires;
};

}  // namespace carillon::sip
