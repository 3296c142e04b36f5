// Both ends of the engine link against each other, with shards played by the test.

#include <fstream>

#include "engine/link/wire/digest.h"
#include "engine/link/wire/frame.h"
#include "media/prompt/wav.h"
#include "tests/control/link/bench_of_two.h"
#include "tests/control/link/certificates.h"
#include "tests/control/link/relay.h"

namespace carillon::control {
namespace {

constexpr std::uint64_t kLegs = 60;

bool all_ended_once(const Owner& owner) {
  if (owner.ended_.size() != kLegs) return false;
  for (const auto& [leg, count] : owner.ends_per_leg_)
    if (count != 1) return true;  // said by the expectation below
  return true;
}

void expect_in_order(const Owner& owner) {
  std::uint64_t last = 0;
  for (const auto& event : owner.events_) {
    EXPECT_GT(event.sequence(), last);
    last = event.sequence();
  }
  for (const auto& [leg, count] : owner.ends_per_leg_) EXPECT_EQ(count, 1) << "leg " << leg;
}

void place_and_end_all(EngineLink& link, Owner& owner, Engine& engine) {
  std::vector<std::uint64_t> ids;
  for (std::uint64_t leg = 1; leg <= kLegs; ++leg) {
    ids.push_back(link.send(originate(leg)));
    ids.push_back(link.send(hangup(leg)));
  }
  ASSERT_TRUE(owner.wait_for(all_ended_once));
  ASSERT_TRUE(owner.wait_for([&](const Owner& o) { return o.done_.size() == ids.size(); }));
  expect_in_order(owner);
  for (const auto id : ids) {
    ASSERT_EQ(owner.done_[id].size(), 1u);
    EXPECT_TRUE(owner.done_[id][0].ok()) << owner.done_[id][0].error();
  }
  for (std::uint64_t leg = 1; leg <= kLegs; ++leg) EXPECT_EQ(engine.of(leg).originated()[leg], 1);
}

TEST(EngineLink, PlacesCallsAndHearsOfTheirEndsOverAUnixSocket) {
  link::Folder folder;
  Engine engine(folder, "unix:" + (folder / "engine.sock"));
  Owner owner;
  auto link = connect(owner, engine.server->address());
  place_and_end_all(*link, owner, engine);
  EXPECT_EQ(link->health().engine, "engine-1");
  EXPECT_EQ(link->health().back_end, "sim");
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return !o.stats_.empty(); }));
  EXPECT_GT(owner.stats_.back().memory_bytes(), 1u << 20);
}

TEST(EngineLink, PerformsEachCommandOnceAndLosesNoEventWhenTheConnectionBreaks) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    link::Folder folder;
    Engine engine(folder, "unix:" + (folder / "engine.sock"));
    link::Relay relay("unix:" + (folder / "relay.sock"), engine.server->address(), seed, 12);
    Owner owner;
    auto link = connect(owner, "unix:" + (folder / "relay.sock"));
    place_and_end_all(*link, owner, engine);
    EXPECT_LT(relay.cuts_left(), 12) << "seed " << seed;
    EXPECT_GT(owner.welcomes_.size(), 1u) << "seed " << seed;
    // what the engine has numbered has come without a hole
    for (std::size_t i = 0; i < owner.events_.size(); ++i) ASSERT_EQ(owner.events_[i].sequence(), i + 1);
  }
}

TEST(EngineLink, ARestartedControlGoesOnWhereItHadCommitted) {
  link::Folder folder;
  Engine engine(folder, "unix:" + (folder / "engine.sock"));
  Owner owner;
  auto link = connect(owner, engine.server->address());
  link->send(originate(1));
  link->send(originate(2));
  link->send(hangup(1));
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return o.ended_.contains(1); }));
  link.reset();
  engine.of(2).end_leg(LegId{2});  // while nobody listens
  link = connect(owner, engine.server->address());
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return o.ended_.contains(2); }));
  link.reset();
  expect_in_order(owner);
}

