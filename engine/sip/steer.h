#pragma once
// Which shard a SIP datagram belongs to (DESIGN §3), told by a scan without parsing: for the moment before the parser,
// on whichever core the datagram came in.

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/bytes.h"

namespace carillon::sip {

/// The shard that must have it: a response's by our branch in its first Via, a request's by our To-tag, else by
/// hash(Call-ID), so that retransmissions, ACK and CANCEL find what their INVITE found.
///
/// shards   1..4096
/// returns  nothing for what is not SIP, and for a tag or branch that is not ours or names a shard that does not exist:
///          keep it, the agent that has it answers 481 or drops and counts
/// cost     one pass over the header lines, no allocation
std::optional<std::uint32_t> steer(ByteView datagram, std::uint32_t shards);

/// hash(Call-ID) as steer() uses it; also names the shard that registers and probes a trunk, by its id.
std::uint32_t shard_for(std::string_view text, std::uint32_t shards);

/// The Call-ID of anything that looks like SIP, or empty: for traces.
std::string_view call_id_of(ByteView datagram);

}  // namespace carillon::sip
