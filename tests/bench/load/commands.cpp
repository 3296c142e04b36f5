#include "tests/bench/load/commands.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include "engine/call/command.h"

namespace carillon::bench {
namespace {

void keep_listening(wire::DetectConfig& config, const LoadOptions& options) {
  const auto all_along = static_cast<std::uint32_t>(options.talk_ms);
  config.set_decide_by_ms(all_along);
  config.set_wait_for_beep(true);
  config.set_beep_wait_max_ms(all_along);
}

}  // namespace

std::string hex_sha256(const std::string& bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

wire::ToEngine put_trunk(const std::string& gateway) {
  wire::ToEngine command;
  auto& put = *command.mutable_put_trunk();
  put.set_id("bench");
  put.set_name("bench");
  const auto colon = gateway.rfind(':');
  put.add_gateways()->set_address(gateway.substr(0, colon));
  put.mutable_gateways(0)->set_port(static_cast<std::uint32_t>(std::stoul(gateway.substr(colon + 1))));
  put.add_codecs("PCMU");
  return command;
}

wire::ToEngine originate(std::uint64_t leg, int index, const LoadOptions& options, const std::string& sha) {
  wire::ToEngine command;
  auto& call = *command.mutable_originate();
  call.set_leg(leg);
  call.add_trunks("bench");
  call.set_from("+12125550999");
  call.set_to(fmt::format("+1555{:07}", leg % 10'000'000));
  auto& plan = *call.mutable_plan();
  plan.set_media_timeout_ms(options.media_timeout_ms);
  plan.set_record(options.records &&
                  (options.bridge.empty() || index % 2 == 0));  // one file has both sides of a bridge
  if (options.detect_every > 0 && index % options.detect_every == 0) keep_listening(*plan.mutable_detect(), options);
  auto& first = *plan.add_states();
  first.set_name("load");
  if (options.talk_ms == 0) {
    first.mutable_hangup()->set_cause(16);
    return command;
  }
  if (sha.empty()) {
    first.mutable_wait()->set_for_ms(0);
  } else {
    first.mutable_play()->add_prompts(sha);
    first.mutable_play()->set_loops(100'000);
  }
  first.set_timeout_ms(static_cast<std::uint32_t>(options.talk_ms));
  auto& over = *first.add_on();
  over.set_event(wire::TIMEOUT);
  over.set_next(1);
  auto& last = *plan.add_states();
  last.set_name("end");
  last.mutable_hangup()->set_cause(16);
  return command;
}

wire::ToEngine detect(std::uint64_t leg, const LoadOptions& options) {
  wire::ToEngine command;
  command.mutable_detect()->set_leg(leg);
  keep_listening(*command.mutable_detect()->mutable_config(), options);
  return command;
}

wire::ToEngine bridge(std::uint64_t leg, std::uint64_t other) {
  wire::ToEngine command;
  command.mutable_bridge()->set_leg(leg);
  command.mutable_bridge()->set_other(other);
  return command;
}

std::vector<std::uint64_t> leg_ids(const LoadOptions& options, std::uint64_t base) {
  std::vector<std::uint64_t> ids;
  ids.reserve(static_cast<std::size_t>(options.calls));
  for (std::uint64_t next = base + 1; ids.size() < static_cast<std::size_t>(options.calls); ++next) {
    const auto pair = static_cast<std::uint32_t>(ids.size() / 2);
    const auto second = static_cast<std::uint32_t>(options.bridge == "across" ? ids.size() % 2 : 0);
    const bool is_free = options.bridge.empty();
    if (is_free || call::shard_of({next}, options.shards) == (pair + second) % options.shards) ids.push_back(next);
  }
  return ids;
}

}  // namespace carillon::bench
