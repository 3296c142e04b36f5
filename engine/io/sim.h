#pragma once
// A network in memory and in virtual time: many ports in one thread, deterministic by seed. Tests and the simulator
// run the engine's own code above it.

#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/time.h"
#include "engine/io/port.h"

namespace carillon::io {

/// What the network does to a packet. May be changed at any time; holds for packets sent from then on.
struct SimFaults {
  Duration delay = 1ms;
  Duration jitter{0};         ///< added, uniform in [0, jitter]; packets of one flow keep their order
  double loss_rate = 0;       ///< 0..1
  double duplicate_rate = 0;  ///< 0..1, the copy takes its own way
  double reorder_rate = 0;    ///< 0..1: the packet is held for reorder_delay and others pass it
  Duration reorder_delay = 30ms;
};

struct SimCounters {
  std::uint64_t sent = 0, delivered = 0, lost = 0, duplicated = 0, reordered = 0;
  std::uint64_t nobody = 0;  ///< no socket was bound there
};

class SimPort;

/// Joins SimPorts. Sockets may be bound to any address; the unspecified address takes what no exact one takes.
class SimNetwork {
 public:
  explicit SimNetwork(std::uint64_t seed, SimFaults faults = {}) : faults(faults), random_(seed) {}
  ~SimNetwork();
  SimNetwork(const SimNetwork&) = delete;

  /// A port on this network, which must outlive it. `inbox_max`: packets that wait for receive(), more are dropped
  /// and counted as receive_full.
  std::unique_ptr<Port> make_port(std::size_t inbox_max = 65536);

  /// Moves time to `now` (never back) and hands over all that arrives until then, in order of arrival.
  void deliver_until(TimePoint now);
  /// When the next packet arrives, or TimePoint::max().
  TimePoint next() const;
  TimePoint now() const { return now_; }
  /// A dead peer: everything to and from this address vanishes, until told otherwise.
  void silence(const Endpoint& address, bool on);
  const SimCounters& counters() const { return counters_; }

  SimFaults faults;

 private:
  friend class SimPort;
  struct Flight {
    TimePoint due;
    std::uint64_t order = 0;  // ties leave as they came
    Endpoint from, to;
    std::vector<std::byte> data;
    bool operator>(const Flight& other) const { return due != other.due ? due > other.due : order > other.order; }
  };
  struct Bound {
    SimPort* port = nullptr;
    SocketId socket;
    bool shared = false;
  };

  Result<Endpoint, IoError> bind(SimPort& port, SocketId socket, const Endpoint& local, bool shared);
  void unbind(SimPort& port, SocketId socket, const Endpoint& local);
  void send(const Endpoint& from, const Endpoint& to, ByteView head, ByteView body);
  enum class Way : std::uint8_t { kInOrder, kOwn, kHeld };
  void launch(Flight flight, Way way);
  const Bound* find(const Endpoint& from, const Endpoint& to) const;

  Random random_;
  TimePoint now_{};
  std::uint64_t order_ = 0;
  std::uint16_t next_port_ = 40000;
  std::priority_queue<Flight, std::vector<Flight>, std::greater<>> flights_;
  std::unordered_map<Endpoint, std::vector<Bound>, EndpointHash> bound_;
  std::map<std::pair<std::size_t, std::size_t>, TimePoint> last_due_;  // by flow, so that jitter keeps order
  std::unordered_set<Endpoint, EndpointHash> silent_;                  // port 0
  SimCounters counters_;
};

}  // namespace carillon::io
