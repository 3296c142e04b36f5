// Reading one INVITE as carriers send it, beside copying its bytes.

#include <benchmark/benchmark.h>

#include <cstring>
#include <string>

#include "engine/sip/field.h"
#include "engine/sip/message.h"
#include "engine/sip/steer.h"

namespace carillon::sip {
namespace {

const std::string kInvite =
    "INVITE sip:+4930123456@192.0.2.1:5060 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK-524287-1---8f7a6b5c4d3e2f10;rport\r\n"
    "Via: SIP/2.0/UDP 10.1.2.3:5060;branch=z9hG4bK776asdhds;received=198.51.100.3\r\n"
    "Record-Route: <sip:192.0.2.2;lr;ftag=9fxced76sl>\r\nMax-Forwards: 69\r\n"
    "From: \"Anna Example\" <sip:+4940987654@carrier.example;user=phone>;tag=9fxced76sl\r\n"
    "To: <sip:+4930123456@192.0.2.1;user=phone>\r\nCall-ID: 3848276298220188511@carrier.example\r\n"
    "CSeq: 31862 INVITE\r\nContact: <sip:+4940987654@192.0.2.2:5060;transport=udp>\r\n"
    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REFER, NOTIFY\r\nSupported: timer, 100rel\r\n"
    "Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\nUser-Agent: Softswitch 7.1\r\n"
    "P-Asserted-Identity: <sip:+4940987654@carrier.example;user=phone>\r\nPrivacy: none\r\n"
    "Content-Type: application/sdp\r\nContent-Length: 219\r\n\r\n"
    "v=0\r\no=- 3747 3461 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 49172 RTP/AVP 8 0 18 "
    "101\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=ptime:20\r\na=sendrecv\r\n";

void CopyBytes(benchmark::State& state) {
  char buffer[4096];
  for (auto _ : state) {
    std::memcpy(buffer, kInvite.data(), kInvite.size());
    benchmark::DoNotOptimize(buffer);
    benchmark::ClobberMemory();
  }
}
void ParseInvite(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Message::parse(bytes_of(kInvite)));
}
void SteerInvite(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(steer(bytes_of(kInvite), 8));
}
void ParseFieldsOfADialog(benchmark::State& state) {
  const auto message = Message::parse(bytes_of(kInvite));
  for (auto _ : state) {
    benchmark::DoNotOptimize(Via::parse(top_via(*message)));
    benchmark::DoNotOptimize(NameAddress::parse(message->value(HeaderId::kFrom)));
    benchmark::DoNotOptimize(NameAddress::parse(message->value(HeaderId::kTo)));
    benchmark::DoNotOptimize(NameAddress::parse(message->value(HeaderId::kContact)));
  }
}

BENCHMARK(CopyBytes)->Repetitions(5)->ReportAggregatesOnly();
BENCHMARK(ParseInvite)->Repetitions(5)->ReportAggregatesOnly();
BENCHMARK(SteerInvite)->Repetitions(5)->ReportAggregatesOnly();
BENCHMARK(ParseFieldsOfADialog)->Repetitions(5)->ReportAggregatesOnly();

}  // namespace
}  // namespace carillon::sip

BENCHMARK_MAIN();