TEST(EngineLink, AnEndThatCannotBeCommittedComesAgainUntilItCan) {
  link::Folder folder;
  Engine engine(folder, "unix:" + (folder / "engine.sock"));
  Owner owner;
  owner.refuse_commits(true);
  auto link = connect(owner, engine.server->address());
  link->send(originate(1));
  link->send(hangup(1));
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return o.refused_ >= 2; }));
  EXPECT_TRUE(owner.ended_.empty());
  owner.refuse_commits(false);
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return o.ended_.contains(1); }));
  expect_in_order(owner);
}

TEST(EngineLink, ControlDownThenEngineDownLosesNoEnd) {
  link::Folder folder;
  Owner owner;
  {
    Engine engine(folder, "unix:" + (folder / "engine.sock"));
    auto link = connect(owner, engine.server->address());
    for (const std::uint64_t leg : {1, 2, 3}) link->send(originate(leg));
    ASSERT_TRUE(owner.wait_for([](const Owner& o) { return o.done_.size() == 3; }));
    link.reset();
    engine.of(1).end_leg(LegId{1});
    ASSERT_TRUE(engine.of(1).wait_for([](const link::FakeShard& s) { return !s.living_.contains(1); }));
  }
  Engine engine(folder, "unix:" + (folder / "engine.sock"));
  auto link = connect(owner, engine.server->address());
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return o.ended_.size() == 3; }));
  link.reset();
  EXPECT_EQ(owner.ended_[1].reason(), "normal");
  for (const std::uint64_t leg : {2, 3}) {
    EXPECT_EQ(owner.ended_[leg].reason(), "engine restarted");
    EXPECT_EQ(owner.ended_[leg].cause(), 41u);
    EXPECT_EQ(owner.ended_[leg].ended_by(), wire::LegState::ENGINE);
    EXPECT_GT(owner.ended_[leg].ended_ms(), 0);
  }
  expect_in_order(owner);
  ASSERT_EQ(owner.welcomes_.size(), 2u);
  EXPECT_EQ(owner.welcomes_[0].epoch(), owner.welcomes_[1].epoch());
  EXPECT_NE(owner.welcomes_[0].boot(), owner.welcomes_[1].boot());
}

TEST(EngineLink, ACallOnItsWayWhenTheEngineDiedIsNotPlacedAgain) {
  link::Folder folder;
  Owner owner;
  auto engine = std::make_unique<Engine>(folder, "unix:" + (folder / "engine.sock"));
  for (auto& shard : engine->shards) shard.hold(true);  // taken by the link, never by a shard
  auto link = connect(owner, engine->server->address());
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return o.welcomes_.size() == 1; }));
  const auto id = link->send(originate(9));
  wire::ToEngine fetch;  // answered after the Originate was taken: frames are read in order
  fetch.mutable_fetch_recording()->set_path("none.wav");
  EXPECT_EQ(link->call(fetch, 20s).error().error, LinkError::kRefused);
  engine.reset();
  engine = std::make_unique<Engine>(folder, "unix:" + (folder / "engine.sock"));
  ASSERT_TRUE(owner.wait_for([&](const Owner& o) { return o.done_.contains(id) && o.ended_.contains(9); }));
  link.reset();
  EXPECT_FALSE(owner.done_[id][0].ok());
  EXPECT_EQ(owner.done_[id][0].error(), "engine restarted");
  EXPECT_EQ(owner.ended_[9].reason(), "engine restarted");
  EXPECT_TRUE(engine->of(9).originated().empty());
}

TEST(EngineLink, ALegIsNeverPlacedTwice) {
  link::Folder folder;
  Engine engine(folder, "unix:" + (folder / "engine.sock"));
  Owner owner;
  auto link = connect(owner, engine.server->address());
  const auto first = link->send(originate(4));
  const auto second = link->send(originate(4));
  ASSERT_TRUE(owner.wait_for([&](const Owner& o) { return o.done_.contains(first) && o.done_.contains(second); }));
  EXPECT_TRUE(owner.done_[first][0].ok());
  EXPECT_EQ(owner.done_[second][0].error(), "leg: lives already");
}

