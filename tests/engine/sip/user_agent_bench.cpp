// One whole call between two agents in memory: INVITE, 100, 180, 200, ACK, BYE, 200, with SDP; both agents' work is in
// the figure. Its floor: copying the bytes of the same datagrams twice, as a wire would.

#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/sip/user_agent.h"

namespace carillon::sip {
namespace {

const Endpoint kCaller = Endpoint::v4(192, 0, 2, 1, 5060), kCallee = Endpoint::v4(192, 0, 2, 2, 5060);
constexpr std::string_view kSdp =
    "v=0\r\no=- 3747 3461 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 49172 RTP/AVP 8 0 101\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n";

struct Pair {
  Random random{1};
  TimePoint now{};
  std::unique_ptr<UserAgent> caller = make(kCaller, kCallee), callee = make(kCallee, kCaller);
  std::vector<std::string>* copies = nullptr;

  // 32 s of transactions at 10,000 calls/s would be many: T1 is cut so that the pools turn over, not the work per call
  std::unique_ptr<UserAgent> make(const Endpoint& address, const Endpoint& peer) {
    UserAgentConfig config;
    config.bound = address;
    config.timing = {.t1 = 5ms, .t2 = 40ms, .t4 = 50ms};
    auto agent = std::make_unique<UserAgent>(config, random, now);
    TrunkConfig trunk;
    trunk.id = "peer";
    trunk.gateways = {peer};
    agent->put_trunk(trunk, now);
    return agent;
  }

  void carry(UserAgent& from, UserAgent& to, const Endpoint& source) {
    for (const auto& datagram : from.outbox()) {
      if (copies) copies->emplace_back(text_of(datagram.data));
      to.receive(datagram.data, source, now);
    }
    from.clear_outbox();
  }
  void exchange() {
    while (!caller->outbox().empty() || !callee->outbox().empty()) {
      carry(*caller, *callee, kCaller);
      for (const auto& event : callee->events()) {
        if (event.kind != EventKind::kIncoming) continue;
        (void)callee->ring(event.call, 180, {}, now);
        (void)callee->accept(event.call, kSdp, now);
      }
      callee->clear_events();
      carry(*callee, *caller, kCallee);
      for (const auto& event : caller->events())
        if (event.kind == EventKind::kAnswered) caller->bye(event.call, 16, {}, now);
      caller->clear_events();
    }
  }
  bool call() {
    Invite invite;
    invite.destination = kCallee;
    invite.request_uri = "sip:+4930123456@192.0.2.2";
    invite.from = "+4940987654";
    invite.to = "+4930123456";
    invite.trunk = "peer";
    invite.sdp = kSdp;
    const bool is_placed = caller->invite(invite, now).has_value();
    exchange();
    now += 100us;
    caller->fire(now);
    callee->fire(now);
    return is_placed;
  }
};

void CallSetupAndTeardown(benchmark::State& state) {
  Pair pair;
  for (int i = 0; i < 20'000; ++i) pair.call();  // until transactions end as fast as they begin
  for (auto _ : state)
    if (!pair.call()) state.SkipWithError("a pool is full");
  state.SetItemsProcessed(state.iterations());
  state.counters["calls_left"] = pair.caller->dialogs() + pair.callee->dialogs();
}

void CopyDatagramsTwice(benchmark::State& state) {
  Pair pair;
  std::vector<std::string> datagrams;
  pair.copies = &datagrams;
  pair.call();
  char buffer[8192];
  for (auto _ : state)
    for (int i = 0; i < 2; ++i)
      for (const auto& datagram : datagrams) {
        std::memcpy(buffer, datagram.data(), datagram.size());
        benchmark::DoNotOptimize(buffer);
        benchmark::ClobberMemory();
      }
  state.counters["datagrams"] = static_cast<double>(datagrams.size());
}

BENCHMARK(CallSetupAndTeardown)->Unit(benchmark::kMicrosecond)->Repetitions(5)->ReportAggregatesOnly();
BENCHMARK(CopyDatagramsTwice)->Unit(benchmark::kMicrosecond)->Repetitions(5)->ReportAggregatesOnly();

}  // namespace
}  // namespace carillon::sip

BENCHMARK_MAIN();
