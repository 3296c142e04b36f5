#pragma once
// The carriers: which INVITE is whose, registering with them (RFC 3261 §10.2), probing them by OPTIONS, and answering
// their challenges.

#include <unordered_map>

#include "engine/sip/core.h"

namespace carillon::sip {

struct Trunk {
  static constexpr std::size_t kGatewaysMax = 8;

  Handle self;
  TrunkConfig config;
  FixedText<64> sent_by;  ///< Via and Contact towards it
  FixedText<96> realm_offered, realm_kept;
  bool is_leaving = false;  ///< removed; lives until its last REGISTER is answered

  // registration
  FixedText<64> call_id;
  std::uint32_t cseq = 0;
  Duration expires_wanted{0};
  TimePoint registered_until{};
  int failures = 0;
  int refusals = 0;  ///< 423 in a row
  Handle register_transaction, register_timer;

  // probing
  enum class Gateway : std::uint8_t { kUnknown, kUp, kDown };
  std::array<Gateway, kGatewaysMax> gateways{};
  Handle probe_timer;

  // as last told
  bool is_told = false, told_reachable = false, told_registered = false;
  int told_status = 0;
  bool answers = true;  ///< its registrar answered the last REGISTER

  const Endpoint& registrar() const { return config.gateways.front(); }
};

class Trunks {
 public:
  explicit Trunks(Core& core) : core_(core), pool_(core.config.trunks_max) {}

  bool put(const TrunkConfig& config, TimePoint now);
  void remove(std::string_view id, TimePoint now);
  Trunk* find(std::string_view id);
  Trunk* find(Handle handle) { return pool_.find(handle); }
  /// By the address and port of a gateway, or by the address alone.
  Trunk* at(const Endpoint& source);
  Trunk* at_address(const Endpoint& source);

  /// For a 401 or 407 to `old`: the request again with credentials, as a new transaction that is under way. Null: no
  /// credentials, a realm or an address that is not the trunk's, refused before, or no room.
  Transaction* retry(Trunk* trunk, Transaction& old, const Message& response, const Endpoint& from, std::uint32_t cseq,
                     TimePoint now);
  /// A request that carried credentials succeeded: from now on only this realm is answered.
  void on_success(Trunk* trunk, const Transaction& transaction);

  /// Final response, or null for none, to a kRegister or kProbe transaction.
  void on_final(Transaction& transaction, const Message* response, const Endpoint& from, TimePoint now);
  void on_register_timer(Handle trunk, TimePoint now);
  void on_probe_timer(Handle trunk, TimePoint now);

 private:
  void apply(Trunk& trunk, TimePoint now);
  void send_register(Trunk& trunk, Duration expires, TimePoint now);
  void on_register_final(Trunk& trunk, Transaction& transaction, const Message* response, const Endpoint& from,
                         TimePoint now);
  void register_failed(Trunk& trunk, int status, std::string_view reason, Duration retry_after, TimePoint now);
  void register_again(Trunk& trunk, Duration after, TimePoint now);
  void probe(Trunk& trunk, std::size_t gateway, TimePoint now);
  void tell(Trunk& trunk, int status, std::string_view reason, TimePoint now, bool is_probe = false);
  void forget_timers(Trunk& trunk);
  void rebuild_maps();

  Core& core_;
  Pool<Trunk> pool_;
  std::unordered_map<Endpoint, Handle, EndpointHash> exact_, by_address_;
};

}  // namespace carillon::sip
