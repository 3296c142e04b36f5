#pragma once
// Reads CSV as people really export it (RFC 4180 and its habits): comma, semicolon or tab; CRLF or LF; a byte-order
// mark; quoted fields with line breaks inside. Fed in pieces of any size, so a file of a million rows needs no memory.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::control {

enum class CsvError : std::uint8_t {
  kNone,
  kTextAfterQuote,  ///< "abc"x, or a quote inside an unquoted field
  kUnclosedQuote,   ///< the file ended inside quotes; the line is where they opened
  kFieldTooLong,
  kTooManyColumns,
  kNotUtf8
};
/// What an operator is told.
std::string_view text(CsvError error);

struct CsvRow {
  std::uint64_t line = 0;  ///< of its first character, from 1
  std::vector<std::string> fields;
  CsvError error = CsvError::kNone;  ///< then `fields` is what could be read
};

struct CsvLimits {
  std::size_t field_max = 32 * 1024;  ///< bytes
  std::size_t columns_max = 256;
};

/// feed() pieces, take rows by next(), finish() at the end. Empty lines are passed over.
/// cost   one pass; one std::string per field
class CsvReader {
 public:
  /// `delimiter` 0: the one of , ; tab | that the first line has most of, outside quotes.
  explicit CsvReader(char delimiter = 0, CsvLimits limits = {}) : delimiter_(delimiter), limits_(limits) {}

  void feed(std::string_view bytes);
  void finish();
  bool next(CsvRow& row);
  char delimiter() const { return delimiter_; }

 private:
  enum class State : std::uint8_t { kFieldStart, kPlain, kQuoted, kQuoteInQuoted, kSkipLine };
  void take(char c);
  void append(char c);
  void end_field();
  void end_row();
  void fail(CsvError error);
  void choose_delimiter(bool at_end);

  char delimiter_;
  CsvLimits limits_;
  State state_ = State::kFieldStart;
  std::string head_;  ///< kept until the delimiter is known
  bool started_ = false;
  bool was_quoted_ = false;
  bool last_was_cr_ = false;
  std::uint64_t line_ = 1;
  std::string field_;
  CsvRow row_;
  std::deque<CsvRow> ready_;
};

/// Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

}  // namespace carillon::control
