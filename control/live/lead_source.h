#pragma once
// The leads as the campaigns' driver needs them. The product adapts the lead store to it, tests hold leads in memory.

#include <boost/json/value.hpp>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "dialer/types.h"

namespace carillon::control {

struct LeadTally {
  std::int64_t pending = 0, in_hand = 0, done = 0;
  std::int64_t leads() const { return pending + in_hand + done; }
};

/// A lead that the dialer is through with for now. `again` empty: done, for `reason`.
struct LeadHome {
  dialer::Lead lead;
  std::optional<WallTime> again;
  std::string outcome;  ///< empty: the last one stays
  std::string reason;
};

/// What an agent said about a lead.
struct LeadWord {
  std::optional<WallTime> callback_at;
  dialer::AgentId sticky = {};
  std::string disposition;
};

/// Lists by public id. Any thread; throws DatabaseError when the store fails.
class LeadSource {
 public:
  virtual ~LeadSource() = default;
  /// Due leads, best first; they are in hand when this returns.
  virtual std::vector<dialer::Lead> take_pending(std::span<const std::string> lists, std::size_t count,
                                                 WallTime now) = 0;
  /// Gives leads back; doing it twice changes nothing.
  virtual void put_back(std::span<const LeadHome> leads, WallTime now) = 0;
  /// When the next pending lead is due; empty: none is pending.
  virtual std::optional<WallTime> next_due(std::span<const std::string> lists) = 0;
  virtual LeadTally tally(std::span<const std::string> lists) = 0;
  /// After a restart: all in hand become pending but the living ones.
  virtual void reset_in_hand(const std::set<std::uint64_t>& living) = 0;
  /// Public id and card ({id, phone, name, extra, …}) of a lead; null when it is gone.
  virtual boost::json::value card(dialer::LeadId lead) = 0;
  virtual bool knows_list(const std::string& project, const std::string& list) = 0;
  virtual void note(const std::string& project, dialer::LeadId lead, const LeadWord& word, WallTime now) = 0;
  virtual void block(const std::string& project, const std::string& number, const std::string& reason,
                     WallTime now) = 0;
  virtual void all_blocked(const std::string& project, const std::function<void(const std::string&)>& take) = 0;
};

}  // namespace carillon::control
