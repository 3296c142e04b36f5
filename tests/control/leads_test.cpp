// Lists and leads: who may have which lead, in what order, and what is left after a restart.

#include "control/store/leads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "engine/base/random.h"
#include "tests/control/folder.h"

namespace carillon::control {
namespace {

using testing::ElementsAre;

const WallTime kNoon{std::chrono::milliseconds(1'800'000'000'000)};

LeadList add_list(LeadStore& store, const std::string& id, const std::string& project = "p") {
  LeadList list{.id = id, .project = project, .name = "list " + id, .region = "US", .time_zone = "UTC"};
  EXPECT_TRUE(store.add_list(list));
  return list;
}

NewLead lead(std::string phone, std::int32_t priority = 0, std::int64_t not_before_ms = 0) {
  NewLead lead{.phone = std::move(phone)};
  lead.priority = priority;
  lead.not_before_ms = not_before_ms;
  return lead;
}

std::vector<std::string> phones(const std::vector<StoredLead>& leads) {
  std::vector<std::string> phones;
  for (const auto& stored : leads) phones.push_back(stored.lead.number);
  return phones;
}

std::vector<std::int64_t> counts(LeadStore& store, const std::string& list) {
  const auto counts = store.counts(std::span(&list, 1));
  return {counts.pending, counts.in_hand, counts.done};
}

class Leads : public testing::Test {
 protected:
  void add(const LeadList& list, std::vector<NewLead> leads) { store.add(list, leads, AddMode::kSkip, kNoon); }
  std::vector<StoredLead> take(std::size_t count, WallTime now = kNoon, std::vector<std::string> lists = {"list_a"}) {
    return store.take_pending(lists, count, now);
  }