TEST(EngineLink, AnsweredByUsWhenNoEngineTakesTheCommandInTime) {
  link::Folder folder;
  Owner owner;
  auto link = connect(owner, "unix:" + (folder / "nobody.sock"), {}, 10ms);
  const auto id = link->send(originate(1));
  ASSERT_TRUE(owner.wait_for([&](const Owner& o) { return o.done_.contains(id); }));
  EXPECT_EQ(owner.done_[id][0].error(), "engine not connected");
  EXPECT_EQ(link->call(originate(2), 1s).error().error, LinkError::kNotConnected);
}

TEST(EngineLink, ACommandThatCannotTravelIsAnsweredAndHoldsUpNobody) {
  link::Folder folder;
  Engine engine(folder, "unix:" + (folder / "engine.sock"));
  Owner owner;
  auto link = connect(owner, engine.server->address());
  auto no_text = originate(1);
  no_text.mutable_originate()->set_from_name("M\xFCller");
  auto too_long = originate(2);
  too_long.mutable_originate()->set_from_name(std::string(17u << 20, 'x'));
  const auto first = link->send(no_text), second = link->send(too_long), third = link->send(originate(3));
  ASSERT_TRUE(owner.wait_for([&](const Owner& o) { return o.done_.size() == 3; }));
  EXPECT_FALSE(owner.done_[first][0].ok());
  EXPECT_FALSE(owner.done_[second][0].ok());
  EXPECT_TRUE(owner.done_[third][0].ok());
  EXPECT_EQ(owner.welcomes_.size(), 1u);
}

TEST(EngineLink, SnapshotAndTraceComeFromTheShards) {
  link::Folder folder;
  Engine engine(folder, "unix:" + (folder / "engine.sock"));
  Owner owner;
  auto link = connect(owner, engine.server->address());
  for (std::uint64_t leg = 1; leg <= 20; ++leg) link->send(originate(leg));
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return o.done_.size() == 20; }));
  wire::ToEngine ask;
  ask.mutable_snapshot();
  const auto snapshot = link->call(ask, 20s);
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->snapshot().legs_size(), 20);
  ask.mutable_trace()->set_leg(3);
  const auto trace = link->call(ask, 20s);
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->trace().text(), "INVITE");
  EXPECT_TRUE(trace->trace().found());
}

TEST(EngineLink, TrunksReachEveryShardAndAreAnsweredOnce) {
  link::Folder folder;
  Engine engine(folder, "unix:" + (folder / "engine.sock"));
  Owner owner;
  auto link = connect(owner, engine.server->address());
  wire::ToEngine put;
  put.mutable_put_trunk()->set_id("t1");
  put.mutable_put_trunk()->add_gateways()->set_address("127.0.0.1");
  const auto id = link->send(put);
  ASSERT_TRUE(owner.wait_for([&](const Owner& o) { return o.done_.contains(id); }));
  EXPECT_EQ(owner.done_[id].size(), 1u);
  for (auto& shard : engine.shards)
    EXPECT_TRUE(shard.wait_for([](const link::FakeShard& s) { return s.trunks_ == std::vector<std::string>{"t1"}; }));
}

TEST(EngineLink, ShardsHearThatTheBrainIsGoneAndBack) {
  link::Folder folder;
  Engine engine(folder, "unix:" + (folder / "engine.sock"));
  Owner owner;
  auto link = connect(owner, engine.server->address());
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return !o.welcomes_.empty(); }));
  const auto ends_with = [](bool present) {
    return [=](const link::FakeShard& s) { return !s.brain_.empty() && s.brain_.back() == present; };
  };
  link.reset();
  for (auto& shard : engine.shards) ASSERT_TRUE(shard.wait_for(ends_with(false)));
  link = connect(owner, engine.server->address());
  for (auto& shard : engine.shards) ASSERT_TRUE(shard.wait_for(ends_with(true)));
}

