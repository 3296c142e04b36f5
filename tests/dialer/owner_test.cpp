// What the dialer's owner may do to it besides calls: hold it, take its leads back, bring new ones, block and unblock.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialer/dialer.h"

namespace carillon::dialer {
namespace {

using namespace std::chrono;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr CampaignId kOne{1}, kTwo{2};

// Two broadcasts that may call at any hour, their owner's clock, and an owner who answers WantLeads by hand.
struct Owner {
  Owner() : dialer(zones) {
    zones.put("UTC", Zone());
    for (const CampaignId campaign : {kOne, kTwo}) {
      CampaignConfig config;
      config.id = campaign;
      config.mode = Mode::kBroadcast;
      for (auto& day : config.window.days) day = {{0, 1440}};
      config.channels_max = 2;
      config.calls_per_second_max = 100;
      config.hopper_capacity = 10;
      dialer.put_campaign(config);
      dialer.set_state(campaign, CampaignState::kRunning, now);
    }
  }
  static Lead lead(std::uint64_t id) {
    return Lead{.id = LeadId{id}, .number = "+1555" + std::to_string(1'000'000 + id), .time_zone = {}};
  }
  void give(CampaignId campaign, std::uint64_t first, std::uint64_t last) {
    std::vector<Lead> leads;
    for (auto id = first; id <= last; ++id) leads.push_back(lead(id));
    EXPECT_EQ(dialer.add_leads(campaign, leads), leads.size());
  }
  // A second later: what it does now, of one kind and one campaign.
  template <class Wanted>
  std::vector<Wanted> decide(CampaignId campaign) {
    now += 1s;
    wall += 1s;
    actions.clear();
    dialer.decide(now, wall, actions);
    std::vector<Wanted> found;
    for (const Action& action : actions)
      if (const auto* wanted = std::get_if<Wanted>(&action); wanted && wanted->campaign == campaign)
        found.push_back(*wanted);
    return found;
  }
  std::vector<std::uint64_t> dialed(CampaignId campaign) {
    std::vector<std::uint64_t> ids;
    for (const Dial& dial : decide<Dial>(campaign)) {
      ids.push_back(dial.lead.id.value);
      attempts.push_back(dial.attempt);
    }
    return ids;
  }
  void busy(AttemptId attempt) { dialer.on_ended(attempt, {.sip_status = 486}, now, wall); }
  std::string text(CampaignId campaign) { return dialer.explain(campaign, now, wall).text; }

