#include "tests/bench/far/answerer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <functional>

namespace carillon::bench {
namespace {

constexpr std::string_view kTrying = "SIP/2.0 100 Trying\r\n", kRinging = "SIP/2.0 180 Ringing\r\n",
                           kOk = "SIP/2.0 200 OK\r\n", kBusy = "SIP/2.0 486 Busy Here\r\n",
                           kTerminated = "SIP/2.0 487 Request Terminated\r\n",
                           kUnknown = "SIP/2.0 481 Call/Transaction Does Not Exist\r\n",
                           kNoBody = "Content-Length: 0\r\n\r\n", kTag = ";tag=far";
constexpr std::size_t kMessageMax = 1400;
constexpr int kSendsAgainMax = 10;  // 31.5 s after the first 200 (64·T1 = 32 s)

/// Appends to a frame's payload; stops at the end of its room.
class Pen {
 public:
  explicit Pen(std::uint8_t* at) : start_(at), at_(at) {}
  Pen& operator<<(std::string_view text) {
    const std::size_t size = std::min(text.size(), kMessageMax - this->size());
    std::memcpy(at_, text.data(), size);
    at_ += size;
    return *this;
  }
  Pen& operator<<(std::uint32_t number) {
    char digits[10];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return *this << std::string_view(digits, static_cast<std::size_t>(end - digits));
  }
  std::size_t size() const { return static_cast<std::size_t>(at_ - start_); }