  Folder folder;
  LeadStore store{folder.path(), 7};
};

TEST_F(Leads, AreTakenByPriorityThenTimeThenOrderOfComing) {
  const auto list = add_list(store, "list_a");
  add(list, {lead("+1", 0), lead("+2", 5, 2), lead("+3", 5, 1), lead("+4", -3), lead("+5", 0)});
  EXPECT_THAT(phones(take(2)), ElementsAre("+3", "+2"));
  EXPECT_EQ(counts(store, "list_a"), (std::vector<std::int64_t>{3, 2, 0}));
  EXPECT_THAT(phones(take(10)), ElementsAre("+1", "+5", "+4"));
  EXPECT_TRUE(take(10).empty());
}

TEST_F(Leads, OfSeveralListsAreMergedIntoOneOrder) {
  const auto a = add_list(store, "list_a");
  const auto b = add_list(store, "list_b");
  add(a, {lead("+1", 1), lead("+2", 3)});
  add(b, {lead("+1", 2), lead("+4", 4)});
  EXPECT_THAT(phones(take(3, kNoon, {"list_a", "list_b", "list_unknown"})), ElementsAre("+4", "+2", "+1"));
  EXPECT_EQ(counts(store, "list_a"), (std::vector<std::int64_t>{1, 1, 0}));
  EXPECT_EQ(counts(store, "list_b"), (std::vector<std::int64_t>{0, 2, 0}));
}

TEST_F(Leads, ThatAreNotDueStayAndSayWhenTheyAre) {
  const auto list = add_list(store, "list_a");
  const std::vector<std::string> lists = {"list_a"};
  EXPECT_FALSE(store.next_due(lists));
  const auto later = kNoon + 1h;
  add(list, {lead("+1", 9, (later + 1h).time_since_epoch().count()), lead("+2", 0, later.time_since_epoch().count())});
  EXPECT_TRUE(take(10).empty());
  EXPECT_EQ(store.next_due(lists), later);
  EXPECT_THAT(phones(take(10, later)), ElementsAre("+2"));
  EXPECT_EQ(store.next_due(lists), later + 1h);
}

TEST_F(Leads, PutBackKeepsWhatTheDialerCounted) {
  const auto list = add_list(store, "list_a");
  add(list, {lead("+1"), lead("+2")});
  auto taken = take(2);
  ASSERT_EQ(taken.size(), 2u);
  dialer::Lead& again = taken[0].lead;
  again.attempts = 3;
  again.attempts_today = 2;
  again.attempts_day = 20'000;
  again.by_outcome[static_cast<std::size_t>(dialer::Outcome::kBusy)] = 200;
  again.not_before = kNoon + 10min;
  again.sticky = {42};
  const std::vector<LeadReturn> back = {{again, LeadState::kPending, "busy", ""},
                                        {taken[1].lead, LeadState::kDone, "connected", "connected"}};
  store.put_back(back, kNoon);
  EXPECT_EQ(counts(store, "list_a"), (std::vector<std::int64_t>{1, 0, 1}));
  const auto later = take(5, kNoon + 10min);
  ASSERT_THAT(phones(later), ElementsAre("+1"));
  EXPECT_EQ(later[0].lead.attempts, 3u);
  EXPECT_EQ(later[0].lead.attempts_today, 2u);
  EXPECT_EQ(later[0].lead.attempts_day, 20'000);
  EXPECT_EQ(later[0].lead.by_outcome, again.by_outcome);
  EXPECT_EQ(later[0].lead.sticky.value, 42u);
  EXPECT_EQ(later[0].last_outcome, "busy");
  EXPECT_EQ(store.lead(taken[1].lead.id)->done_reason, "connected");
  store.put_back(back, kNoon);  // the second is not in hand any more: it stays done
  EXPECT_EQ(counts(store, "list_a"), (std::vector<std::int64_t>{1, 0, 1}));
}

TEST_F(Leads, InHandGoBackAfterARestartUnlessTheirCallLives) {
  const auto list = add_list(store, "list_a");
  add(list, {lead("+1"), lead("+2"), lead("+3")});
  const auto taken = take(3);
  LeadStore reopened(folder.path(), 8);
  EXPECT_EQ(reopened.reset_in_hand({taken[1].lead.id.value}), 2u);
  EXPECT_EQ(counts(reopened, "list_a"), (std::vector<std::int64_t>{2, 1, 0}));
  EXPECT_THAT(phones(take(10)), ElementsAre("+1", "+3"));
}

TEST_F(Leads, ACallBackPromisedDuringTheCallOutlivesThePutBack) {
  const auto list = add_list(store, "list_a");
  add(list, {lead("+1")});
  auto taken = take(1);
  const auto at = kNoon + 2h;
  store.change("p", taken[0].id, {.not_before_ms = at.time_since_epoch().count(), .sticky = dialer::AgentId{9}}, kNoon);
  const std::vector<LeadReturn> back = {{taken[0].lead, LeadState::kDone, "connected", "connected"}};
  store.put_back(back, kNoon);
  EXPECT_TRUE(take(1).empty());
  const auto again = take(1, at);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].lead.sticky.value, 9u);
}

TEST_F(Leads, DoneByHandStayDone) {
  const auto list = add_list(store, "list_a");
  add(list, {lead("+1"), lead("+2")});
  const auto taken = take(1);
  const auto done = store.change("p", taken[0].id, {.state = LeadState::kDone, .done_reason = "by hand"}, kNoon);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->state, LeadState::kDone);
  const std::vector<LeadReturn> back = {{taken[0].lead, LeadState::kPending, "busy", ""}};
  store.put_back(back, kNoon);
  EXPECT_EQ(counts(store, "list_a"), (std::vector<std::int64_t>{1, 0, 1}));
  EXPECT_FALSE(store.change("other project", taken[0].id, {.priority = 1}, kNoon));
}

