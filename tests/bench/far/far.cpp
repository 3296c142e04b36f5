#include "tests/bench/far/far.h"

#include <fmt/format.h>
#include <rte_prefetch.h>

#include <algorithm>

namespace carillon::bench {

Far::Far(const FarOptions& options, const PortPlan& plan, DpdkPort& port, const Sound& voice, const Sound* expected,
         const TscRate& rate)
    : options_(options),
      plan_(plan),
      port_(port),
      rate_(rate),
      neighbour_(options, plan, port.mac(), rate),
      answerer_(options, plan, port.mac(), rate),
      judge_(options.channels, expected, rate),
      speaker_(voice, options.channels, options.speak, rate),
      garbage_(options, port.mac(), rate) {
  turned_ = emptied_ = tsc_now();
}

bool Far::step() {
  const auto sent_before = port_.counts().sent;
  const Tsc now = tsc_now();
  note_turn(now);
  const auto frames = port_.receive();
  // read behind the ring: were we kept from the core in between, the stamp is late and blurred, never early and sharp
  const Tsc arrived = tsc_now();
  for (rte_mbuf* frame : frames) rte_prefetch0(rte_pktmbuf_mtod(frame, void*));
  if (options_.echoes) {
    for (rte_mbuf* frame : frames) echo(frame);
  } else {
    for (rte_mbuf* frame : frames) {  // its channel's books on their way before they are needed
      const std::uint8_t* at = rte_pktmbuf_mtod(frame, const std::uint8_t*);
      const std::uint32_t channel = plan_.channel(read32(at + 30), read16(at + 36));
      if (channel != PortPlan::kNone) judge_.prefetch(channel);
    }
    for (rte_mbuf* frame : frames) take(frame, arrived);
    DpdkPort::release(frames);
    Answerer::News news;
    for (int i = 0; i < 8 && answerer_.run_due(port_, now, news); ++i) heed(news);
    speaker_.run_due(port_, now);
    garbage_.run_due(port_, now);
  }
  if (now > housekept_) {
    judge_.tick(now);
    if (!options_.echoes) neighbour_.run_due(port_, now);
    if (options_.source && !has_source_ && port_.is_up()) open_source();
    housekept_ = now + rate_.cycles(1000);
  }
  port_.flush();
  if (frames.size() < DpdkPort::kBurst)
    emptied_ = now;
  else
    ++bursts_full_;
  return !frames.empty() || port_.counts().sent != sent_before;
}

void Far::note_turn(Tsc now) {
  const double us = rate_.us(now - turned_);
  turned_ = now;
  if (!judge_.is_measuring()) return;
  turns_.add(us);
  if (us > kStallUs) {
    ++stalls_;
    stalled_us_ += us;
  }
}

void Far::take(rte_mbuf* mbuf, Tsc now) {
  const Bytes frame = bytes_of(mbuf);
  garbage_.hear(frame);
  const auto datagram = read_datagram(frame);
  if (!datagram) {
    neighbour_.take(port_, frame);
    return;
  }
  if (!plan_.is_ours(datagram->destination)) {
    ++foreign_;
    return;
  }
  if (!is_sound(frame)) {
    ++unsound_;
    return;
  }
  if (datagram->destination_port == options_.sip_port) {
    heed(answerer_.take(port_, *datagram, now));
    return;
  }
  const std::uint32_t channel = plan_.channel(datagram->destination, datagram->destination_port);
  if (channel != PortPlan::kNone)
    judge_.take(channel, datagram->payload, now, emptied_);
  else if (plan_.channel(datagram->destination, static_cast<std::uint16_t>(datagram->destination_port - 1)) !=
           PortPlan::kNone)
    ++rtcp_;
  else
    ++foreign_;
}

/// Swapped addresses and ports leave both checksums right.
void Far::echo(rte_mbuf* frame) {
  auto* at = rte_pktmbuf_mtod(frame, std::uint8_t*);
  if (bytes_of(frame).size() < kUdpHead) {
    rte_pktmbuf_free(frame);
    return;
  }
  std::swap_ranges(at, at + 6, at + 6);
  std::swap_ranges(at + 26, at + 30, at + 30);
  std::swap_ranges(at + 34, at + 36, at + 36);
  ++echoed_;
  port_.send(frame);
}

void Far::heed(const Answerer::News& news) {
  if (news.kind == Answerer::News::Kind::kOpened) {
    judge_.open(news.channel);
    speaker_.open(news.channel, news.rtp);
  } else if (news.kind == Answerer::News::Kind::kClosed) {
    speaker_.close(news.channel);
  }
}

/// Channels as if they had been called: what comes back from the peer is judged like any other speech.
void Far::open_source() {
  has_source_ = true;
  constexpr rte_ether_addr kEverybody = {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
  for (std::uint32_t i = 0; i < options_.source; ++i) {
    judge_.open(i);
    speaker_.open(i, {port_.mac(), kEverybody, plan_.address(i), options_.engine, plan_.port(i), plan_.port(i)});
  }
}

void Far::measure_start() {
  answerer_.clear_counts();
  speaker_.clear_counts();
  port_.clear_counts();
  turns_.clear();
  stalls_ = bursts_full_ = rtcp_ = unsound_ = foreign_ = echoed_ = 0;
  stalled_us_ = 0;
  rx_missed_before_ = port_.rx_missed();
  judge_.start(tsc_now());
}

void Far::measure_stop() { judge_.stop(tsc_now()); }

void Far::start_garbage() { garbage_.start(tsc_now()); }

std::string Far::report() const {
  const auto& port = port_.counts();
  const auto& speaker = speaker_.counts();
  return fmt::format(
      "{{{},{},\"rtcp\":{},\"unsound\":{},\"foreign\":{},\"echoed\":{},\"spoken\":{},\"speak_slots_skipped\":{},"
      "\"speak_late_max_us\":{:.1f},\"garbage\":{},\"far\":{{{},\"stalls\":{},\"stalled_us\":{:.0f},\"bursts_full\":{},"
      "\"rx_missed\":{},\"tx_refused\":{},\"tx_waits\":{},\"no_mbuf\":{},\"engine_is_heard\":{}}}}}",
      judge_.json(), answerer_.json(), rtcp_, unsound_, foreign_, echoed_, speaker.packets, speaker.slots_skipped,
      rate_.us(speaker.late_longest), garbage_.sent(), turns_.json("turn"), stalls_, stalled_us_, bursts_full_,
      port_.rx_missed() - rx_missed_before_, port.tx_refused, port.tx_waits, port.no_mbuf,
      neighbour_.engine_is_heard());
}

}  // namespace carillon::bench
