#include "engine/base/prefixed.h"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(Prefixed, TakesAnAddressAndItsNetwork) {
  const auto v4 = Prefixed::parse("192.0.2.10/24");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->address, Endpoint::v4(192, 0, 2, 10, 0));
  EXPECT_EQ(v4->bits, 24);
  EXPECT_EQ(Prefixed::parse("2001:db8::1/128")->bits, 128);
  EXPECT_EQ(Prefixed::parse("0.0.0.0/0")->bits, 0);
}

TEST(Prefixed, AnythingElseIsNone) {
  for (const char* text : {"", "/", "192.0.2.10", "192.0.2.10/", "192.0.2.10/33", "192.0.2.10/2x", "192.0.2.10/-1",
                           "2001:db8::1/129", "host/24", "192.0.2.10/24/8", "192.0.2.10/256"})
    EXPECT_FALSE(Prefixed::parse(text)) << text;
}

}  // namespace
}  // namespace carillon
