#include "control/live/stored_leads.h"

#include "control/api/json/text.h"

namespace carillon::control {

std::vector<dialer::Lead> StoredLeads::take_pending(std::span<const std::string> lists, std::size_t count,
                                                    WallTime now) {
  std::vector<dialer::Lead> leads;
  for (auto& stored : store_.take_pending(lists, count, now)) {
    if (stored.lead.time_zone.empty()) stored.lead.time_zone = std::move(stored.list_time_zone);
    leads.push_back(std::move(stored.lead));
  }
  return leads;
}

void StoredLeads::put_back(std::span<const LeadHome> homes, WallTime now) {
  std::vector<LeadReturn> returns;
  for (const LeadHome& home : homes) {
    LeadReturn& back = returns.emplace_back();
    back.lead = home.lead;
    back.state = home.again ? LeadState::kPending : LeadState::kDone;
    if (home.again) back.lead.not_before = *home.again;
    back.last_outcome = home.outcome;
    back.done_reason = home.reason;
  }
  store_.put_back(returns, now);
}

LeadTally StoredLeads::tally(std::span<const std::string> lists) {
  const LeadCounts counts = store_.counts(lists);
  return {.pending = counts.pending, .in_hand = counts.in_hand, .done = counts.done};
}

boost::json::value StoredLeads::card(dialer::LeadId lead) {
  const auto stored = store_.lead(lead);
  if (!stored) return nullptr;
  json::Faults faults;
  return boost::json::object{{"id", stored->id},
                             {"list", stored->list},
                             {"phone", stored->lead.number},
                             {"name", stored->name},
                             {"external_id", stored->external_id},
                             {"time_zone", stored->lead.time_zone},
                             {"attempts", stored->lead.attempts},
                             {"disposition", stored->disposition},
                             {"extra", json::parse(stored->extra, faults).value_or(boost::json::object{})}};
}

void StoredLeads::note(const std::string& project, dialer::LeadId lead, const LeadWord& word, WallTime now) {
  const auto stored = store_.lead(lead);
  if (!stored) return;
  LeadChange change;
  change.disposition = word.disposition;
  if (word.callback_at) {
    change.not_before_ms = word.callback_at->time_since_epoch().count();
    change.state = LeadState::kPending;
    change.sticky = word.sticky;
  }
  (void)store_.change(project, stored->id, change, now);
}

void StoredLeads::block(const std::string& project, const std::string& number, const std::string& reason,
                        WallTime now) {
  store_.block(project, std::span(&number, 1), reason, now);
}

LeadEar::LeadEar(LeadStore& store, Campaigns& campaigns)
    : store_(store), id_(store.listen([&campaigns](const LeadNews& news) {
        for (const auto& number : news.numbers) {
          if (news.kind == LeadNews::Kind::kBlocked) campaigns.block(news.project, number);
          if (news.kind == LeadNews::Kind::kUnblocked) campaigns.unblock(news.project, number);
        }
        if (news.kind == LeadNews::Kind::kLeadsAdded) campaigns.leads_added(news.list);
      })) {}

}  // namespace carillon::control
