#include "control/crm/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::control {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

std::vector<CsvRow> read(std::string_view text, std::size_t piece = 1 << 20, char delimiter = 0) {
  CsvReader reader(delimiter);
  for (std::size_t at = 0; at < text.size(); at += piece) reader.feed(text.substr(at, piece));
  reader.finish();
  std::vector<CsvRow> rows;
  for (CsvRow row; reader.next(row);) rows.push_back(row);
  return rows;
}

TEST(Csv, ReadsQuotesBreaksAndLineNumbers) {
  const auto rows = read("phone,name\r\n+1555,\"Smith, \"\"Al\"\"\"\r\n\r\n+1556,\"two\nlines\"\n+1557,x");
  ASSERT_THAT(rows, SizeIs(4));
  EXPECT_THAT(rows[1].fields, ElementsAre("+1555", "Smith, \"Al\""));
  EXPECT_EQ(rows[1].line, 2u);
  EXPECT_THAT(rows[2].fields, ElementsAre("+1556", "two\nlines"));
  EXPECT_EQ(rows[2].line, 4u);
  EXPECT_EQ(rows[3].line, 6u);
}

TEST(Csv, FindsTheDelimiterAndPassesTheByteOrderMark) {
  EXPECT_THAT(read("\xEF\xBB\xBF"
                   "a;b;c\n1;2,5;3\n")[1]
                  .fields,
              ElementsAre("1", "2,5", "3"));
  EXPECT_THAT(read("a\tb\n1\t2\n")[0].fields, ElementsAre("a", "b"));
  EXPECT_THAT(read("\"x;y\",b\n1,2\n")[0].fields, ElementsAre("x;y", "b"));
  EXPECT_THAT(read("alone\n1\n")[1].fields, ElementsAre("1"));
}

TEST(Csv, EmptyFieldsCount) {
  EXPECT_THAT(read("a,b,c\n,,\n\"\",x,\n")[1].fields, ElementsAre("", "", ""));
  EXPECT_THAT(read("a,b,c\n,,\n\"\",x,\n")[2].fields, ElementsAre("", "x", ""));
}

TEST(Csv, ABadRowIsNamedByItsLineAndTheNextIsRead) {
  const auto rows = read("a,b\n1,\"x\"y\n2,z\"z\n3,ok\n4,\"open\n5,in\n");
  ASSERT_THAT(rows, SizeIs(5));
  EXPECT_EQ(rows[1].error, CsvError::kTextAfterQuote);
  EXPECT_EQ(rows[2].error, CsvError::kTextAfterQuote);
  EXPECT_EQ(rows[3].error, CsvError::kNone);
  EXPECT_EQ(rows[4].error, CsvError::kUnclosedQuote);
  EXPECT_EQ(rows[4].line, 5u);
}

TEST(Csv, LimitsHold) {
  EXPECT_EQ(read("a,b\n" + std::string(40'000, 'x') + ",1\n")[1].error, CsvError::kFieldTooLong);
  EXPECT_EQ(read("a,b\n" + std::string(300, ',') + "\n")[1].error, CsvError::kTooManyColumns);
  EXPECT_EQ(read("a,b\n\xFF\xFE,1\n")[1].error, CsvError::kNotUtf8);
}

TEST(Csv, PiecesOfAnySizeGiveTheSameRows) {
  const std::string text =
      "\xEF\xBB\xBFphone;name\r\n1;\"a;\"\"b\"\"\r\nc\"\r\n2;\xD0\x98\xD0\xBC\xD1\x8F\r\n3;bad\"x\r\n";
  const auto whole = read(text);
  for (std::size_t piece = 1; piece < text.size(); ++piece) {
    const auto rows = read(text, piece);
    ASSERT_THAT(rows, SizeIs(whole.size())) << piece;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].fields, whole[i].fields);
      EXPECT_EQ(rows[i].line, whole[i].line);
      EXPECT_EQ(rows[i].error, whole[i].error);
    }
  }
}

TEST(Utf8, RefusesOverlongSurrogatesAndCutOnes) {
  EXPECT_TRUE(is_utf8("a\xD0\x98\xE2\x82\xAC\xF0\x9F\x98\x80"));
  for (const char* bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xD0", "\x80"})
    EXPECT_FALSE(is_utf8(bad));
}

}  // namespace
}  // namespace carillon::control
