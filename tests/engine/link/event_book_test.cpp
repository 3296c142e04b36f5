#include "engine/link/event_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/link/folder.h"

namespace carillon::link {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr LegId kLeg{7};
constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'000)};

wire::FromEngine leg_state(wire::LegState::State state) {
  wire::FromEngine event;
  event.mutable_leg()->set_leg(kLeg.value);
  event.mutable_leg()->set_call_id("call@10.0.0.1");
  event.mutable_leg()->set_state(state);
  return event;
}
wire::FromEngine recording() {
  wire::FromEngine event;
  event.mutable_record_done()->set_leg(kLeg.value);
  event.mutable_record_done()->set_path("2026/01/31/7.wav");
  return event;
}

/// One life of the engine after another, over one journal.
class Book : public testing::Test {
 protected:
  Book() { begin(); }
  void begin() {
    book_.reset();
    journal_.reset();
    auto opened = Journal::open({.path = folder_ / "journal", .size_start = 64u << 10});
    ASSERT_TRUE(opened) << opened.error();
    journal_ = std::move(*opened);
    book_ = std::make_unique<EventBook>(*journal_);
    book_->end_orphans(kNow);
  }
  void add(wire::FromEngine event) { event.has_record_done() ? book_->add_recording(event) : book_->add(event); }
  /// What control is told from `after` on: states of legs by name, recordings as "recording".
  std::vector<std::string> told(std::uint64_t after = 0) const {
    std::vector<std::string> names;
    for (auto kept = book_->after(after); kept; kept = book_->after(kept->sequence)) {
      wire::FromEngine event;
      EXPECT_TRUE(event.ParseFromArray(kept->bytes.data(), static_cast<int>(kept->bytes.size())));
      EXPECT_EQ(event.sequence(), kept->sequence);
      names.push_back(event.has_leg() ? wire::LegState::State_Name(event.leg().state()) : "recording");
    }
    return names;
  }

  Folder folder_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<EventBook> book_;
};

// Recorded and stopped in mid call, control dead since before the call: without the leg's state in the journal a new
// process would tell of a recording of a leg that control has never heard of.
TEST_F(Book, ARecordingIsToldBehindTheStateOfItsLegWhateverDies) {
  add(leg_state(wire::LegState::INCOMING));
  add(leg_state(wire::LegState::ANSWERED));
  add(recording());
  EXPECT_THAT(told(), ElementsAre("INCOMING", "ANSWERED", "ANSWERED", "recording"));
  begin();
  EXPECT_THAT(told(), ElementsAre("ANSWERED", "recording", "ENDED"));
}

TEST_F(Book, AnAcknowledgedRecordingHasItsStateAcknowledgedToo) {
  add(leg_state(wire::LegState::ANSWERED));
  add(recording());
  book_->acknowledge(2);  // the state, as far as control had committed
  EXPECT_THAT(told(2), ElementsAre("recording"));
  book_->acknowledge(3);
  begin();
  EXPECT_THAT(told(), ElementsAre("ENDED"));
}

TEST_F(Book, ARecordingThatEndsWithItsLegFollowsTheEnd) {
  add(leg_state(wire::LegState::ANSWERED));
  add(leg_state(wire::LegState::ENDED));
  add(recording());
  EXPECT_THAT(told(1), ElementsAre("ENDED", "recording"));
  begin();
  EXPECT_THAT(told(), ElementsAre("ENDED", "recording"));
}

// Repaired after a crash: the orphan's end is in the journal before the recording is looked at.
TEST_F(Book, ARepairedRecordingFollowsTheEndOfItsOrphan) {
  add(leg_state(wire::LegState::ANSWERED));
  begin();
  add(recording());
  EXPECT_THAT(told(), ElementsAre("ENDED", "recording"));
  EXPECT_THAT(told(book_->after(0)->sequence), ElementsAre("recording"));
}

TEST_F(Book, ALegThatIsOnlyAskedForIsNotToldOf) {
  wire::LegState asked;
  asked.set_leg(kLeg.value);
  ASSERT_TRUE(journal_->put_leg(kLeg, asked.SerializeAsString()));
  EXPECT_THAT(told(), IsEmpty());
  add(recording());
  EXPECT_THAT(told(), ElementsAre("recording"));
}

}  // namespace
}  // namespace carillon::link
