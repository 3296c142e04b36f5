#include "tests/carrier/carrier.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "tests/carrier/phone.h"

namespace carillon::carrier {
namespace {

constexpr std::string_view kRealm = "carrier.test";
constexpr Duration kClosingMax = 3s;

timespec to_timespec(Duration length) {
  length = std::max(length, Duration{0});
  return {length / 1s, (length % 1s).count()};
}

}  // namespace

Result<std::unique_ptr<Carrier>, std::string> Carrier::open(const CarrierConfig& config, const Library& library,
                                                            TruthWriter& truth) {
  auto sip = UdpSocket::bind(config.listen, 8 << 20);
  if (!sip) return fmt::format("{}: {}", config.listen.text(), strerror(errno));
  return std::unique_ptr<Carrier>(new Carrier(config, std::move(*sip), library, truth));
}

Carrier::Carrier(const CarrierConfig& config, UdpSocket sip, const Library& library, TruthWriter& truth)
    : config_(config),
      sip_(std::move(sip)),
      ports_(config.listen, config.rtp_min, config.rtp_max),
      board_{.listen = sip_.local(),
             .seed = config.seed,
             .options = config.options,
             .require_auth = config.require_auth,
             .agents = {},
             .library = library,
             .sip = sip_,
             .ports = ports_,
             .receiver = receiver_,
             .truth = truth,
             .random = Random(config.seed * 31 + 7)} {
  std::ranges::sort(config_.orders, {}, &CallOrder::at);
  for (const auto& line : config_.agents) {
    board_.agents.insert(line.login.user);
    registrations_.push_back(std::make_unique<Registration>(board_, line));
  }
}

void Carrier::answer(const SipMessage& request, int status, std::string_view reason, const Endpoint& source) {
  sip_.send(response_address(request, source), write_sip(response_to(request, status, reason, "carrier", source)));
}

// Stateless: the nonce belongs to the Call-ID, so that a request sent again is challenged or passed alike.
bool Carrier::is_authorised(const SipMessage& request, const Endpoint& source) {
  if (!config_.require_auth) return true;
  auto random = random_for(config_.seed, request.get("call-id"));
  const auto nonce = fmt::format("{:016x}", random.next());
  const bool as_proxy = request.method != "REGISTER" && random.below(2) == 0;
  const auto credentials = request.get(as_proxy ? "proxy-authorization" : "authorization");
  if (!credentials.empty() && proves(credentials, *config_.require_auth, request.method, nonce)) return true;
  auto response = as_proxy ? response_to(request, 407, "Proxy Authentication Required", "carrier", source)
                           : response_to(request, 401, "Unauthorized", "carrier", source);
  const std::string name = as_proxy ? "proxy-authenticate" : "www-authenticate";
  if (config_.offers_sha256) response.add(name, challenge(kRealm, nonce, "SHA-256"));  // preferred first (RFC 8760)
  response.add(name, challenge(kRealm, nonce, "MD5"));
  sip_.send(response_address(request, source), write_sip(response));
  return false;
}

void Carrier::add(std::unique_ptr<Call> call) {
  by_call_id_[call->call_id()] = call.get();
  const auto emptiest = std::ranges::min_element(slots_, {}, [](const auto& slot) { return slot.size(); });
  emptiest->push_back(std::move(call));
  counts_.calls_max = std::max(counts_.calls_max, ++calls_);
}

void Carrier::on_invite(const SipMessage& request, const Endpoint& source, TimePoint now) {
  if (parameter(request.get("to"), "tag")) return answer(request, 481, "No Such Call", source);
  if (!is_authorised(request, source)) return;
  ++counts_.invites;
  add(std::make_unique<Phone>(board_, request, source, now));
}

void Carrier::on_register(const SipMessage& request, const Endpoint& source) {
  if (!is_authorised(request, source)) return;
  auto response = response_to(request, 200, "OK", "carrier", source);
  const auto expires = request.has("expires") ? std::string(request.get("expires")) : "300";
  for (auto contact : request.all("contact")) {
    if (!parameter(contact, "expires")) contact += ";expires=" + expires;
    response.add("contact", std::move(contact));
  }
  response.add("expires", expires);
  sip_.send(response_address(request, source), write_sip(response));
}

void Carrier::on_request(const SipMessage& request, const Endpoint& source, TimePoint now) {
  if (const auto call = by_call_id_.find(std::string(request.get("call-id"))); call != by_call_id_.end())
    return call->second->on_request(request, source, now);
  if (request.method == "INVITE") return on_invite(request, source, now);
  if (request.method == "REGISTER") return on_register(request, source);
  if (request.method == "OPTIONS") return answer(request, 200, "OK", source);
  if (request.method == "ACK") return;  // of a challenge, or late
  ++counts_.unknown;
  if (request.method == "BYE" || request.method == "CANCEL") return answer(request, 481, "No Such Call", source);
  answer(request, 501, "Not Implemented", source);
}

void Carrier::read_sip(TimePoint now) {
  for (;;) {
    std::vector<std::pair<std::string, Endpoint>> batch;  // calls read their own sockets through the same receiver
    for (const auto& datagram : receiver_.read(sip_)) batch.emplace_back(text_of(datagram.bytes), datagram.from);
    for (const auto& [text, source] : batch) {
      if (text.find_first_not_of("\r\n") == std::string::npos) continue;  // keep-alive (RFC 5626)
      const auto message = parse_sip(text);
      if (!message) {
        ++counts_.malformed;
        continue;
      }
      if (message->is_request()) {
        on_request(*message, source, now);
        continue;
      }
      const auto call = by_call_id_.find(std::string(message->get("call-id")));
      if (call != by_call_id_.end()) call->second->on_response(*message, now);
      for (const auto& registration : registrations_)
        if (registration->call_id() == message->get("call-id")) registration->on_response(*message, now);
    }
    if (batch.size() < 32) return;
  }
}

void Carrier::place_due(TimePoint now) {
  while (next_order_ < config_.orders.size() && now >= started_ + config_.orders[next_order_].at)
    add(std::make_unique<Caller>(board_, config_.orders[next_order_++], now));
}

void Carrier::step_registrations(TimePoint now) {
  for (const auto& registration : registrations_) registration->step(now);
  const bool all = std::ranges::all_of(registrations_, [](const auto& r) { return r->is_registered(); });
  if (!all || are_all_registered_ || registrations_.empty()) return;
  are_all_registered_ = true;
  fmt::print("registered {}\n", registrations_.size());
  std::fflush(stdout);
}

void Carrier::beat(TimePoint now) {
  auto& slot = slots_[tick_ % slots_.size()];
  for (std::size_t i = 0; i < slot.size();) {
    slot[i]->step(now);
    if (!slot[i]->is_gone(now)) {
      ++i;
      continue;
    }
    const auto named = by_call_id_.find(slot[i]->call_id());
    if (named != by_call_id_.end() && named->second == slot[i].get()) by_call_id_.erase(named);
    std::swap(slot[i], slot.back());
    slot.pop_back();
    --calls_;
  }
}

CarrierCounts Carrier::run(int signal_fd) {
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  for (const int fd : {sip_.fd(), signal_fd}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    ::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
  }
  started_ = MonoClock::now();
  TimePoint next_beat = started_, closing_since{};
  while (true) {
    TimePoint now = MonoClock::now();
    TimePoint wake = TimePoint::max();
    if (is_busy()) wake = next_beat;
    if (next_order_ < config_.orders.size()) wake = std::min(wake, started_ + config_.orders[next_order_].at);
    if (!registrations_.empty()) wake = std::min(wake, now + 100ms);
    if (config_.exit_after) wake = std::min(wake, started_ + *config_.exit_after);
    const auto wait = to_timespec(wake == TimePoint::max() ? Duration(60s) : wake - now);
    std::array<epoll_event, 4> events;
    const int count = ::epoll_pwait2(poll, events.data(), static_cast<int>(events.size()), &wait, nullptr);
    now = MonoClock::now();
    bool is_told = config_.exit_after && now >= started_ + *config_.exit_after;
    for (int i = 0; i < count; ++i)
      if (events[static_cast<std::size_t>(i)].data.fd == signal_fd) is_told = true;
    if (is_told && closing_since == TimePoint{}) {
      closing_since = now;
      next_order_ = config_.orders.size();
      for (const auto& registration : registrations_) registration->close();
      for (auto& slot : slots_)
        for (auto& call : slot) call->close(now);
    }
    if (!is_busy()) next_beat = now;
    read_sip(now);
    place_due(now);
    if (closing_since == TimePoint{}) step_registrations(now);
    for (; is_busy() && next_beat <= now; next_beat += 1ms, ++tick_) {
      counts_.late_beats += now - next_beat > 10ms;
      beat(now);
    }
    if (closing_since == TimePoint{}) continue;
    const bool all_finished =
        std::ranges::all_of(slots_, [](const auto& slot) { return std::ranges::all_of(slot, &Call::is_finished); });
    if (all_finished || now - closing_since > kClosingMax) break;
  }
  for (auto& slot : slots_)
    for (auto& call : slot) call->abandon(MonoClock::now());
  ::close(poll);
  return counts_;
}

}  // namespace carillon::carrier
