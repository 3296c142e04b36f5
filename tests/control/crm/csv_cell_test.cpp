// Cells on their way out: what a reader of RFC 4180 gets back, and what a spreadsheet must not take for a formula.

#include "control/crm/csv_cell.h"

#include <gtest/gtest.h>

namespace carillon::control {
namespace {

TEST(CsvCell, QuotesWhatWouldBreakTheLine) {
  EXPECT_EQ(csv_cell("plain text"), "plain text");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(csv_cell("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_cell(""), "");
}

TEST(CsvCell, AFormulaIsSetApart) {
  for (const std::string text : {"=1+1", "+1+1", "-2+3", "@SUM(A1)", "\tx", "=", "+", "-", "-.5", "+1.2.3"})
    EXPECT_EQ(csv_cell(text), "'" + text);
  EXPECT_EQ(csv_cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
  EXPECT_EQ(csv_cell("\r=1"), "\"'\r=1\"");
  EXPECT_EQ(csv_cell("\uFF1D1+1"), "'\uFF1D1+1");
}

TEST(CsvCell, NumbersStayAsTheyAre) {
  for (const std::string text : {"+12125550100", "-4", "-4.5", "+49", "12", "a=b", "2-1"})
    EXPECT_EQ(csv_cell(text), text);
}

TEST(CsvLine, EndsAsRfc4180Wants) {
  CsvLine line;
  EXPECT_EQ(line.add("").add("b").add("").take(), ",b,\r\n");
  EXPECT_EQ(line.add("next").take(), "next\r\n");
}

}  // namespace
}  // namespace carillon::control
