#pragma once

#include <array>
#include <cstdint>

namespace carillon::net {

/// One plain integer per reason, written by the shard's thread only. Beside io::PortCounters and io::FrameCounters.
struct NetCounters {
  // in: dropped
  std::uint64_t not_ours = 0;      ///< another's MAC or IP address, or a protocol we do not speak and no kernel path
  std::uint64_t wrong_vlan = 0;    ///< a tag that is not ours, or none where we have one
  std::uint64_t malformed = 0;     ///< lengths, versions or fields that contradict each other
  std::uint64_t bad_checksum = 0;  ///< IPv4, UDP, ICMP
  std::uint64_t martian = 0;       ///< a source that nobody can have
  std::uint64_t no_socket = 0;     ///< UDP to a port that nobody has open
  std::uint64_t fragments_refused = 0;  ///< not for a shared socket, or too long
  std::uint64_t fragments_overlap = 0;  ///< the datagram is dropped whole (RFC 5722)
  std::uint64_t fragments_expired = 0;  ///< datagrams that stayed incomplete
  std::uint64_t fragments_full = 0;     ///< datagrams given up for newer ones
  std::uint64_t address_conflicts = 0;  ///< another host says that it has our address
  // in: used up here
  std::uint64_t reassembled = 0;
  std::uint64_t arp_in = 0, ndp_in = 0, echo_answered = 0, echo_limited = 0;
  std::uint64_t unreachable_in = 0;  ///< ICMP says that a packet of ours did not arrive
  std::uint64_t too_big_in = 0;      ///< … because it is longer than the path allows
  // to and from others
  std::uint64_t to_kernel = 0, from_kernel = 0;
  std::uint64_t passed_on = 0, passed_in = 0;  ///< frames, between shards
  std::uint64_t passed_full = 0;               ///< the other shard's ring was full: dropped
  std::uint64_t news_full = 0;
  // out
  std::uint64_t no_frame = 0;           ///< the port had no buffer
  std::uint64_t no_route = 0;           ///< off every network of ours and no gateway, or to ourselves
  std::uint64_t neighbours_full = 0;    ///< no entry was to be had
  std::uint64_t neighbours_failed = 0;  ///< asked three times, no answer
  std::uint64_t pending_dropped = 0;    ///< packets that waited for a neighbour: too many, or it did not answer
  std::uint64_t too_long = 0;           ///< longer than UDP allows
  std::uint64_t fragmented = 0;         ///< datagrams that left in several pieces
  std::uint64_t errors_sent = 0, errors_limited = 0;  ///< ICMP port unreachable
  std::uint64_t templates_built = 0;                  ///< slow path: first packet to a peer, or news of its neighbour
};

struct NetCounterName {
  const char* name;
  std::uint64_t NetCounters::*value;
};

inline constexpr auto kNetCounterNames = std::to_array<NetCounterName>({
    {"not_ours", &NetCounters::not_ours},
    {"wrong_vlan", &NetCounters::wrong_vlan},
    {"malformed", &NetCounters::malformed},
    {"bad_checksum", &NetCounters::bad_checksum},
    {"martian", &NetCounters::martian},
    {"no_socket", &NetCounters::no_socket},
    {"fragments_refused", &NetCounters::fragments_refused},
    {"fragments_overlap", &NetCounters::fragments_overlap},
    {"fragments_expired", &NetCounters::fragments_expired},
    {"fragments_full", &NetCounters::fragments_full},
    {"address_conflicts", &NetCounters::address_conflicts},
    {"reassembled", &NetCounters::reassembled},
    {"arp_in", &NetCounters::arp_in},
    {"ndp_in", &NetCounters::ndp_in},
    {"echo_answered", &NetCounters::echo_answered},
    {"echo_limited", &NetCounters::echo_limited},
    {"unreachable_in", &NetCounters::unreachable_in},
    {"too_big_in", &NetCounters::too_big_in},
    {"to_kernel", &NetCounters::to_kernel},
    {"from_kernel", &NetCounters::from_kernel},
    {"passed_on", &NetCounters::passed_on},
    {"passed_in", &NetCounters::passed_in},
    {"passed_full", &NetCounters::passed_full},
    {"news_full", &NetCounters::news_full},
    {"no_frame", &NetCounters::no_frame},
    {"no_route", &NetCounters::no_route},
    {"neighbours_full", &NetCounters::neighbours_full},
    {"neighbours_failed", &NetCounters::neighbours_failed},
    {"pending_dropped", &NetCounters::pending_dropped},
    {"too_long", &NetCounters::too_long},
    {"fragmented", &NetCounters::fragmented},
    {"errors_sent", &NetCounters::errors_sent},
    {"errors_limited", &NetCounters::errors_limited},
    {"templates_built", &NetCounters::templates_built},
});
static_assert(sizeof(NetCounters) == kNetCounterNames.size() * sizeof(std::uint64_t), "each has a name");

}  // namespace carillon::net
