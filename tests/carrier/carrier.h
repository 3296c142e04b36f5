#pragma once
// The exchange: one thread, one SIP socket, a beat of 20 ms for every call, spread over its milliseconds.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/carrier/call.h"
#include "tests/carrier/caller.h"
#include "tests/carrier/registration.h"

namespace carillon::carrier {

struct CarrierConfig {
  Endpoint listen;
  std::uint16_t rtp_min = 40000, rtp_max = 49999;
  std::uint64_t seed = 1;
  Options options;
  std::optional<Login> require_auth;  ///< challenges with 401 or 407, by Call-ID
  bool offers_sha256 = false;         ///< above MD5
  std::vector<CallOrder> orders;      ///< calls to place, by time
  std::vector<AgentLine> agents;      ///< phones that register with the product
  std::optional<Duration> exit_after;
};

/// Counts over the whole run, printed at the end.
struct CarrierCounts {
  std::uint64_t invites = 0, malformed = 0, unknown = 0, late_beats = 0;
  std::size_t calls_max = 0;
};

class Carrier {
 public:
  /// errors  a sentence
  static Result<std::unique_ptr<Carrier>, std::string> open(const CarrierConfig& config, const Library& library,
                                                            TruthWriter& truth);
  Endpoint address() const { return board_.listen; }
  /// Runs until SIGTERM or SIGINT arrives on `signal_fd` or the time is up; then ends every call.
  CarrierCounts run(int signal_fd);

 private:
  Carrier(const CarrierConfig& config, UdpSocket sip, const Library& library, TruthWriter& truth);
  void read_sip(TimePoint now);
  void on_request(const SipMessage& request, const Endpoint& source, TimePoint now);
  void on_invite(const SipMessage& request, const Endpoint& source, TimePoint now);
  void on_register(const SipMessage& request, const Endpoint& source);
  bool is_authorised(const SipMessage& request, const Endpoint& source);
  void answer(const SipMessage& request, int status, std::string_view reason, const Endpoint& source);
  void add(std::unique_ptr<Call> call);
  void beat(TimePoint now);
  void place_due(TimePoint now);
  void step_registrations(TimePoint now);
  bool is_busy() const { return calls_ > 0; }

  CarrierConfig config_;
  UdpSocket sip_;
  Receiver receiver_;
  RtpPorts ports_;
  Switchboard board_;
  TimePoint started_{};
  std::size_t next_order_ = 0;
  std::vector<std::unique_ptr<Registration>> registrations_;
  bool are_all_registered_ = false;
  std::array<std::vector<std::unique_ptr<Call>>, 20> slots_;  ///< by the millisecond of their beat
  std::unordered_map<std::string, Call*> by_call_id_;
  std::size_t calls_ = 0;
  std::uint64_t tick_ = 0;
  CarrierCounts counts_;
};

}  // namespace carillon::carrier
