// Ids, migrations, the group commit and the rows that must survive a kill.

#include "control/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <thread>

#include "control/store/ids.h"
#include "control/store/migrations.h"
#include "tests/control/folder.h"

namespace carillon::control {
namespace {

TEST(Ids, GrowStrictlyEvenWhenTheClockStepsBack) {
  IdMaker ids(7);
  const WallTime noon{std::chrono::milliseconds(1'800'000'000'000)};
  std::string last;
  for (int i = 0; i < 20'000; ++i) {
    const auto id = ids.make("call", noon - std::chrono::milliseconds(i % 5));
    EXPECT_TRUE(is_id("call", id)) << id;
    EXPECT_LE(id.size(), 40u);
    ASSERT_LT(last, id);
    last = id;
  }
}

TEST(Ids, AreUuidVersion7InCrockfordBase32) {
  EXPECT_EQ(make_id("x", 0, 0, 0), "x_0000000000E008000000000000");
  EXPECT_EQ(make_id("x", 0xFFFF'FFFF'FFFF, 0xFFF, ~0ull), "x_7ZZZZZZZZZFZZVZZZZZZZZZZZZ");
  EXPECT_FALSE(is_id("call", "call_01"));
  EXPECT_FALSE(is_id("call", "calls_0000000000E008000000000000"));
  EXPECT_FALSE(is_id("call", "call_0000000000E00800000000000U"));
}

TEST(Ids, LegsAreUniqueWithTheTopBitClear) {
  IdMaker ids(7);
  std::set<std::uint64_t> seen;
  const WallTime now{std::chrono::milliseconds(1'800'000'000'000)};
  for (int i = 0; i < 1000; ++i) {
    const auto leg = ids.make_leg(now);
    EXPECT_EQ(leg >> 63, 0u);
    EXPECT_TRUE(seen.insert(leg).second);
  }
}

Document document(std::string id, std::string key) {
  return {.id = std::move(id), .project = "p", .unique_key = std::move(key), .body = "{}"};
}

TEST(Store, ResourcesAreKeptByProjectAndUniqueKey) {
  Folder folder;
  Store store(folder.path());
  EXPECT_TRUE(store.insert(Kind::kTrunks, document("a", "one")));
  EXPECT_EQ(store.insert(Kind::kTrunks, document("b", "one")).error(), StoreFault::kConflict);
  EXPECT_TRUE(store.insert(Kind::kTrunks, document("b", "two")));
  EXPECT_FALSE(store.find(Kind::kTrunks, "other project", "a"));
  EXPECT_EQ(store.find_by_key(Kind::kTrunks, "two")->id, "b");
  EXPECT_EQ(store.list(Kind::kTrunks, "p", "a", 10).size(), 1u);
  EXPECT_FALSE(store.erase(Kind::kTrunks, "other project", "a"));
  EXPECT_TRUE(store.erase(Kind::kTrunks, "p", "a"));
}

TEST(Store, UpdateRefusesAnOldVersion) {
  Folder folder;
  Store store(folder.path());
  auto row = document("a", "one");
  ASSERT_TRUE(store.insert(Kind::kTrunks, row));
  row.body = R"({"n":1})";
  EXPECT_TRUE(store.update(Kind::kTrunks, row));
  EXPECT_EQ(store.update(Kind::kTrunks, row).error(), StoreFault::kVersion);
  EXPECT_EQ(store.find(Kind::kTrunks, "p", "a")->version, 2);
  row.id = "zz";
  EXPECT_EQ(store.update(Kind::kTrunks, row).error(), StoreFault::kMissing);
}

TEST(Store, SurvivesReopeningWithEverySequence) {
  Folder folder;
  {
    Store store(folder.path());
    Changes changes;
    changes.calls.push_back({"call_1", "p", "e", 42, "dialing", "1", "2", 5, "{}"});
    changes.events.push_back({0, "evt_1", "p", "call.dialing", 5, "{}"});
    changes.cdrs.push_back({0, "cdr_1", "p", "call_1", 6, "{}"});
    changes.engines.push_back({"e", "epoch", 9});
    store.apply(changes);
    EXPECT_EQ(changes.events[0].sequence, 1);
  }
  Store store(folder.path());
  EXPECT_EQ(store.open_calls().size(), 1u);
  EXPECT_EQ(store.calls_by_leg("e", 42).size(), 1u);
  EXPECT_EQ(store.engine("e")->sequence, 9u);
  Changes more;
  more.events.push_back({0, "evt_2", "p", "call.ended", 7, "{}"});
  more.cdrs.push_back({0, "cdr_2", "p", "call_1", 7, "{}"});  // a call has one CDR
  store.apply(more);
  EXPECT_EQ(more.events[0].sequence, 2);
  EXPECT_EQ(store.cdrs("p", 0, 10).size(), 1u);
  EXPECT_EQ(store.events("p", 1, 10).size(), 1u);
}

TEST(Store, OneIdempotencyKeyBuysOneIntent) {
  Folder folder;
  Store store(folder.path());
  const IdempotencyRow kept{"key", "p", "digest", 201, "{}", 1000};
  EXPECT_TRUE(
      store.commit_intent({"call_1", "p", "e", 1, "dialing", "", "", 5, "{}"}, kept, {0, "evt_1", "p", "t", 5, "{}"}));
  EXPECT_EQ(
      store.commit_intent({"call_2", "p", "e", 2, "dialing", "", "", 5, "{}"}, kept, {0, "evt_2", "p", "t", 5, "{}"})
          .error(),
      StoreFault::kConflict);
  EXPECT_FALSE(store.call("p", "call_2"));
  EXPECT_TRUE(store.idempotency("key", 1000));
  EXPECT_FALSE(store.idempotency("key", 1001));
}

TEST(GroupCommit, AFailingJobIsUndoneAlone) {
  Folder folder;
  Database table(folder.path() + "/x.db");
  table.execute("create table t (n bigint primary key)");
  GroupCommit writer(folder.path() + "/x.db");
  std::vector<std::thread> threads;
  std::atomic<int> refused{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      try {
        writer.commit(
            [&](Database& database) { database.execute("insert into t (n) values (:n)", {std::int64_t{i / 2}}); });
      } catch (const DatabaseError& error) {
        EXPECT_EQ(error.kind, DatabaseError::Kind::kConflict);
        ++refused;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(refused, 4);
  EXPECT_EQ(table.query("select n from t").size(), 4u);
}

TEST(Migrations, ANewerFileIsRefused) {
  Folder folder;
  Database database(folder.path() + "/x.db");
  migrate(database, {"create table a (n bigint);\n", "create table b (n bigint);\n"});
  migrate(database, {"create table a (n bigint);\n", "create table b (n bigint);\n"});
  EXPECT_THROW(migrate(database, {"create table a (n bigint);\n"}), DatabaseError);
}

// Whoever pages from the start meets each row that was there at the beginning exactly once, whatever is added.
TEST(Store, CursorPagingHoldsUnderInserts) {
  Folder folder;
  Store store(folder.path());
  IdMaker ids(3);
  Random random(11);
  const WallTime now{std::chrono::milliseconds(1'800'000'000'000)};
  std::set<std::string> first, met;
  const auto add = [&] {
    Changes changes;
    const auto id = ids.make("call", now);
    changes.calls.push_back({id, "p", "e", 1, "ended", "", "", 5, "{}"});
    store.apply(changes);
    return id;
  };
  for (int i = 0; i < 60; ++i) first.insert(add());
  for (CallFilter filter{.project = "p", .limit = 7};;) {
    const auto page = store.calls(filter);
    for (const auto& call : page) EXPECT_TRUE(met.insert(call.id).second) << "met twice";
    if (page.size() < filter.limit) break;
    filter.before = page.back().id;
    for (auto n = random.below(4); n > 0; --n) add();
  }
  for (const auto& id : first) EXPECT_TRUE(met.contains(id));
}

// What is counted by the data base is a number here, too: a restart reads abandoned calls of 30 days this way.
TEST(Store, OutcomesAreCountedByMinute) {
  Folder folder;
  Store store(folder.path());
  Changes changes;
  for (std::uint64_t i = 1; i <= 5; ++i)
    changes.attempts.push_back({.number = i,
                                .id = "att_" + std::to_string(i),
                                .project = "p",
                                .campaign = "camp",
                                .lead = i,
                                .call = "call",
                                .state = "settled",
                                .outcome = i <= 3 ? "abandoned" : "busy",
                                .ended_ms = i == 1 ? 1000 : 600'000,
                                .body = "{}"});
  store.apply(changes);
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> counts;
  for (const OutcomeCount& one : store.outcomes(60'000)) counts[{one.outcome, one.minute}] = one.count;
  EXPECT_THAT(counts, testing::UnorderedElementsAre(testing::Pair(testing::Pair("abandoned", 0), 1),
                                                    testing::Pair(testing::Pair("abandoned", 10), 2),
                                                    testing::Pair(testing::Pair("busy", 10), 2)));
}

}  // namespace
}  // namespace carillon::control
