#pragma once

#include "control/live/campaigns.h"
#include "control/live/lead_source.h"
#include "control/store/leads.h"

namespace carillon::control {

/// The lead store as the campaigns' driver sees it.
class StoredLeads : public LeadSource {
 public:
  explicit StoredLeads(LeadStore& store) : store_(store) {}
  std::vector<dialer::Lead> take_pending(std::span<const std::string> lists, std::size_t count, WallTime now) override;
  void put_back(std::span<const LeadHome> leads, WallTime now) override;
  std::optional<WallTime> next_due(std::span<const std::string> lists) override { return store_.next_due(lists); }
  LeadTally tally(std::span<const std::string> lists) override;
  void reset_in_hand(const std::set<std::uint64_t>& living) override { store_.reset_in_hand(living); }
  boost::json::value card(dialer::LeadId lead) override;
  bool knows_list(const std::string& project, const std::string& list) override {
    return store_.list(project, list).has_value();
  }
  void note(const std::string& project, dialer::LeadId lead, const LeadWord& word, WallTime now) override;
  void block(const std::string& project, const std::string& number, const std::string& reason, WallTime now) override;
  void all_blocked(const std::string& project, const std::function<void(const std::string&)>& take) override {
    store_.all_blocked(project, take);
  }

 private:
  LeadStore& store_;
};

/// Tells the campaigns what changes in the lead store, in the call that changes it. Ends with this object.
class LeadEar {
 public:
  LeadEar(LeadStore& store, Campaigns& campaigns);
  ~LeadEar() { store_.ignore(id_); }
  LeadEar(const LeadEar&) = delete;
  LeadEar& operator=(const LeadEar&) = delete;

 private:
  LeadStore& store_;
  std::uint64_t id_;
};

}  // namespace carillon::control
