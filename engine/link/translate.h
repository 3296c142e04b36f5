#pragma once
// Between the schema and what shards understand. Everything that control may say is checked here: a shard never sees a
// text too long, a prompt that is not there or a plan that points outside itself.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/call/command.h"
#include "engine/call/event.h"
#include "engine/link/engine.pb.h"

namespace carillon::media {
class Prompt;
}

namespace carillon::link {

/// Null when the SHA-256 is unknown.
using FindPrompt = std::function<std::shared_ptr<const media::Prompt>(std::string_view sha256)>;

/// The Command for the messages that shards perform (Originate to Leave, PutTrunk to RemoveEndpoint, Drain, Trace);
/// prompts it needs are in `keeps`. The error names the field: "plan/states/2/on/0/next: state 9 does not exist".
Result<std::unique_ptr<call::Command>, std::string> to_command(const wire::ToEngine& message, const FindPrompt& find);

/// The plan alone; `keeps` gets the prompts. Empty, or the first fault as "states/2/…: reason".
std::string to_plan(const wire::CallPlan& message, const FindPrompt& find, call::Plan& plan,
                    std::vector<std::shared_ptr<const void>>& keeps);

/// The leg a command is for, 0 when it is for all shards.
LegId leg_of(const call::CommandBody& body);

/// An event for control, without sequence. Not for kDone and kStats, which the link answers and sums itself.
wire::FromEngine to_wire(const call::Event& event);
/// What a shard counted up to `counted`. A headroom that is no share is made one.
wire::ShardStats to_wire(const call::ShardStats& stats, WallTime counted);

}  // namespace carillon::link