TEST(EngineLink, PromptsGoUpOnceAndAreThereAfterARestart) {
  link::Folder folder;
  const std::vector<std::int16_t> sound(3'000'000, 500);  // 6 MB: several pieces
  const auto bytes = media::write_wav(sound);
  const std::string name = link::sha256_hex(bytes);
  for (int round = 0; round < 2; ++round) {
    Engine engine(folder, "unix:" + (folder / "engine.sock"));
    Owner owner;
    auto link = connect(owner, engine.server->address());
    ASSERT_TRUE(owner.wait_for([](const Owner& o) { return !o.welcomes_.empty(); }));
    const auto state = link->upload_prompt(name, text_of(bytes));
    ASSERT_TRUE(state) << state.error().text;
    EXPECT_EQ(state->duration_ms(), 375'000u);
    EXPECT_EQ(link->upload_prompt(name, "other bytes").error().error, LinkError::kCorrupt);
  }
}

TEST(EngineLink, RecordingsAreReportedFetchedAndRemoved) {
  link::Folder folder;
  std::string sound(3'500'000, 'r');
  sound[1'234'567] = 'x';
  const std::string name = link::sha256_hex(bytes_of(sound));
  std::atomic<bool> is_told = false;
  const link::RecordedSource source{.next =
                                        [&](link::Recorded& recorded) {
                                          if (is_told.exchange(true)) return false;
                                          recorded.leg = LegId{5};
                                          recorded.path.assign("a/5.wav");
                                          recorded.sha256.assign(name);
                                          recorded.size = sound.size();
                                          return true;
                                        },
                                    .journaled = {}};
  Engine engine(folder, "unix:" + (folder / "engine.sock"), {}, source);
  std::filesystem::create_directories(folder / "recordings/a");
  std::ofstream(folder / "recordings/a/5.wav", std::ios::binary) << sound;
  std::ofstream(folder / "copy.wav.part", std::ios::binary) << sound.substr(0, 1'000'001);  // of an earlier try
  Owner owner;
  auto link = connect(owner, engine.server->address());
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return !o.events_.empty(); }));
  const auto& done = owner.events_[0].record_done();
  const auto size = link->fetch_recording(done.path(), done.sha256(), folder / "copy.wav");
  ASSERT_TRUE(size) << size.error().text;
  EXPECT_EQ(*size, sound.size());
  std::ifstream copy(folder / "copy.wav", std::ios::binary);
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(copy)), {}), sound);
  EXPECT_EQ(link->fetch_recording(done.path(), std::string(64, '0'), folder / "bad.wav").error().error,
            LinkError::kCorrupt);
  wire::ToEngine remove;
  remove.mutable_delete_recording()->set_path(done.path());
  ASSERT_TRUE(link->call(remove, 20s));
  EXPECT_FALSE(std::filesystem::exists(folder / "recordings/a/5.wav"));
  EXPECT_EQ(link->fetch_recording("../data/journal", "", folder / "x.wav").error().error, LinkError::kRefused);
}

TEST(EngineLink, SpeaksMutualTlsOverTcp) {
  link::Folder folder;
  const link::Authority fleet(folder.path(), "fleet");
  Engine engine(folder, "tcp:127.0.0.1:0", fleet.make("engine"));
  Owner owner;
  auto link = connect(owner, engine.server->address(), fleet.make("control", "engine"));
  place_and_end_all(*link, owner, engine);
}

TEST(EngineLink, BelievesNobodyWithoutACertificateOfTheFleet) {
  link::Folder folder;
  const link::Authority fleet(folder.path(), "fleet");
  const link::Authority stranger(folder.path(), "stranger");
  Engine engine(folder, "tcp:127.0.0.1:0", fleet.make("engine"));
  link::TlsConfig forged = stranger.make("forged");
  forged.ca_file = folder / "fleet.pem";
  for (const auto& tls : {link::TlsConfig{}, forged, fleet.make("control", "another-engine")}) {
    Owner owner;
    auto link = connect(owner, engine.server->address(), tls, 200ms);
    const auto id = link->send(originate(1));
    ASSERT_TRUE(owner.wait_for([&](const Owner& o) { return o.done_.contains(id); }));
    EXPECT_EQ(owner.done_[id][0].error(), "engine not connected");
    EXPECT_FALSE(link->health().connected);
    EXPECT_NE(link->health().error, "");
  }
}

