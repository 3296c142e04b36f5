#include "engine/io/sim.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "engine/base/check.h"

namespace carillon::io {
namespace {

Endpoint without_port(Endpoint endpoint) {
  endpoint.port = 0;
  return endpoint;
}

}  // namespace

class SimPort final : public Port {
 public:
  SimPort(SimNetwork& network, std::size_t inbox_max) : network_(network), inbox_max_(inbox_max) {}
  ~SimPort() override {
    for (std::uint32_t i = 0; i < sockets_.size(); ++i) close(SocketId{i});
  }

  Result<SocketId, IoError> open(const Endpoint& local, bool shared) override {
    auto free = std::ranges::find_if(sockets_, [](const Socket& socket) { return !socket.open; });
    const SocketId id{static_cast<std::uint32_t>(free - sockets_.begin())};
    const auto bound = network_.bind(*this, id, local, shared);
    if (!bound) return bound.error();
    if (free == sockets_.end()) sockets_.emplace_back();
    sockets_[id.value] = {.local = *bound, .open = true};
    return id;
  }
  void close(SocketId socket) override {
    if (!is_open(socket)) return;
    sockets_[socket.value].open = false;
    network_.unbind(*this, socket, sockets_[socket.value].local);
    std::erase_if(inbox_, [&](const Inbound& inbound) { return inbound.socket == socket; });
  }
  Endpoint local(SocketId socket) const override { return is_open(socket) ? sockets_[socket.value].local : Endpoint{}; }

  void expect(SocketId socket, const Endpoint& peer) override {
    if (is_open(socket)) sockets_[socket.value].expected = peer;
  }
  void expect_any(SocketId socket) override {
    if (is_open(socket)) sockets_[socket.value].expected.reset();
  }

  std::span<const Received> receive(int most) override {
    held_.clear();
    received_.clear();
    while (!inbox_.empty() && static_cast<int>(held_.size()) < most) {
      held_.push_back(std::move(inbox_.front()));
      inbox_.pop_front();
    }
    for (const Inbound& inbound : held_) {
      received_.push_back(
          {.data = inbound.data, .peer = inbound.peer, .socket = inbound.socket, .arrival = inbound.arrival});
      ++counters_.packets_in;
      counters_.bytes_in += inbound.data.size();
    }
    return received_;
  }
  void transmit(std::span<const Outgoing> batch) override {
    for (const Outgoing& out : batch) {
      if (!is_open(out.socket)) {
        ++counters_.send_refused;
        continue;
      }
      ++counters_.packets_out;
      counters_.bytes_out += out.head.size() + out.body.size();
      network_.send(sockets_[out.socket.value].local, out.peer, out.head, out.body);
    }
  }
  void wait(TimePoint) override {}  // time is virtual: whoever runs the simulation moves it
  void wake() override {}
  const PortCounters& counters() const override { return counters_; }
  const char* name() const override { return "sim"; }

  bool take(SocketId socket, const Endpoint& peer, std::vector<std::byte> data, TimePoint arrival) {
    const auto& expected = sockets_[socket.value].expected;
    if (expected && *expected != peer) return false;  // as a connected socket: unheard and uncounted
    if (inbox_.size() >= inbox_max_) {
      ++counters_.receive_full;
      return false;
    }
    inbox_.push_back({std::move(data), peer, socket, arrival});
    return true;
  }

 private:
  struct Socket {
    Endpoint local;
    bool open = false;
    std::optional<Endpoint> expected{};
  };
  struct Inbound {
    std::vector<std::byte> data;
    Endpoint peer;
    SocketId socket;
    TimePoint arrival;
  };
  bool is_open(SocketId socket) const { return socket.value < sockets_.size() && sockets_[socket.value].open; }

