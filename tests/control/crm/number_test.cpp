#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/crm/number.h"
#include "control/crm/number_zone.h"

namespace carillon::control {
namespace {

TEST(Number, IsReadByThePlansOfTheWholeWorld) {
  const struct {
    const char *typed, *region, *e164;
  } cases[] = {{"06 30 123 4567", "HU", "+36301234567"},  // Hungary dials 06 at home
               {"0532 123 45 67", "TR", "+905321234567"},
               {"055 123 4567", "GH", "+233551234567"},
               {"123 45 67", "FR", ""},
               {"0011 1 212 555 0100", "AU", "+12125550100"},
               {"+971 50 123 4567", "", "+971501234567"},
               {"+971 50 123 45", "", ""},
               {"+371 2 123 4567", "", "+37121234567"},
               {"+870 773 111 632", "", "+870773111632"}};  // a satellite's
  for (const auto& each : cases) EXPECT_EQ(to_e164(each.typed, each.region).value_or(""), each.e164) << each.typed;
  EXPECT_TRUE(is_known_region("VU"));
  EXPECT_FALSE(is_known_region("vu"));
}

// "0 15 21 3123 4567" reaches Rio over carrier 15; what stands after it must not be read as a country's code.
TEST(Number, ACarriersCodeIsNotTakenForACountry) {
  EXPECT_FALSE(to_e164("00 15 1 212 555 0100", "BR"));
  EXPECT_EQ(to_e164("(21) 93123-4567", "BR").value_or(""), "+5521931234567");
  EXPECT_EQ(to_e164("+1 212 555 0100", "BR").value_or(""), "+12125550100");
}

TEST(NumberZone, IsTheLongestPrefixsOrAllOfTheCountry) {
  EXPECT_EQ(zones_of("+12125550100"), "America/New_York");
  EXPECT_EQ(zones_of("+13125550100"), "America/Chicago");
  EXPECT_EQ(zones_of("+18085550100"), "Pacific/Honolulu");
  EXPECT_EQ(zones_of("+442079460000"), "Europe/London");
  EXPECT_EQ(zones_of("+380441234567"), zones_of("+380671234567"));
  for (const char* zone : {"America/New_York", "Pacific/Honolulu", "Pacific/Guam"})
    EXPECT_THAT(std::string(zones_of("+18005550100")), testing::HasSubstr(zone));
  EXPECT_EQ(zones_of("+2105550100"), "");  // nobody's
  EXPECT_EQ(zones_of(""), "");
  EXPECT_EQ(zones_of("+1212x"), "");
}

}  // namespace
}  // namespace carillon::control
