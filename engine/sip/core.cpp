#include "engine/sip/core.h"

#include <algorithm>

#include "engine/base/check.h"
#include "engine/sip/field.h"
#include "engine/sip/steer.h"

namespace carillon::sip {
namespace {

std::array<std::uint8_t, 32> key_or_random(std::array<std::uint8_t, 32> key, Random& random) {
  if (key == decltype(key){})
    for (auto& byte : key) byte = static_cast<std::uint8_t>(random.u32());
  return key;
}

FixedText<64> host_text(const Endpoint& endpoint) {
  char text[64];
  Writer out(text);
  out.host(endpoint);
  return FixedText<64>(out.text());
}

}  // namespace

Core::Core(const UserAgentConfig& settings, Random& source, TimePoint now)
    : config(settings),
      random(source),
      outbox(settings.outbox_max, counters),
      events(settings.events_max),
      clock(settings.transactions_max + settings.dialogs_max + settings.registrations_max + 4 * settings.trunks_max,
            now),
      transactions(config, random, outbox, clock, counters),
      nonces(key_or_random(settings.nonce_key, source)),
      sent_by(host_text(settings.advertised.is_unspecified() ? settings.bound : settings.advertised)) {}

FixedText<32> Core::loose_tag(const Message& request) {
  const auto key =
      shard_for(request.value(HeaderId::kCallId), 0xFFFF'FFFF) ^ shard_for(request.value(HeaderId::kFrom), 0xFFFF'FFFF);
  const auto text = Label{config.shard, {Label::kIndexMax, 0}, key}.text();
  return FixedText<32>(std::string_view(text.data(), text.size()));
}

Writer Core::begin_reply(const Message& request, const Endpoint& from, int status, std::string_view reason) {
  Writer out(scratch);
  write_response(out, request, &from, status, reason, status == 100 ? FixedText<32>() : loose_tag(request));
  return out;
}

void Core::end_reply(const Message& request, const Endpoint& from, Writer& out) {
  out.put("Server: ", config.product, "\r\n").body({}, {});
  const auto via = Via::parse(top_via(request));
  if (out.failed() || !via) {
    ++counters.too_long;
    return;
  }
  outbox.send(via->reply_to(from), out.text());
}

void Core::reply_full(const Message& request, const Endpoint& from) {
  reply(request, from, 503, {}, [&](Writer& out) { write_retry_after(out, config.retry_after); });
}

void Core::write_retry_after(Writer& out, Duration after) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(after).count();
  if (seconds > 0) out.put("Retry-After: ", seconds, "\r\n");
}

Handle Core::schedule(TimePoint at, Due due) {
  const Handle timer = clock.schedule(at, due);
  CHECK(timer);
  return timer;
}

}  // namespace carillon::sip