  SimNetwork& network_;
  std::size_t inbox_max_;
  std::vector<Socket> sockets_;
  std::deque<Inbound> inbox_;
  std::vector<Inbound> held_;  // what the last receive() showed
  std::vector<Received> received_;
  PortCounters counters_;
};

SimNetwork::~SimNetwork() { CHECK(bound_.empty()); }  // ports go first

std::unique_ptr<Port> SimNetwork::make_port(std::size_t inbox_max) {
  return std::make_unique<SimPort>(*this, inbox_max);
}

Result<Endpoint, IoError> SimNetwork::bind(SimPort& port, SocketId socket, const Endpoint& local, bool shared) {
  Endpoint bound = local;
  if (bound.port == 0) {
    for (int tries = 0; tries < 25'000; ++tries) {
      bound.port = next_port_;
      next_port_ = next_port_ == 65'000 ? 40'000 : static_cast<std::uint16_t>(next_port_ + 1);
      if (!bound_.contains(bound)) break;
    }
  }
  auto& there = bound_[bound];
  if (!there.empty() && !(shared && there.front().shared)) return IoError::kAddressInUse;
  there.push_back({&port, socket, shared});
  return bound;
}

void SimNetwork::unbind(SimPort& port, SocketId socket, const Endpoint& local) {
  const auto there = bound_.find(local);
  CHECK(there != bound_.end());
  std::erase_if(there->second, [&](const Bound& bound) { return bound.port == &port && bound.socket == socket; });
  if (there->second.empty()) bound_.erase(there);
}

void SimNetwork::send(const Endpoint& from, const Endpoint& to, ByteView head, ByteView body) {
  ++counters_.sent;
  const bool is_lost = random_.unit() < faults.loss_rate;
  if (is_lost || silent_.contains(without_port(from)) || silent_.contains(without_port(to))) {
    ++counters_.lost;
    return;
  }
  Flight flight{.due = {}, .order = 0, .from = from, .to = to, .data = {}};
  flight.data.assign(head.begin(), head.end());
  flight.data.insert(flight.data.end(), body.begin(), body.end());
  if (random_.unit() < faults.duplicate_rate) {
    ++counters_.duplicated;
    launch(flight, Way::kOwn);
  }
  const bool is_reordered = random_.unit() < faults.reorder_rate;
  counters_.reordered += is_reordered;
  launch(std::move(flight), is_reordered ? Way::kHeld : Way::kInOrder);
}

void SimNetwork::launch(Flight flight, Way way) {
  flight.due = now_ + faults.delay;
  if (faults.jitter > Duration{0})
    flight.due += Duration(random_.below(static_cast<std::uint64_t>(faults.jitter.count()) + 1));
  if (way == Way::kInOrder) {
    const EndpointHash hash;
    auto& last = last_due_[{hash(flight.from), hash(flight.to)}];
    flight.due = last = std::max(last, flight.due);
  } else if (way == Way::kHeld) {
    flight.due += faults.reorder_delay;
  }
  flight.order = ++order_;
  flights_.push(std::move(flight));
}

const SimNetwork::Bound* SimNetwork::find(const Endpoint& from, const Endpoint& to) const {
  auto there = bound_.find(to);
  if (there == bound_.end()) {
    Endpoint any;
    any.is_v6 = to.is_v6;
    any.port = to.port;
    there = bound_.find(any);
  }
  if (there == bound_.end()) return nullptr;
  return &there->second[EndpointHash{}(from) % there->second.size()];  // as SO_REUSEPORT steers by source
}

void SimNetwork::deliver_until(TimePoint now) {
  CHECK(now >= now_);
  while (!flights_.empty() && flights_.top().due <= now) {
    Flight flight = flights_.top();
    flights_.pop();
    now_ = std::max(now_, flight.due);
    const Bound* bound = find(flight.from, flight.to);
    if (!bound)
      ++counters_.nobody;
    else if (bound->port->take(bound->socket, flight.from, std::move(flight.data), flight.due))
      ++counters_.delivered;
  }
  now_ = now;
}

TimePoint SimNetwork::next() const { return flights_.empty() ? TimePoint::max() : flights_.top().due; }

void SimNetwork::silence(const Endpoint& address, bool on) {
  if (on)
    silent_.insert(without_port(address));
  else
    silent_.erase(without_port(address));
}

}  // namespace carillon::io