TEST_F(Leads, OneNumberOrExternalIdStandsOnceInAList) {
  const auto a = add_list(store, "list_a");
  const auto b = add_list(store, "list_b");
  NewLead first = lead("+1"), same_id = lead("+2"), update = lead("+1", 7);
  first.external_id = same_id.external_id = "x";
  update.name = "new name";
  const auto added = store.add(a, std::vector{first, same_id, lead("+1")}, AddMode::kSkip, kNoon);
  EXPECT_EQ(added[0].fate, AddedLead::Fate::kCreated);
  EXPECT_EQ(added[1].fate, AddedLead::Fate::kDuplicate);
  EXPECT_EQ(added[2].fate, AddedLead::Fate::kDuplicate);
  EXPECT_EQ(added[2].id, added[0].id);
  EXPECT_EQ(store.add(b, std::vector{first}, AddMode::kSkip, kNoon)[0].fate, AddedLead::Fate::kCreated);
  EXPECT_EQ(store.add(a, std::vector{update}, AddMode::kUpdate, kNoon)[0].fate, AddedLead::Fate::kUpdated);
  EXPECT_EQ(store.lead("p", added[0].id)->name, "new name");
  EXPECT_EQ(counts(store, "list_a"), (std::vector<std::int64_t>{1, 0, 0}));
}

TEST_F(Leads, PagesNameEachLeadOnce) {
  const auto list = add_list(store, "list_a");
  std::vector<NewLead> many;
  for (int i = 0; i < 25; ++i) many.push_back(lead("+1" + std::to_string(1000 + i)));
  add(list, many);
  take(7);
  std::vector<std::string> seen;
  std::int64_t after = 0;
  for (;;) {
    const auto page = store.leads({.project = "p", .list = "list_a", .after = after, .limit = 10});
    if (page.empty()) break;
    for (const auto& stored : page) seen.push_back(stored.lead.number);
    after = static_cast<std::int64_t>(page.back().lead.id.value);
  }
  ASSERT_EQ(seen.size(), 25u);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(store.leads({.project = "p", .state = LeadState::kInHand}).size(), 7u);
  EXPECT_EQ(store.leads({.project = "p", .number = "+11003"}).size(), 1u);
  EXPECT_TRUE(store.leads({.project = "other"}).empty());
}

TEST_F(Leads, ARemovedListIsGoneAtOnceAndItsNameIsFree) {
  const auto list = add_list(store, "list_a");
  add(list, {lead("+1"), lead("+2"), lead("+3")});
  LeadList same{.id = "list_c", .project = "p", .name = list.name};
  EXPECT_FALSE(store.add_list(same));
  EXPECT_FALSE(store.remove_list("other project", "list_a"));
  EXPECT_TRUE(store.remove_list("p", "list_a"));
  EXPECT_FALSE(store.list("p", "list_a"));
  EXPECT_TRUE(store.leads({.project = "p"}).empty());
  EXPECT_TRUE(take(5).empty());
  EXPECT_TRUE(store.add_list(same));
  int steps = 0;
  while (store.sweep(2)) ++steps;
  EXPECT_EQ(steps, 3);  // 2 leads, 1 lead, the list
  EXPECT_FALSE(store.sweep(2));
}

TEST_F(Leads, ABlockedNumberIsHeardOfInTheSameCall) {
  std::vector<std::string> heard;
  const auto listener = store.listen([&](const LeadNews& news) {
    for (const auto& number : news.numbers)
      heard.push_back((news.kind == LeadNews::Kind::kBlocked ? "block " : "unblock ") + number);
  });
  const std::vector<std::string> numbers = {"+1", "+2"};
  EXPECT_EQ(store.block("p", numbers, "asked", kNoon), 2u);
  EXPECT_EQ(store.block("p", numbers, "again", kNoon), 0u);
  EXPECT_EQ(store.block("other", std::vector<std::string>{"+3"}, "", kNoon), 1u);
  EXPECT_EQ(store.blocked("p", "+1")->reason, "asked");
  EXPECT_FALSE(store.blocked("p", "+3"));
  EXPECT_TRUE(store.unblock("p", "+1"));
  EXPECT_FALSE(store.unblock("p", "+1"));
  EXPECT_THAT(heard, ElementsAre("block +1", "block +2", "block +1", "block +2", "block +3", "unblock +1"));
  std::vector<std::string> all;
  store.all_blocked("p", [&](const std::string& number) { all.push_back(number); });
  EXPECT_THAT(all, ElementsAre("+2"));
  store.ignore(listener);
  store.block("p", std::vector<std::string>{"+9"}, "", kNoon);
  EXPECT_EQ(heard.size(), 6u);
}

