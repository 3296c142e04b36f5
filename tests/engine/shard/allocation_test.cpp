// No step of a shard takes memory from the heap, from its first call on: Side::step() fails every test of this room in
// which one does (Soak: thousands of calls over a bad line). Here: the count itself, what a call may do, some hundred
// times over and with texts that fit no short string, and what may allocate.

#include <execinfo.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tests/engine/shard/world.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// malloc and its kin, so that C libraries count as well as operator new; below is glibc's own.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

void count_one() {
  auto& mine = carillon::shard::allocations;
  if (!mine.is_counting) return;
  const carillon::shard::Counting off(false);
  if (mine.count++ == 0) mine.depth = ::backtrace(mine.first.data(), carillon::shard::Allocations::kDepth);
}

}  // namespace

extern "C" {
void* malloc(std::size_t size) {
  count_one();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  count_one();
  return __libc_calloc(count, size);
}
void* realloc(void* block, std::size_t size) {
  count_one();
  return __libc_realloc(block, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count_one();
  return __libc_memalign(alignment, size);
}
void* memalign(std::size_t alignment, std::size_t size) { return aligned_alloc(alignment, size); }
int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  *block = aligned_alloc(alignment, size);
  return *block ? 0 : ENOMEM;
}
}

namespace carillon::shard {
namespace {

/// Blocks that `work` takes.
template <class Work>
std::uint64_t cost(Work&& work) {
  allocations.take();
  {
    const Counting on(true);
    work();
  }
  return allocations.take();
}

template <class T>
void use(T* block) {
  asm volatile("" : : "r"(block) : "memory");
}

struct alignas(256) Wide {
  char bytes[256];
};

TEST(Allocation, IsSeenWhoeverAsks) {
  const auto by_new = [] {
    auto* block = new int(1);
    use(block);
    delete block;
  };
  EXPECT_EQ(cost(by_new), 1u);
  EXPECT_EQ(cost([] {
              auto* block = new Wide;
              use(block);
              delete block;
            }),
            1u);
  EXPECT_EQ(cost([] {
              char* copy = ::strdup("libc's own");
              use(copy);
              std::free(copy);
            }),
            1u);
  EXPECT_EQ(cost([] {
              std::vector<int> numbers;
              for (int i = 0; i < 3; ++i) numbers.push_back(i);
              use(numbers.data());
            }),
            3u);
  EXPECT_EQ(cost([&] {
              const Counting off(false);
              by_new();
            }),
            0u);
}

/// What happened in all rounds, so that a path that is not walked any more is noticed.
struct Walked {
  int answered = 0, failed = 0, digits = 0, verdicts = 0, bridged = 0, gathered = 0;
};

/// In each round two legs of different laws are bridged, one of them under detection, with digits, hold, recording and
/// playing; three calls fail, a fourth finds its way past a dead gateway.
class Everything : public testing::TestWithParam<bool> {
 protected:
  Everything() {
    world.a.trunk("dead", {Endpoint::v4(10, 0, 0, 99, 5060)});
    world.a.trunk("login", {world.b.address()}, [](call::Trunk& trunk) {
      trunk.username = "phone";
      trunk.password = "a secret that does not stay inside a string";
      trunk.domain = "a-domain-of-some-length.example.com";
      trunk.codecs = {"PCMA"};
      trunk.to_rule = {.strip = 1, .prefix = "+00112233", .plus = call::NumberRule::Plus::kRemove};
    });
    world.b.on_incoming = [this](LegId leg, const LegState& state, std::uint32_t shard) {
      const auto to = state.to.view();
      if (to.ends_with("486"))
        return void(world.b.tell(call::Reject{leg, 486, "busy as ever, and longer than a string", 0}, shard));
      if (to.ends_with("503")) return void(world.b.tell(call::Reject{leg, 503, {}, 1}, shard));
      if (to.ends_with("2")) far_two = leg;
      world.b.tell(call::Progress{leg, to.ends_with("1"), nullptr}, shard);
      if (to.ends_with("180")) return;
      call::Plan plan = to.ends_with("1") ? message_plan(word) : listen_plan();
      plan.record = true;
      if (to.ends_with("1")) plan.states[0].on.clear();
      world.b.tell(call::Answer{leg, plan}, shard);
    };
    world.run(50ms);
  }
  LegId dial(const char* trunk, const char* to, call::Plan plan = {}) {
    return world.a.dial(trunk, to, std::move(plan), [&](call::Originate& wanted) {
      wanted.ring_time = 700ms;
      wanted.from_name = "A Name That Is Longer Than A Short String";
      wanted.headers = {{"X-Campaign", "a value that is longer than a short string"}};
      if (std::string_view(trunk) != "dead") return;
      wanted.trunks = {"dead", "b"};
      wanted.ring_time = 20s;
    });
  }
  void round() {
    call::Plan detecting = message_plan(word);
    detecting.detects = detecting.record = true;
    detecting.states[0].on.clear();
    const LegId one = dial("b", "+4930123451", detecting), two = dial("login", "+4930123452", listen_plan());
    const LegId busy = dial("b", "+4930123486"), full = dial("b", "+4930123503"), silent = dial("b", "+4930123180");
    const LegId moved = dial("dead", "+4930123453");
    world.run(300ms);
    world.a.tell(call::Bridge{one, two});
    world.run(200ms);
    world.a.tell(call::Gather{two, 2, 1s, '#'});
    world.b.tell(call::SendDtmf{far_two, "15", 80ms});
    world.a.tell(call::SendDtmf{one, "9", 80ms});
    world.run(600ms);
    world.a.tell(call::Hold{two, true});
    world.run(200ms);
    world.a.tell(call::Hold{two, false});
    world.a.tell(call::Unbridge{one});
    world.a.tell(call::Play{two, {&word}, 1});
    world.a.tell(call::Record{two, false});
    world.run(6s);  // RTCP comes every five seconds; the dead gateway is given up after six
    for (const LegId leg : {one, two, moved})
      world.a.tell(call::Hangup{leg, 16, "the end of a long, long call that was heard"});
    world.run(500ms);
    for (const LegId leg : {one, two, busy, full, silent, moved}) {
      const LegState state = world.a.state(leg);
      EXPECT_EQ(state.phase, LegPhase::kEnded);
      ++(state.answered == WallTime{} ? walked.failed : walked.answered);
    }
    for (const auto& event : world.a.events) {
      walked.digits += event.kind == EventKind::kDtmf;
      walked.verdicts += event.kind == EventKind::kDetection && event.body.detection.is_final;
      walked.bridged += event.kind == EventKind::kBridgeState && event.body.bridge.bridged;
      walked.gathered += event.kind == EventKind::kGathered;
    }
    world.a.events.clear();
    world.b.events.clear();
  }