  Zones zones;
  Dialer dialer;
  TimePoint now{1h};
  WallTime wall = sys_days(2026y / 5 / 5) + 12h;
  std::vector<Action> actions;
  std::vector<AttemptId> attempts;
};

TEST(Owner, HeldItPlacesNothingButBringsLeadsBackAndSaysWhy) {
  Owner owner;
  owner.give(kOne, 1, 5);
  EXPECT_THAT(owner.dialed(kOne), ElementsAre(1, 2));
  owner.dialer.hold_dialing(true);
  owner.busy(owner.attempts[0]);
  EXPECT_THAT(owner.decide<LeadBack>(kOne), SizeIs(1));  // the line is free, and yet:
  EXPECT_THAT(owner.dialed(kOne), IsEmpty());
  EXPECT_THAT(owner.text(kOne), HasSubstr("no engine is connected"));
  EXPECT_EQ(owner.dialer.find(kOne)->state, CampaignState::kRunning);
  owner.dialer.hold_dialing(false);
  EXPECT_THAT(owner.dialed(kOne), ElementsAre(3));
}

TEST(Owner, HeldItSavesUpNoCredit) {
  Owner owner;
  CampaignConfig config = owner.dialer.find(kOne)->config;
  config.calls_per_second_max = 1;
  config.channels_max = 100;
  owner.dialer.put_campaign(config);
  owner.give(kOne, 1, 10);
  EXPECT_THAT(owner.dialed(kOne), SizeIs(1));
  owner.dialer.hold_dialing(true);
  for (int i = 0; i < 60; ++i) EXPECT_THAT(owner.dialed(kOne), IsEmpty());
  owner.dialer.hold_dialing(false);
  EXPECT_THAT(owner.dialed(kOne), SizeIs(1));
}

TEST(Owner, LeadsThatArriveAreAskedForAtOnce) {
  Owner owner;
  EXPECT_THAT(owner.decide<WantLeads>(kOne), SizeIs(1));
  owner.dialer.no_more_leads(kOne, owner.wall + 1h);
  EXPECT_THAT(owner.decide<WantLeads>(kOne), IsEmpty());
  EXPECT_THAT(owner.text(kOne), HasSubstr("0 dialable because the next lead is due at 2026-05-05T13:00"));
  owner.dialer.leads_arrived(kTwo);  // another's do not count
  EXPECT_THAT(owner.decide<WantLeads>(kOne), IsEmpty());
  owner.dialer.leads_arrived(kOne);
  EXPECT_THAT(owner.decide<WantLeads>(kOne), SizeIs(1));
  owner.give(kOne, 1, 1);
  EXPECT_THAT(owner.dialed(kOne), ElementsAre(1));
}

TEST(Owner, LeadsThatArriveKeepACampaignFromItsEnd) {
  Owner owner;
  owner.give(kOne, 1, 1);
  EXPECT_THAT(owner.dialed(kOne), ElementsAre(1));
  owner.dialer.no_more_leads(kOne, std::nullopt);
  owner.dialer.leads_arrived(kOne);
  owner.dialer.on_ended(owner.attempts[0], {.sip_status = 404}, owner.now, owner.wall);
  EXPECT_THAT(owner.decide<CampaignFinished>(kOne), IsEmpty());
  owner.dialer.no_more_leads(kOne, std::nullopt);
  EXPECT_THAT(owner.decide<CampaignFinished>(kOne), SizeIs(1));
  owner.dialer.leads_arrived({99});  // nobody's: no matter
}

TEST(Owner, TheHopperGivesBackWhatIsNotInACall) {
  Owner owner;
  owner.give(kOne, 1, 5);
  owner.give(kTwo, 6, 7);
  EXPECT_THAT(owner.dialed(kOne), ElementsAre(1, 2));
  std::vector<std::uint64_t> ids;
  for (const Lead& lead : owner.dialer.give_back_leads(kOne)) ids.push_back(lead.id.value);
  EXPECT_THAT(ids, UnorderedElementsAre(3, 4, 5));
  EXPECT_THAT(owner.dialer.give_back_leads(kOne), IsEmpty());
  EXPECT_THAT(owner.dialer.give_back_leads({99}), IsEmpty());
  EXPECT_EQ(owner.dialer.find(kOne)->hopper.size(), 0u);
  owner.busy(owner.attempts[0]);
  EXPECT_THAT(owner.decide<LeadBack>(kOne), SizeIs(1));  // the call's own lead comes with its end
  EXPECT_THAT(owner.dialed(kOne), IsEmpty());
}

TEST(Owner, ABlockForOneCampaignIsLiftedForThatOne) {
  Owner owner;
  const std::string number = Owner::lead(1).number;
  owner.dialer.block(kOne, number);
  owner.dialer.block(kTwo, number);
  owner.dialer.unblock(kOne, number);
  owner.give(kOne, 1, 1);
  owner.give(kTwo, 1, 1);
  EXPECT_THAT(owner.dialed(kOne), ElementsAre(1));
  EXPECT_EQ(owner.dialer.find(kTwo)->counters.refusals[static_cast<std::size_t>(Refusal::kDoNotCall)], 1u);
  EXPECT_EQ(owner.dialer.find(kTwo)->counters.attempts, 0u);
}

TEST(Owner, LiftingACampaignsBlockLeavesTheOneForAll) {
  Owner owner;
  const std::string number = Owner::lead(1).number;
  owner.dialer.block(number);
  owner.dialer.block(kOne, number);
  owner.dialer.unblock(kOne, number);
  owner.dialer.unblock({99}, number);
  owner.give(kOne, 1, 1);
  const auto refused = owner.decide<LeadRefused>(kOne);
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].refusal, Refusal::kDoNotCall);
  EXPECT_EQ(refused[0].again, std::nullopt);
  owner.dialer.unblock(number);
  owner.give(kOne, 1, 1);
  EXPECT_THAT(owner.dialed(kOne), ElementsAre(1));
}

// A list of people who may not be called now costs a bounded piece of work at a time; who may be called has a turn
// then.
TEST(Owner, LeadsAreTurnedAwayInBoundedPieces) {
  Owner owner;
  CampaignConfig config = owner.dialer.find(kOne)->config;
  config.id = {3};
  config.hopper_capacity = 2000;
  owner.dialer.put_campaign(config);
  owner.dialer.set_state({3}, CampaignState::kRunning, owner.now);
  owner.give({3}, 1, 1201);
  for (std::uint64_t id = 1; id <= 1200; ++id) owner.dialer.block(Owner::lead(id).number);
  EXPECT_THAT(owner.decide<LeadRefused>({3}), SizeIs(500));
  EXPECT_THAT(owner.decide<LeadRefused>({3}), SizeIs(500));
  EXPECT_EQ(owner.dialer.find({3})->last_decision.reason, "leads are being turned away");
  EXPECT_THAT(owner.dialed({3}), ElementsAre(1201));
  EXPECT_EQ(owner.dialer.find({3})->counters.refusals[static_cast<std::size_t>(Refusal::kDoNotCall)], 1200u);
}

// As after a restart: nothing has been turned away yet, and still it does not leave one guessing.
TEST(Owner, OutsideTheWindowItSaysSoAndUntilWhen) {
  Owner owner;
  CampaignConfig config = owner.dialer.find(kOne)->config;
  for (auto& day : config.window.days) day = {{13 * 60, 14 * 60}};
  owner.dialer.put_campaign(config);
  owner.dialer.no_more_leads(kOne, owner.wall + 1h);
  EXPECT_THAT(owner.text(kOne), HasSubstr("outside the calling window of UTC until 2026-05-05T13:00:00.000Z"));
  for (auto& day : config.window.days) day.clear();
  owner.dialer.put_campaign(config);
  EXPECT_THAT(owner.text(kOne), HasSubstr("0 dialable because"));
  EXPECT_THAT(owner.text(kOne), HasSubstr("outside the calling window of UTC for the next 60 days"));
}

}  // namespace
}  // namespace carillon::dialer
