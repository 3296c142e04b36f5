#include "control/crm/mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/crm/number.h"

namespace carillon::control {
namespace {

TEST(Number, BecomesE164AsItsRegionTypesIt) {
  const struct {
    const char *typed, *region, *e164;
  } cases[] = {{"(212) 555-0100", "US", "+12125550100"},       {"1-212-555-0100", "US", "+12125550100"},
               {"011 44 20 7946 0000", "US", "+442079460000"}, {"020 7946 0000", "GB", "+442079460000"},
               {"00 33 1 23 45 67 89", "GB", "+33123456789"},  {"8 (495) 123-45-67", "RU", "+74951234567"},
               {"7 495 123 45 67", "RU", "+74951234567"},      {"0 44 123 45 67 89", "UA", ""},
               {"+1 212 555 0100", "", "+12125550100"},        {"8 029 123 45 67", "BY", "+375291234567"}};
  for (const auto& each : cases) {
    const auto number = to_e164(each.typed, each.region);
    EXPECT_EQ(number.value_or(""), each.e164) << each.typed;
  }
}

TEST(Number, ErrorsNameTheCause) {
  EXPECT_EQ(to_e164("", "US").error(), NumberError::kEmpty);
  EXPECT_EQ(to_e164("call me", "US").error(), NumberError::kLetters);
  EXPECT_EQ(to_e164("5550100", "US").error(), NumberError::kTooShort);
  EXPECT_EQ(to_e164("212555010000", "US").error(), NumberError::kTooLong);
  EXPECT_EQ(to_e164("2125550100", "").error(), NumberError::kNoRegion);
  EXPECT_EQ(to_e164("2125550100", "XX").error(), NumberError::kUnknownRegion);
  EXPECT_EQ(to_e164("+0125550100", "US").error(), NumberError::kTooShort);
  EXPECT_EQ(to_e164("+1234567890123456", "US").error(), NumberError::kTooLong);
}

TEST(Mapping, GuessesHeadersInTwoLanguages) {
  EXPECT_EQ(guess({"Name", "Phone No.", "city"}).phone, 1u);
  EXPECT_EQ(guess({"ФИО", "ТЕЛЕФОН"}).phone, 1u);
  EXPECT_EQ(guess({"ФИО", "ТЕЛЕФОН"}).name, 0u);
  EXPECT_FALSE(guess({"a", "b"}).phone);
}

TEST(Mapping, WhatTheUserSaysWinsAndFaultsAreNamed) {
  EXPECT_EQ(map_columns({"phone", "work"}, {{"phone", "work"}})->phone, 1u);
  EXPECT_EQ(map_columns({"phone"}, {{"phone", "fax"}}).error(), "mapping/phone: the file has no column \"fax\"");
  EXPECT_EQ(map_columns({"phone"}, {{"colour", "phone"}}).error(), "mapping/colour: not a field of a lead");
  EXPECT_EQ(map_columns({"a"}, {}).error(),
            "mapping/phone: no column looks like a telephone number; say which one it is");
}

TEST(Mapping, ARowBecomesALeadOrAnErrorWithItsLine) {
  const std::vector<std::string> header = {"phone", "name", "priority", "city"};
  const Mapping mapping = guess(header);
  const auto lead = to_lead({7, {"212 555 0100", "Ann", "5", "Minsk"}, CsvError::kNone}, header, mapping, "US");
  ASSERT_TRUE(lead);
  EXPECT_EQ(lead->phone, "+12125550100");
  EXPECT_EQ(lead->priority, 5);
  EXPECT_THAT(lead->extra, testing::ElementsAre(std::pair<std::string, std::string>("city", "Minsk")));
  const auto bad = to_lead({8, {"x", "Ann", "5", ""}, CsvError::kNone}, header, mapping, "US");
  EXPECT_EQ(bad.error().line, 8u);
  EXPECT_EQ(bad.error().column, "phone");
  EXPECT_EQ(to_lead({9, {"1"}, CsvError::kNone}, header, mapping, "US").error().code, "wrong_columns");
  EXPECT_EQ(to_lead({9, {"2125550100", "", "high", ""}, CsvError::kNone}, header, mapping, "US").error().code,
            "bad_priority");
}

}  // namespace
}  // namespace carillon::control
