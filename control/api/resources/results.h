#pragma once

#include <memory>
#include <set>

#include "control/api/operation.h"
#include "control/model/campaign.h"

namespace carillon::control {

/// What a campaign has made of its leads, one line of CSV each, by list and in the order they came. Reads a page of
/// leads at a time: nothing grows with the list but the names of the extra columns, which are bounded.
///
/// lead, phone, name, external_id, state, attempts, last_outcome, disposition, placed_at, answered_at, ended_at (of the
/// last attempt), talk_seconds (from the agent's coming, else from the answer), agent, agent_name, recording, then a
/// column for each extra field, by name ("extra." before one that is taken).
class ResultsCsv : public BodySource {
 public:
  ResultsCsv(Store& store, std::string project, Campaign campaign);
  std::string next() override;

 private:
  std::string header();
  std::string line(const StoredLead& lead, const LeadResult* result);
  std::vector<StoredLead> page(std::size_t limit);
  std::string agent_name(const std::string& id);

  Store& store_;
  std::string project_;
  Campaign campaign_;
  std::vector<std::string> extra_;  ///< names
  std::map<std::string, std::string> agent_names_;
  bool has_begun_ = false;
  std::size_t list_ = 0;    ///< of the campaign's, being read
  std::int64_t after_ = 0;  ///< row of that list
};

}  // namespace carillon::control