  Walked walked;
  LegId far_two;  ///< b's end of the second leg
  const media::Prompt word = tone(440, 900ms);
  World world{1, 1, 200, 1024, GetParam()};
};

TEST_P(Everything, AgainAndAgainTakesNothing) {
  constexpr int kRounds = 60;
  for (int i = 0; i < kRounds; ++i) round();
  EXPECT_EQ(world.a.allocated, 0u);
  EXPECT_EQ(world.b.allocated, 0u);
  EXPECT_EQ(walked.answered, 3 * kRounds);
  EXPECT_EQ(walked.failed, 3 * kRounds);
  EXPECT_GE(walked.digits, 2 * kRounds);
  EXPECT_GE(walked.gathered, kRounds);
  EXPECT_GE(walked.verdicts, kRounds);
  EXPECT_EQ(walked.bridged, 2 * kRounds);
}
INSTANTIATE_TEST_SUITE_P(Addresses, Everything, testing::Bool(),
                         [](const auto& info) { return info.param ? "ipv6" : "ipv4"; });

// Commands that bring what the shard then keeps, and a question of an operator. They come when somebody changes the
// configuration or asks, not with calls; a trunk's strings and lists are copied. No more than was measured, each time;
// a trace takes a few more per message that it shows.
TEST(Allocation, IsLeftToConfiguration) {
  World world;
  world.run(1s);
  const auto costs = [&](const CommandBody& body) {
    const auto before = world.a.allocated_configuring;
    world.a.tell(body);
    world.run(10ms);
    return world.a.allocated_configuring - before;
  };
  call::Trunk trunk;
  trunk.id = "a carrier with a name of some length";
  trunk.gateways = {world.b.address(), Endpoint::v4(10, 0, 0, 98, 5060)};
  trunk.username = trunk.password = trunk.domain = "longer-than-a-short-string.example.com";
  trunk.codecs = {"PCMA"};
  call::PutEndpoint phone{.id = "a phone with a name of some length",
                          .username = "a phone with a name",
                          .ha1_md5 = std::string(32, '1'),
                          .ha1_sha256 = std::string(64, '2'),
                          .behind_nat = true};
  call::Trace trace{{1001}, {}, false};
  trace.text.reserve(10'000);
  const LegId leg = world.a.dial("b", "+49");
  world.run(300ms);
  trace.leg = leg;
  EXPECT_LE(costs(call::PutTrunk{trunk}), 23u);
  EXPECT_LE(costs(call::PutTrunk{trunk}), 11u);
  EXPECT_LE(costs(call::RemoveTrunk{trunk.id}), 2u);
  EXPECT_LE(costs(phone), 12u);
  EXPECT_LE(costs(phone), 8u);
  EXPECT_LE(costs(call::RemoveEndpoint{phone.id}), 2u);
  EXPECT_LE(costs(trace), 4u);
  EXPECT_EQ(costs(call::Hangup{leg, 16, "nor does this"}), 0u);
  EXPECT_EQ(world.a.allocated, 0u);
}

}  // namespace
}  // namespace carillon::shard
#endif