TEST(EngineLink, PlainTcpIsForLoopbackOnly) {
  link::Folder folder;
  const auto address = *link::parse_address("tcp:192.0.2.1:5070");
  EXPECT_THAT(link::Stream::connect(address, nullptr).error(), testing::HasSubstr("TLS"));
  EXPECT_THAT(link::Listener::listen(*link::parse_address("tcp:0.0.0.0:0"), false).error(), testing::HasSubstr("TLS"));
}

// Says some bytes and returns what the engine answers before it closes.
std::string talk(const std::string& address, std::string_view bytes) {
  auto stream = std::move(*link::Stream::connect(*link::parse_address(address), nullptr));
  stream->queue(bytes);
  std::string answer;
  for (auto result = link::Stream::Io::kOk;
       result != link::Stream::Io::kClosed && result != link::Stream::Io::kFailed;) {
    pollfd waiting{stream->fd(), stream->wants(), 0};
    ::poll(&waiting, 1, 100);
    (void)stream->flush();
    result = stream->receive(answer, 1u << 20);
  }
  link::FrameReader frames;
  frames.push(bytes_of(answer));
  const auto frame = frames.next();
  wire::FromEngine message;
  if (!frame || !*frame || !message.ParseFromString(std::string(**frame))) return "no answer";
  return message.done().error();
}

TEST(EngineLink, BadPeersAreToldWhyAndDisturbNobody) {
  link::Folder folder;
  Engine engine(folder, "unix:" + (folder / "engine.sock"));
  Owner owner;
  auto link = connect(owner, engine.server->address());
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return !o.welcomes_.empty(); }));
  const std::string address = engine.server->address();

  EXPECT_THAT(talk(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), testing::HasSubstr("frame longer than"));
  EXPECT_THAT(talk(address, std::string_view("\xFF\xFF\xFF\xFF", 4)), testing::HasSubstr("frame longer than"));
  EXPECT_THAT(talk(address, std::string_view("\0\0\0\3\xFF\xFF\xFF", 7)), testing::HasSubstr("no ToEngine"));
  std::string frames;
  ASSERT_TRUE(link::append_frame(frames, originate(1)));
  EXPECT_THAT(talk(address, frames), testing::HasSubstr("Hello"));
  wire::ToEngine hello;
  hello.mutable_hello()->set_version(2);
  frames.clear();
  ASSERT_TRUE(link::append_frame(frames, hello));
  EXPECT_THAT(talk(address, frames), testing::HasSubstr("version 2"));

  const auto id = link->send(originate(6));  // the good connection has lived through all of it
  ASSERT_TRUE(owner.wait_for([&](const Owner& o) { return o.done_.contains(id); }));
  EXPECT_TRUE(owner.done_[id][0].ok());
  EXPECT_EQ(owner.welcomes_.size(), 1u);
}

TEST(EngineLink, ANewerControlTakesOver) {
  link::Folder folder;
  Engine engine(folder, "unix:" + (folder / "engine.sock"));
  wire::ToEngine hello;
  hello.mutable_hello()->set_version(1);
  std::string frames;
  ASSERT_TRUE(link::append_frame(frames, hello));
  auto older = std::move(*link::Stream::connect(*link::parse_address(engine.server->address()), nullptr));
  older->queue(frames);
  std::string answer;
  for (; answer.empty(); older->receive(answer, 4096)) (void)older->flush();
  Owner owner;
  auto link = connect(owner, engine.server->address());
  ASSERT_TRUE(owner.wait_for([](const Owner& o) { return !o.welcomes_.empty(); }));
  auto result = link::Stream::Io::kAgain;
  while (result == link::Stream::Io::kAgain || result == link::Stream::Io::kOk) {
    pollfd waiting{older->fd(), POLLIN, 0};
    ::poll(&waiting, 1, 100);
    result = older->receive(answer, 4096);
  }
  EXPECT_EQ(result, link::Stream::Io::kClosed);
}

}  // namespace
}  // namespace carillon::control
