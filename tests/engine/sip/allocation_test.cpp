// After start an agent calls operator new for nothing, whatever call or challenge it handles.

#include <cstdlib>
#include <new>

#include "engine/sip/digest.h"
#include "tests/engine/sip/ladder.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace carillon::sip {
namespace {

class Allocation : public Ladder {
 protected:
  // What one datagram costs inside the agent alone.
  std::size_t costs(const std::string& text) {
    const auto before = allocations;
    agent_->receive(bytes_of(text), kCarrier, now_);
    const auto after = allocations;
    collect();
    return after - before;
  }
};

TEST_F(Allocation, CallsCostNone) {
  ASSERT_TRUE(agent_->put_trunk(carrier(), now_));
  for (int round = 0; round < 2; ++round) {
    auto out = call();
    out.trunk = "carrier";
    const auto before = allocations;
    const auto handle = agent_->invite(out, now_);
    EXPECT_EQ(allocations, before);
    ASSERT_TRUE(handle.has_value());
    const Sent first = take().back();
    EXPECT_EQ(costs(response(first, 407, "p", "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n")),
              0u);
    const Sent invite = take().back();
    EXPECT_EQ(costs(response(invite, 183, "far", {}, kSdp)), 0u);
    EXPECT_EQ(costs(response(invite, 200, "far", "Record-Route: <sip:192.0.2.50;lr>\r\n", kSdp)), 0u);
    EXPECT_EQ(costs(in_dialog("INFO", invite, 1, "Content-Type: application/dtmf-relay\r\n", "Signal=1")), 0u);
    EXPECT_EQ(costs(in_dialog("BYE", invite, 2)), 0u);
    EXPECT_EQ(costs(Ladder::invite(kSdp, fmt::format("z9hG4bK{}", round))), 0u);
    now_ += 600ms;
    const auto at_timers = allocations;
    agent_->fire(now_);
    EXPECT_EQ(allocations, at_timers);
  }
}

TEST_F(Allocation, ChallengesCostNone) {
  const auto text = invite();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(costs(text), 0u);
  EXPECT_EQ(take().size(), 3u);
}

}  // namespace
}  // namespace carillon::sip
#endif
