#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/bytes.h"
#include "engine/base/endpoint.h"
#include "engine/base/pool.h"
#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/base/time.h"

namespace carillon {
namespace {

TEST(ByteReader, YieldsZerosPastTheEndAndStaysFailed) {
  const std::byte wire[] = {std::byte{1}, std::byte{2}, std::byte{3}};
  ByteReader in(wire);
  EXPECT_EQ(in.u16(), 0x0102);
  EXPECT_EQ(in.u16(), 0);
  EXPECT_TRUE(in.failed());
  EXPECT_EQ(in.u8(), 0);  // one byte is left, but a failed reader reads no more
}

TEST(ByteWriter, WritesNothingPastTheEnd) {
  std::byte wire[3] = {};
  ByteWriter out(wire);
  out.u16(0xABCD);
  out.u32(1);
  EXPECT_TRUE(out.failed());
  EXPECT_EQ(out.size(), 2u);
  EXPECT_EQ(wire[2], std::byte{0});
}

TEST(Pool, LateHandleFindsNothing) {
  Pool<int> pool(2);
  const Handle first = pool.add(7);
  ASSERT_TRUE(pool.remove(first));
  const Handle second = pool.add(8);
  EXPECT_EQ(second.index, first.index);
  EXPECT_EQ(pool.find(first), nullptr);
  EXPECT_EQ(*pool.find(second), 8);
}

TEST(Pool, FullPoolAnswersEmptyHandle) {
  Pool<int> pool(1);
  EXPECT_TRUE(pool.add(1));
  EXPECT_FALSE(pool.add(2));
}

TEST(Random, SameSeedSameDraws) {
  Random a(7), b(7), c(8);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(a.below(10), 10u);
    EXPECT_LT(a.unit(), 1.0);
  }
}

TEST(Endpoint, ReadsAndWritesBothFamilies) {
  EXPECT_EQ(Endpoint::parse("127.0.0.1", 5060)->text(), "127.0.0.1:5060");
  EXPECT_EQ(Endpoint::parse("::1", 5060)->text(), "[::1]:5060");
  EXPECT_FALSE(Endpoint::parse("localhost", 5060));
  EXPECT_FALSE(Endpoint::parse("127.0.0.256", 1));
  sockaddr_storage kernel;
  const auto endpoint = *Endpoint::parse("2001:db8::7", 9);
  EXPECT_EQ(endpoint.to(kernel), sizeof(sockaddr_in6));
  EXPECT_EQ(Endpoint::from(kernel), endpoint);
}

TEST(Time, WritesRfc3339WithMilliseconds) {
  using namespace std::chrono;
  EXPECT_EQ(rfc3339(sys_days(2026y / 2 / 3) + 4h + 5min + 6s + 7ms), "2026-02-03T04:05:06.007Z");
}

enum class Fault : std::uint8_t { kBad };
Result<int, Fault> half(int n) {
  if (n % 2) return Fault::kBad;
  return n / 2;
}
TEST(Result, ErrorConvertsByItself) {
  EXPECT_EQ(*half(4), 2);
  EXPECT_EQ(half(3).error(), Fault::kBad);
}

}  // namespace
}  // namespace carillon
