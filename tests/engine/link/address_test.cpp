#include "engine/link/wire/address.h"

#include <gtest/gtest.h>

namespace carillon::link {
namespace {

TEST(Address, ReadsWhatItWrites) {
  for (const char* text :
       {"unix:/run/carillon/engine.sock", "tcp:127.0.0.1:5070", "tcp:[::1]:0", "tcp:10.1.2.3:65535"}) {
    const auto address = parse_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), text);
  }
}

TEST(Address, RefusesWhatIsNone) {
  for (const char* text : {"", "unix:", "tcp:", "tcp:127.0.0.1", "tcp:localhost:5070", "tcp:127.0.0.1:65536",
                           "tcp:1.2.3.4:5x", "tcp:::1:5070", "tcp:[127.0.0.1]:5", "http://x", "/run/x.sock"})
    EXPECT_FALSE(parse_address(text)) << text;
  EXPECT_FALSE(parse_address("unix:/" + std::string(120, 'x')));
}

TEST(Address, KnowsWhatStaysOnThisMachine) {
  EXPECT_TRUE(parse_address("unix:/x")->is_local());
  EXPECT_TRUE(parse_address("tcp:127.8.8.8:1")->is_local());
  EXPECT_TRUE(parse_address("tcp:[::1]:1")->is_local());
  EXPECT_FALSE(parse_address("tcp:0.0.0.0:1")->is_local());
  EXPECT_FALSE(parse_address("tcp:192.168.1.1:1")->is_local());
  EXPECT_FALSE(parse_address("tcp:[::]:1")->is_local());
}

}  // namespace
}  // namespace carillon::link
