// Whatever a ToEngine message holds: a fault in words, or a command within every bound that shards rely on.

#include <google/protobuf/stubs/logging.h>

#include "engine/base/check.h"
#include "engine/link/translate.h"

using namespace carillon;

namespace {

std::shared_ptr<const media::Prompt> known(std::string_view sha256) {
  static const int sound = 0;  // never looked into: translate only passes the pointer on
  if (sha256[0] == '0') return nullptr;
  return {std::shared_ptr<const void>(), reinterpret_cast<const media::Prompt*>(&sound)};
}

void check(const call::Plan& plan) {
  CHECK(plan.states.size() <= 64);
  for (const auto& state : plan.states) {
    CHECK(state.on.size() <= 16);
    for (const auto& transition : state.on) CHECK(transition.next < plan.states.size());
    for (const auto* prompt : state.prompts) CHECK(prompt != nullptr);
    CHECK(state.cause <= 127);
    CHECK(state.wait >= Duration{0});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kSilent = google::protobuf::SetLogHandler(nullptr);  // it would say each text that is none
  (void)kSilent;
  wire::ToEngine message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return 0;
  const auto command = link::to_command(message, known);
  if (!command) {
    CHECK(!command.error().empty());
    return 0;
  }
  CHECK((*command)->id == message.id());
  if (const auto* originate = std::get_if<call::Originate>(&(*command)->body)) {
    CHECK(originate->leg.value != 0 && originate->leg.value >> 63 == 0);
    CHECK(originate->trunks.size() <= 8);
    CHECK(originate->to.find_first_of("\r\n") == std::string::npos);
    check(originate->plan);
  }
  if (const auto* answer = std::get_if<call::Answer>(&(*command)->body)) check(answer->plan);
  if (const auto* trunk = std::get_if<call::PutTrunk>(&(*command)->body)) CHECK(!trunk->trunk.gateways.empty());
  return 0;
}
