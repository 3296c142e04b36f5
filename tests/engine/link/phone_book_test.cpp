#include "engine/link/phone_book.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/engine/link/folder.h"

namespace carillon::link {
namespace {

constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'000)};

call::EndpointState registered(const std::string& id, const char* address = "10.1.2.3") {
  call::EndpointState state;
  state.id.assign(id);
  state.registered = true;
  state.contact.assign("sip:ada@192.168.0.7:5060");
  state.expires_s = 300;
  state.source = *Endpoint::parse(address, 5062);
  return state;
}

class PhoneBookTest : public testing::Test {
 protected:
  PhoneBook opened(WallTime now = kNow) { return PhoneBook(path(), now); }
  std::string path() const { return folder / "phones"; }
  Folder folder;
};

TEST_F(PhoneBookTest, ARegisteredPhoneIsReachedAfterARestart) {
  {
    auto book = opened();
    EXPECT_FALSE(book.put("endpoint_1", "ada", kNow));
    book.note(registered("endpoint_1"), kNow);
    EXPECT_TRUE(book.save());
  }
  auto book = opened(kNow + 100s);
  const auto bound = book.put("endpoint_1", "ada", kNow + 100s);
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->contact, "sip:ada@192.168.0.7:5060");
  EXPECT_EQ(bound->source, Endpoint::v4(10, 1, 2, 3, 5062));
  EXPECT_EQ(bound->expires, 200s);
}

TEST_F(PhoneBookTest, AnIpv6SourceIsKept) {
  auto book = opened();
  book.put("endpoint_1", "ada", kNow);
  book.note(registered("endpoint_1", "fe80::1"), kNow);
  EXPECT_TRUE(book.save());
  auto again = opened();
  const auto bound = again.put("endpoint_1", "ada", kNow);
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->source.text(), "[fe80::1]:5062");
}

TEST_F(PhoneBookTest, WhatRanOutWasTakenBackOrChangedItsNameIsGone) {
  auto book = opened();
  for (const char* id : {"old", "gone", "renamed", "removed"}) {
    book.put(id, "ada", kNow);
    book.note(registered(id), kNow);
  }
  auto gone = registered("gone");
  gone.registered = false;
  book.note(gone, kNow);
  book.remove("removed");
  EXPECT_FALSE(book.put("old", "ada", kNow + 300s));
  EXPECT_FALSE(book.put("gone", "ada", kNow));
  EXPECT_FALSE(book.put("renamed", "bob", kNow));
  EXPECT_FALSE(book.put("renamed", "ada", kNow));  // and does not come back with the old name
  EXPECT_FALSE(book.put("removed", "ada", kNow));
  EXPECT_TRUE(book.save());
  EXPECT_TRUE(opened(kNow + 299s).put("old", "ada", kNow + 299s));
  EXPECT_FALSE(opened(kNow + 300s).put("old", "ada", kNow));  // not even read
}

TEST_F(PhoneBookTest, APhoneThatControlNeverNamedIsNotKept) {
  auto book = opened();
  book.note(registered("stranger"), kNow);
  EXPECT_FALSE(book.put("stranger", "ada", kNow));
}

TEST_F(PhoneBookTest, AContactThatMayHaveBeenCutIsNotUsed) {
  auto book = opened();
  book.put("endpoint_1", "ada", kNow);
  auto state = registered("endpoint_1");
  state.contact.assign("sip:" + std::string(200, 'a'));
  book.note(state, kNow);
  EXPECT_FALSE(book.put("endpoint_1", "ada", kNow));
}

TEST_F(PhoneBookTest, WhatCannotBeReadIsLeftOut) {
  std::ofstream(path()) << "\xff\xff\n1800000300000\tno_source\tada\t10.1.2.3\tsip:a@b\n"
                        << "1800000300000\tshort\tada\n\n1800000300000\tsound\tada\t10.1.2.3:5062\tsip:a@b\n"
                        << "1800000300000\tlong\tada\t10.1.2.3:5062\tsip:a@b\tmore\n99999999999999999999\tx\tx\tx\tx";
  auto book = opened();
  EXPECT_TRUE(book.put("sound", "ada", kNow));
  for (const char* id : {"no_source", "short", "long", "x", ""}) EXPECT_FALSE(book.put(id, "ada", kNow)) << id;
}

}  // namespace
}  // namespace carillon::link