 private:
  std::uint8_t *start_, *at_;
};

std::string dotted(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

/// The way back to whoever sent `datagram`.
Route back_to(const Datagram& datagram, rte_ether_addr own_mac) {
  return {own_mac,         *datagram.peer_mac,        datagram.destination,
          datagram.source, datagram.destination_port, datagram.source_port};
}

/// A message of up to kMessageMax bytes along `route`, written by `write`.
template <class Write>
void send_message(DpdkPort& port, const Route& route, Write write) {
  rte_mbuf* frame = port.make(kUdpHead);
  if (!frame) return;
  auto* at = rte_pktmbuf_mtod(frame, std::uint8_t*);
  Pen pen(at + kUdpHead);
  write(pen);
  write_head(at, route, pen.size());
  seal(at, head_sum(at) + word_sum(at + kUdpHead, pen.size()));
  frame->data_len = static_cast<std::uint16_t>(kUdpHead + pen.size());
  frame->pkt_len = frame->data_len;
  port.send(frame);
}

}  // namespace

Answerer::Answerer(const FarOptions& options, const PortPlan& plan, rte_ether_addr mac, const TscRate& rate)
    : options_(options),
      plan_(plan),
      mac_(mac),
      calls_(options.channels),
      buckets_(std::bit_ceil(2 * options.channels), kNone),
      free_(std::bit_ceil(options.channels)),
      ringing_(std::bit_ceil(4 * options.channels), rate.cycles(options.answer_ms * 1000)) {
  for (double delay_us = 0.5e6; delay_us <= 4e6; delay_us *= 2)
    again_.emplace_back(std::bit_ceil(4 * options.channels), rate.cycles(delay_us));
  for (std::uint32_t i = 0; i < options.channels; ++i) free_[free_in_++] = i;
  for (std::uint32_t i = 0; i < options.addresses; ++i)
    tails_.push_back(fmt::format("v=0\r\no=far 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio ",
                                 dotted(options.address_first + i)));
  contact_ = fmt::format("Contact: <sip:far@{}:{}>\r\n", dotted(options.address_first), options.sip_port);
}

std::uint32_t Answerer::find(std::uint64_t key) const {
  std::uint32_t index = buckets_[key & (buckets_.size() - 1)];
  while (index != kNone && calls_[index].key != key) index = calls_[index].next;
  return index;
}

std::uint32_t Answerer::claim(std::uint64_t key) {
  if (free_in_ == free_out_) return kNone;
  const std::uint32_t index = free_[free_out_++ & (free_.size() - 1)];
  if (calls_[index].state == State::kEnded) unlink(index);
  Call& call = calls_[index];
  std::uint32_t& head = buckets_[key & (buckets_.size() - 1)];
  call.key = key;
  call.next = head;
  head = index;
  ++call.generation;
  call.sent_again = 0;
  ++open_;
  return index;
}

void Answerer::unlink(std::uint32_t index) {
  std::uint32_t* link = &buckets_[calls_[index].key & (buckets_.size() - 1)];
  while (*link != index) link = &calls_[*link].next;
  *link = calls_[index].next;
}

void Answerer::end(std::uint32_t index) {
  calls_[index].state = State::kEnded;
  ++calls_[index].generation;  // whatever still waits for its time finds nothing
  free_[free_in_++ & (free_.size() - 1)] = index;
  --open_;
}

Answerer::News Answerer::take(DpdkPort& port, const Datagram& datagram, Tsc now) {
  const std::string_view text(reinterpret_cast<const char*>(datagram.payload.data()), datagram.payload.size());
  const auto request = read_request(text);
  if (!request) {
    counts_.malformed += text.size() > 4;  // shorter: a keep-alive
    return {};
  }
  const Route back = back_to(datagram, mac_);
  if (request->method == Method::kInvite) return on_invite(port, *request, back, now);
  const std::uint32_t index = find(std::hash<std::string_view>{}(request->call_id));
  switch (request->method) {
    case Method::kAck:
      if (index != kNone && calls_[index].state == State::kAnswered) {
        calls_[index].state = State::kConfirmed;
        ++counts_.acks;
      }
      return {};
    case Method::kBye:
      return on_bye(port, *request, back, index);
    case Method::kCancel:
      return on_cancel(port, *request, back, index);
    default:
      ++counts_.options;
      send_plain(port, *request, back, kOk);
      return {};
  }
}

Answerer::News Answerer::on_invite(DpdkPort& port, const Request& request, const Route& back, Tsc now) {
  const std::uint64_t key = std::hash<std::string_view>{}(request.call_id);
  std::uint32_t index = find(key);
  if (index != kNone) {
    ++counts_.invites_again;
    if (calls_[index].state == State::kAnswered) send_stored(port, index, kOk, true);
    if (calls_[index].state == State::kRinging) send_stored(port, index, kRinging, false);
    return {};
  }
  ++counts_.invites;
  const auto target = read_target(request.body);
  if (!target) {
    ++counts_.malformed;
    return {};
  }
  if (options_.sends_trying) send_plain(port, request, back, kTrying);
  index = claim(key);
  if (index == kNone) {
    ++counts_.full;
    send_plain(port, request, back, kBusy);
    return {};
  }
  Call& call = calls_[index];
  call.sip = back;
  call.target = *target;
  if (!keep_lines(call, index, request)) {
    ++counts_.malformed;
    end(index);
    return {};
  }
  call.state = State::kRinging;
  if (options_.sends_ringing) send_stored(port, index, kRinging, false);
  if (options_.answer_ms <= 0) return answer(port, index, now);
  counts_.delays_full += !ringing_.put(index, call.generation, now);
  return {};
}

Answerer::News Answerer::answer(DpdkPort& port, std::uint32_t index, Tsc now) {
  calls_[index].state = State::kAnswered;
  ++counts_.answered;
  send_stored(port, index, kOk, true);
  wait_for_ack(index, now);
  return {News::Kind::kOpened, index, rtp_route(index)};
}

Answerer::News Answerer::on_bye(DpdkPort& port, const Request& request, const Route& back, std::uint32_t index) {
  if (index == kNone) {
    send_plain(port, request, back, kUnknown);
    return {};
  }
  send_plain(port, request, back, kOk);
  if (calls_[index].state == State::kEnded) {
    ++counts_.byes_again;
    return {};
  }
  ++counts_.byes;
  end(index);
  return {News::Kind::kClosed, index, {}};
}

Answerer::News Answerer::on_cancel(DpdkPort& port, const Request& request, const Route& back, std::uint32_t index) {
  ++counts_.cancels;
  send_plain(port, request, back, index == kNone ? kUnknown : kOk);
  if (index == kNone || calls_[index].state != State::kRinging) return {};
  send_stored(port, index, kTerminated, false);
  end(index);
  return {};
}

bool Answerer::run_due(DpdkPort& port, Tsc now, News& news) {
  news = {};
  DelayLine::Entry entry;
  if (ringing_.take(now, entry)) {
    const Call& call = calls_[entry.call];
    if (call.generation == entry.generation && call.state == State::kRinging) news = answer(port, entry.call, now);
    return true;
  }
  for (DelayLine& line : again_) {
    if (!line.take(now, entry)) continue;
    Call& call = calls_[entry.call];
    if (call.generation != entry.generation || call.state != State::kAnswered) return true;
    if (call.sent_again == kSendsAgainMax) {
      ++counts_.acks_missing;
      end(entry.call);
      news = {News::Kind::kClosed, entry.call, {}};
      return true;
    }
    ++call.sent_again;
    ++counts_.answers_again;
    send_stored(port, entry.call, kOk, true);
    wait_for_ack(entry.call, now);
    return true;
  }
  return false;
}

void Answerer::wait_for_ack(std::uint32_t index, Tsc now) {
  const Call& call = calls_[index];
  DelayLine& line = again_[std::min<std::size_t>(call.sent_again, again_.size() - 1)];
  counts_.delays_full += !line.put(index, call.generation, now);
}

bool Answerer::keep_lines(Call& call, std::uint32_t index, const Request& request) const {
  const std::string_view parts[] = {request.vias, "\r\n", request.from, "\r\n", request.to, kTag};
  const std::string_view rest[] = {"\r\n", request.call_id, "\r\n", request.cseq, "\r\n"};
  std::size_t size = 10;  // the number in our tag
  for (const auto part : parts) size += part.size();
  for (const auto part : rest) size += part.size();
  if (size > sizeof call.lines) return false;
  char* at = call.lines;
  for (const auto part : parts) at = std::copy(part.begin(), part.end(), at);
  at = std::to_chars(at, at + 10, index).ptr;
  for (const auto part : rest) at = std::copy(part.begin(), part.end(), at);
  call.lines_size = static_cast<std::uint16_t>(at - call.lines);
  return true;
}

void Answerer::send_stored(DpdkPort& port, std::uint32_t index, std::string_view status, bool with_sdp) {
  const Call& call = calls_[index];
  send_message(port, call.sip, [&](Pen& pen) {
    pen << status << std::string_view(call.lines, call.lines_size) << contact_;
    if (!with_sdp) {
      pen << kNoBody;
      return;
    }
    const std::string& tail = tails_[plan_.address(index) - options_.address_first];
    // with digits by RFC 4733, as carriers offer them: without, the engine has to listen for sung ones
    constexpr std::string_view kFormats = " RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
    const std::uint32_t media_port = plan_.port(index);
    const auto digits = static_cast<std::uint32_t>(media_port < 10'000 ? 4 : 5);
    pen << "Content-Type: application/sdp\r\nContent-Length: "
        << static_cast<std::uint32_t>(tail.size() + kFormats.size()) + digits << "\r\n\r\n"
        << tail << media_port << kFormats;
  });
}

void Answerer::send_plain(DpdkPort& port, const Request& request, const Route& back, std::string_view status) {
  const bool adds_tag = !request.has_to_tag() && status != kTrying;
  send_message(port, back, [&](Pen& pen) {
    pen << status << request.vias << "\r\n"
        << request.from << "\r\n"
        << request.to << (adds_tag ? kTag : "") << "\r\n"
        << request.call_id << "\r\n"
        << request.cseq << "\r\n"
        << kNoBody;
  });
}

Route Answerer::rtp_route(std::uint32_t index) const {
  const Call& call = calls_[index];
  return {mac_, call.sip.peer_mac, plan_.address(index), call.target.address, plan_.port(index), call.target.port};
}

std::string Answerer::json() const {
  return fmt::format(
      "\"invites\":{},\"answered\":{},\"acks\":{},\"byes\":{},\"cancels\":{},\"options\":{},\"open\":{},"
      "\"invites_again\":{},\"byes_again\":{},\"answers_again\":{},\"acks_missing\":{},\"full\":{},"
      "\"sip_malformed\":{},\"delays_full\":{}",
      counts_.invites, counts_.answered, counts_.acks, counts_.byes, counts_.cancels, counts_.options, open_,
      counts_.invites_again, counts_.byes_again, counts_.answers_again, counts_.acks_missing, counts_.full,
      counts_.malformed, counts_.delays_full);
}

}  // namespace carillon::bench
