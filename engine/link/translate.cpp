#include "engine/link/translate.h"

#include <optional>

#include "engine/link/fields.h"

namespace carillon::link {
namespace {

constexpr int kTrunksMax = 8;
constexpr int kHeadersMax = 32;
constexpr int kGatewaysMax = 16;
constexpr std::size_t kIdMax = 48;  // FixedText of the ids in call::LegState

using Made = Result<call::CommandBody, std::string>;

std::string id_fault(std::string_view field, std::string_view id) {
  return id.empty() ? fmt::format("{}: empty", field) : text_fault(field, id, kIdMax);
}

std::string leg_fault(std::uint64_t leg) { return leg == 0 ? "leg: 0 names no leg" : ""; }

std::string header_fault(const wire::Header& header) {
  if (header.name().empty()) return "name: empty";
  if (header.name().find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~") !=
      std::string::npos)
    return "name: holds a character that header names do not (RFC 3261 token)";
  if (auto fault = text_fault("name", header.name(), 64); !fault.empty()) return fault;
  return text_fault("value", header.value(), 512);
}

std::string originate_fault(const wire::Originate& message) {
  if (auto fault = leg_fault(message.leg()); !fault.empty()) return fault;
  if (message.leg() >> 63) return "leg: ids with the top bit set are the engine's";
  if (message.trunks().empty() == message.endpoint().empty()) return "trunks: either trunks or an endpoint";
  if (message.trunks_size() > kTrunksMax) return fmt::format("trunks: {} at most", kTrunksMax);
  for (int i = 0; i < message.trunks_size(); ++i)
    if (auto fault = id_fault(fmt::format("trunks/{}", i), message.trunks(i)); !fault.empty()) return fault;
  if (auto fault = text_fault("endpoint", message.endpoint(), kIdMax); !fault.empty()) return fault;
  if (message.to().empty() && message.endpoint().empty()) return "to: empty";
  if (auto fault = number_fault("to", message.to()); !fault.empty()) return fault;
  if (auto fault = number_fault("from", message.from()); !fault.empty()) return fault;
  if (auto fault = text_fault("from_name", message.from_name(), 64); !fault.empty()) return fault;
  if (message.headers_size() > kHeadersMax) return fmt::format("headers: {} at most", kHeadersMax);
  for (int i = 0; i < message.headers_size(); ++i)
    if (auto fault = header_fault(message.headers(i)); !fault.empty()) return fmt::format("headers/{}/{}", i, fault);
  return {};
}

Made make(const wire::Originate& message, const PromptUse& use) {
  if (auto fault = originate_fault(message); !fault.empty()) return fault;
  call::Originate made{.leg = LegId{message.leg()},
                       .trunks = {message.trunks().begin(), message.trunks().end()},
                       .endpoint = message.endpoint(),
                       .from = message.from(),
                       .from_name = message.from_name(),
                       .to = message.to(),
                       .headers = {},
                       .ring_time = ms_or(message.ring_time_ms(), 60s),
                       .plan = {},
                       .bridge_to = LegId{message.bridge_to()}};
  for (const auto& header : message.headers()) made.headers.push_back({header.name(), header.value()});
  if (auto fault = to_plan(message.plan(), use.find, made.plan, use.keeps); !fault.empty()) return "plan/" + fault;
  return call::CommandBody(std::move(made));
}

Made make(const wire::Answer& message, const PromptUse& use) {
  call::Answer made{.leg = LegId{message.leg()}, .plan = {}};
  if (auto fault = to_plan(message.plan(), use.find, made.plan, use.keeps); !fault.empty()) return "plan/" + fault;
  return call::CommandBody(std::move(made));
}

Made make(const wire::Progress& message, const PromptUse& use) {
  call::Progress made{.leg = LegId{message.leg()}, .early_media = message.early_media(), .prompt = nullptr};
  if (!message.prompt().empty())
    if (auto fault = put_prompt("prompt", message.prompt(), use, made.prompt); !fault.empty()) return fault;
  return call::CommandBody(made);
}

Made make(const wire::Reject& message, const PromptUse&) {
  const std::uint32_t status = message.status() == 0 ? 480 : message.status();
  if (status < 300 || status > 699) return std::string("status: 300 to 699");
  if (auto fault = text_fault("reason", message.reason(), 96); !fault.empty()) return fault;
  return call::CommandBody(
      call::Reject{LegId{message.leg()}, static_cast<int>(status), message.reason(), message.retry_after_s()});
}

Made make(const wire::Bridge& message, const PromptUse&) {
  if (message.other() == 0) return std::string("other: 0 names no leg");
  if (message.other() == message.leg()) return std::string("other: a leg cannot be bridged with itself");
  return call::CommandBody(call::Bridge{LegId{message.leg()}, LegId{message.other()}});
}

Made make(const wire::Unbridge& message, const PromptUse&) {
  return call::CommandBody(call::Unbridge{LegId{message.leg()}});
}

Made make(const wire::Play& message, const PromptUse& use) {
  call::Play made{.leg = LegId{message.leg()}, .prompts = {}, .loops = message.loops()};
  if (message.prompts().empty()) return std::string("prompts: at least one prompt");
  if (auto fault = put_prompts("prompts", message.prompts(), use, made.prompts); !fault.empty()) return fault;
  return call::CommandBody(std::move(made));
}

Made make(const wire::StopPlay& message, const PromptUse&) {
  return call::CommandBody(call::StopPlay{LegId{message.leg()}});
}

Made make(const wire::Gather& message, const PromptUse&) {
  call::Gather made{.leg = LegId{message.leg()}};
  if (message.digits_max() == 0 || message.digits_max() > 32) return std::string("digits_max: 1 to 32");
  made.digits_max = static_cast<std::uint8_t>(message.digits_max());
  made.timeout = ms_or(message.timeout_ms(), 5s);
  if (auto fault = put_terminator("terminator", message.terminator(), made.terminator); !fault.empty()) return fault;
  return call::CommandBody(made);
}

Made make(const wire::SendDtmf& message, const PromptUse&) {
  if (message.digits().empty() || message.digits().size() > 64) return std::string("digits: 1 to 64");
  if (message.digits().find_first_not_of("0123456789*#ABCDabcd,") != std::string::npos)
    return std::string("digits: 0-9 * # A-D, and a comma for a pause");
  const Duration duration = ms_or(message.duration_ms(), 100ms);
  if (duration < 40ms || duration > 8s) return std::string("duration_ms: 40 to 8000");
  return call::CommandBody(call::SendDtmf{LegId{message.leg()}, message.digits(), duration});
}

Made make(const wire::Record& message, const PromptUse&) {
  return call::CommandBody(call::Record{LegId{message.leg()}, true});
}
Made make(const wire::StopRecord& message, const PromptUse&) {
  return call::CommandBody(call::Record{LegId{message.leg()}, false});
}

Made make(const wire::Detect& message, const PromptUse&) {
  call::Detect made{.leg = LegId{message.leg()}, .config = {}};
  made.config.decide_by = ms_or(message.config().decide_by_ms(), 4s);
  made.config.greeting_max = ms(message.config().greeting_max_ms());
  made.config.wait_for_beep = message.config().wait_for_beep();
  made.config.beep_wait_max = ms_or(message.config().beep_wait_max_ms(), 30s);
  return call::CommandBody(made);
}

Made make(const wire::Hold& message, const PromptUse&) {
  return call::CommandBody(call::Hold{LegId{message.leg()}, message.on()});
}

Made make(const wire::Hangup& message, const PromptUse&) {
  if (message.cause() > 127) return std::string("cause: Q.850 causes are 0 to 127");
  if (auto fault = text_fault("why", message.why(), 96); !fault.empty()) return fault;
  const auto cause = static_cast<std::uint8_t>(message.cause() == 0 ? 16 : message.cause());
  return call::CommandBody(call::Hangup{LegId{message.leg()}, cause, message.why()});
}

Made make(const wire::Join& message, const PromptUse&) {
  if (!wire::Join::Mode_IsValid(message.mode())) return std::string("mode: unknown");
  if (message.target() == 0 || message.target() == message.leg()) return std::string("target: another leg");
  return call::CommandBody(
      call::Join{LegId{message.leg()}, LegId{message.target()}, static_cast<call::Join::Mode>(message.mode())});
}

Made make(const wire::Leave& message, const PromptUse&) { return call::CommandBody(call::Leave{LegId{message.leg()}}); }
Made make(const wire::Trace& message, const PromptUse&) {
  return call::CommandBody(call::Trace{.leg = LegId{message.leg()}, .text = {}, .found = false});
}

std::string put_rule(std::string_view field, const wire::NumberRule& message, call::NumberRule& rule) {
  if (message.strip() > 32) return fmt::format("{}/strip: 32 at most", field);
  if (!wire::NumberRule::Plus_IsValid(message.plus())) return fmt::format("{}/plus: unknown", field);
  if (message.prefix().size() > 32) return fmt::format("{}/prefix: 32 bytes at most", field);
  if (auto fault = number_fault(fmt::format("{}/prefix", field), message.prefix()); !fault.empty()) return fault;
  rule = {message.strip(), message.prefix(), static_cast<call::NumberRule::Plus>(message.plus())};
  return {};
}

std::string put_gateways(const wire::PutTrunk& message, std::vector<Endpoint>& out) {
  if (message.gateways().empty() || message.gateways_size() > kGatewaysMax)
    return fmt::format("gateways: 1 to {}", kGatewaysMax);
  for (int i = 0; i < message.gateways_size(); ++i) {
    const auto& gateway = message.gateways(i);
    if (gateway.port() > 65'535) return fmt::format("gateways/{}/port: 65535 at most", i);
    const auto port = static_cast<std::uint16_t>(gateway.port() == 0 ? 5060 : gateway.port());
    const auto endpoint = Endpoint::parse(gateway.address(), port);
    if (!endpoint || endpoint->is_unspecified()) return fmt::format("gateways/{}/address: not an IP address", i);
    out.push_back(*endpoint);
  }
  return {};
}

std::string trunk_texts_fault(const wire::PutTrunk& message) {
  if (auto fault = id_fault("id", message.id()); !fault.empty()) return fault;
  const std::pair<const char*, const std::string&> texts[] = {{"name", message.name()},
                                                              {"username", message.username()},
                                                              {"password", message.password()},
                                                              {"domain", message.domain()}};
  for (const auto& [field, text] : texts)
    if (auto fault = text_fault(field, text, 128); !fault.empty()) return fault;
  if (message.register_() && message.username().empty()) return "username: needed to register";
  const std::pair<const char*, const std::string&> addresses[] = {{"local_address", message.local_address()},
                                                                  {"advertised_address", message.advertised_address()}};
  for (const auto& [field, text] : addresses)
    if (!text.empty() && !Endpoint::parse(text, 1)) return fmt::format("{}: not an IP address", field);
  for (int i = 0; i < message.codecs_size(); ++i)
    if (message.codecs(i) != "PCMU" && message.codecs(i) != "PCMA") return fmt::format("codecs/{}: PCMU or PCMA", i);
  return message.codecs_size() > 2 ? "codecs: two at most" : "";
}

Made make(const wire::PutTrunk& message, const PromptUse&) {
  if (auto fault = trunk_texts_fault(message); !fault.empty()) return fault;
  call::Trunk trunk;
  trunk.id = message.id();
  trunk.name = message.name();
  if (auto fault = put_gateways(message, trunk.gateways); !fault.empty()) return fault;
  trunk.username = message.username();
  trunk.password = message.password();
  trunk.domain = message.domain();
  trunk.registers = message.register_();
  trunk.register_expires = std::chrono::seconds(message.register_expires_s() == 0 ? 300 : message.register_expires_s());
  if (auto fault = put_rule("to_rule", message.to_rule(), trunk.to_rule); !fault.empty()) return fault;
  if (auto fault = put_rule("from_rule", message.from_rule(), trunk.from_rule); !fault.empty()) return fault;
  trunk.calls_per_second_max = message.calls_per_second_max();
  trunk.channels_max = message.channels_max();
  trunk.options_interval = std::chrono::seconds(message.options_interval_s());
  trunk.local_address = message.local_address();
  trunk.advertised_address = message.advertised_address();
  trunk.behind_nat = message.behind_nat();
  trunk.codecs.assign(message.codecs().begin(), message.codecs().end());
  trunk.follow_redirects = message.follow_redirects();
  return call::CommandBody(call::PutTrunk{std::move(trunk)});
}

Made make(const wire::RemoveTrunk& message, const PromptUse&) {
  if (auto fault = id_fault("id", message.id()); !fault.empty()) return fault;
  return call::CommandBody(call::RemoveTrunk{message.id()});
}

std::string hash_fault(const char* field, const std::string& text, std::size_t size) {
  const bool is_hex = text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  return text.empty() || (text.size() == size && is_hex) ? "" : fmt::format("{}: {} hex digits", field, size);
}

Made make(const wire::PutEndpoint& message, const PromptUse&) {
  if (auto fault = id_fault("id", message.id()); !fault.empty()) return fault;
  if (message.username().empty()) return std::string("username: empty");
  if (auto fault = number_fault("username", message.username()); !fault.empty()) return fault;
  if (auto fault = hash_fault("ha1_md5", message.ha1_md5(), 32); !fault.empty()) return fault;
  if (auto fault = hash_fault("ha1_sha256", message.ha1_sha256(), 64); !fault.empty()) return fault;
  if (message.ha1_md5().empty() && message.ha1_sha256().empty()) return std::string("ha1_sha256: no digest at all");
  return call::CommandBody(call::PutEndpoint{message.id(), message.username(), message.ha1_md5(), message.ha1_sha256(),
                                             message.behind_nat()});
}

Made make(const wire::RemoveEndpoint& message, const PromptUse&) {
  if (auto fault = id_fault("id", message.id()); !fault.empty()) return fault;
  return call::CommandBody(call::RemoveEndpoint{message.id()});
}

Made make(const wire::Drain& message, const PromptUse&) { return call::CommandBody(call::Drain{message.on()}); }

template <class Message>
Made make_for_leg(const Message& message, const PromptUse& use) {
  if (auto fault = leg_fault(message.leg()); !fault.empty()) return fault;
  return make(message, use);
}

Made make_body(const wire::ToEngine& message, const PromptUse& use) {
  using Case = wire::ToEngine::BodyCase;
  switch (message.body_case()) {
    case Case::kOriginate:
      return make_for_leg(message.originate(), use);
    case Case::kAnswer:
      return make_for_leg(message.answer(), use);
    case Case::kProgress:
      return make_for_leg(message.progress(), use);
    case Case::kReject:
      return make_for_leg(message.reject(), use);
    case Case::kBridge:
      return make_for_leg(message.bridge(), use);
    case Case::kUnbridge:
      return make_for_leg(message.unbridge(), use);
    case Case::kPlay:
      return make_for_leg(message.play(), use);
    case Case::kStopPlay:
      return make_for_leg(message.stop_play(), use);
    case Case::kGather:
      return make_for_leg(message.gather(), use);
    case Case::kSendDtmf:
      return make_for_leg(message.send_dtmf(), use);
    case Case::kRecord:
      return make_for_leg(message.record(), use);
    case Case::kStopRecord:
      return make_for_leg(message.stop_record(), use);
    case Case::kDetect:
      return make_for_leg(message.detect(), use);
    case Case::kHold:
      return make_for_leg(message.hold(), use);
    case Case::kHangup:
      return make_for_leg(message.hangup(), use);
    case Case::kJoin:
      return make_for_leg(message.join(), use);
    case Case::kLeave:
      return make_for_leg(message.leave(), use);
    case Case::kTrace:
      return make_for_leg(message.trace(), use);
    case Case::kPutTrunk:
      return make(message.put_trunk(), use);
    case Case::kRemoveTrunk:
      return make(message.remove_trunk(), use);
    case Case::kPutEndpoint:
      return make(message.put_endpoint(), use);
    case Case::kRemoveEndpoint:
      return make(message.remove_endpoint(), use);
    case Case::kDrain:
      return make(message.drain(), use);
    default:
      return std::string("this engine does not know the command");
  }
}

}  // namespace

Result<std::unique_ptr<call::Command>, std::string> to_command(const wire::ToEngine& message, const FindPrompt& find) {
  auto command = std::make_unique<call::Command>();
  command->id = message.id();
  auto body = make_body(message, PromptUse{find, command->keeps});
  if (!body) return body.error();
  command->body = std::move(*body);
  return command;
}

LegId leg_of(const call::CommandBody& body) {
  return std::visit(
      [](const auto& one) -> LegId {
        if constexpr (requires { one.leg; }) return one.leg;
        return {};
      },
      body);
}

}  // namespace carillon::link