// A listener may have to wait for a lock whose holder tells something itself (an opt-out while the API blocks a
// number).
TEST_F(Leads, OneWhoTellsDoesNotWaitForAnotherWhoTells) {
  std::promise<void> heard_second;
  auto second = heard_second.get_future();
  bool waited = false;
  const auto listener = store.listen([&](const LeadNews& news) {
    if (news.numbers[0] == "+2") return heard_second.set_value();
    waited = second.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  });
  std::thread first([&] { store.block("p", std::vector<std::string>{"+1"}, "", kNoon); });
  while (!store.blocked("p", "+1")) std::this_thread::yield();
  store.block("p", std::vector<std::string>{"+2"}, "", kNoon);
  first.join();
  EXPECT_TRUE(waited);
  store.ignore(listener);
}

// Thousands of random steps: the kept counts always equal what a full count of the rows finds, no lead is lost or
// given to two.
TEST_F(Leads, CountsAndOwnershipHoldThroughRandomWork) {
  const auto list = add_list(store, "list_a");
  const std::uint64_t seed = 20'261'122;
  Random random(seed);
  std::map<std::uint64_t, dialer::Lead> in_hand;
  std::int64_t made = 0;
  WallTime now = kNoon;
  for (int step = 0; step < 400; ++step) {
    now += 1s;
    switch (random.next() % 4) {
      case 0: {
        std::vector<NewLead> some;
        for (int i = 0; i < 5; ++i)
          some.push_back(
              lead("+" + std::to_string(random.next() % 3000), static_cast<std::int32_t>(random.next() % 3)));
        for (const auto& added : store.add(list, some, AddMode::kSkip, now))
          made += added.fate == AddedLead::Fate::kCreated ? 1 : 0;
        break;
      }
      case 1:
        for (const auto& stored : take(random.next() % 8, now))
          ASSERT_TRUE(in_hand.emplace(stored.lead.id.value, stored.lead).second) << "seed " << seed;
        break;
      case 2:
        if (!in_hand.empty()) {
          auto lead = in_hand.begin()->second;
          in_hand.erase(in_hand.begin());
          lead.not_before = now + std::chrono::seconds(random.next() % 100);
          const std::vector<LeadReturn> back = {
              {lead, random.next() % 2 == 0 ? LeadState::kDone : LeadState::kPending, "busy", "x"}};
          store.put_back(back, now);
        }
        break;
      default:
        if (random.next() % 20 == 0) {
          EXPECT_EQ(store.reset_in_hand({}), in_hand.size());
          in_hand.clear();
        }
    }
    const auto kept = counts(store, "list_a");
    ASSERT_EQ(kept[0] + kept[1] + kept[2], made) << "seed " << seed;
    ASSERT_EQ(kept[1], static_cast<std::int64_t>(in_hand.size())) << "seed " << seed;
  }
  const auto counted = [&](LeadState state) {
    return static_cast<std::int64_t>(store.leads({.project = "p", .state = state, .limit = 10'000}).size());
  };
  EXPECT_EQ(counts(store, "list_a"),
            (std::vector<std::int64_t>{counted(LeadState::kPending), counted(LeadState::kInHand),
                                       counted(LeadState::kDone)}));
}

}  // namespace
}  // namespace carillon::control
