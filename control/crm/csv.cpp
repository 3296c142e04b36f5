#include "control/crm/csv.h"

#include <algorithm>
#include <array>

namespace carillon::control {

std::string_view text(CsvError error) {
  switch (error) {
    case CsvError::kNone:
      return "no error";
    case CsvError::kTextAfterQuote:
      return "a quote stands in the middle of a field; write it twice inside quotes";
    case CsvError::kUnclosedQuote:
      return "a quote that opens here is never closed";
    case CsvError::kFieldTooLong:
      return "a field is longer than 32 KiB";
    case CsvError::kTooManyColumns:
      return "more than 256 columns";
    case CsvError::kNotUtf8:
      return "not UTF-8 text; save the file as UTF-8";
  }
  return "unknown error";
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                               : lead >= 0xE0 && lead <= 0xEF ? 3
                               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                              : 0;
    if (length == 0 || i + length > text.size()) return false;
    std::uint32_t point = lead & (0x7Fu >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3Fu);
    }
    const bool is_overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
    if (is_overlong || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    i += length;
  }
  return true;
}

// The bytes before the first line feed decide, 64 KiB of them at most; they are kept aside until they are there.
void CsvReader::choose_delimiter(bool at_end) {
  constexpr std::size_t kHeadMax = 64 * 1024;
  const std::size_t line_end = head_.find('\n');
  if (!at_end && head_.size() < kHeadMax && line_end == std::string::npos) return;
  constexpr std::array<char, 4> kCandidates = {',', ';', '\t', '|'};
  std::array<std::size_t, 4> counts{};
  bool in_quotes = false;
  for (const char c : std::string_view(head_).substr(0, std::min(line_end, kHeadMax))) {
    if (c == '"') in_quotes = !in_quotes;
    for (std::size_t i = 0; i < kCandidates.size(); ++i) counts[i] += !in_quotes && c == kCandidates[i];
  }
  const auto best = std::ranges::max_element(counts);
  delimiter_ = kCandidates[static_cast<std::size_t>(best - counts.begin())];
}

void CsvReader::feed(std::string_view bytes) {
  if (!started_ || delimiter_ == 0) {
    head_ += bytes;
    if (!started_ && head_.size() < 3) return;
    if (!started_ && head_.starts_with("\xEF\xBB\xBF")) head_.erase(0, 3);
    started_ = true;
    if (delimiter_ == 0) choose_delimiter(false);
    if (delimiter_ == 0) return;
    const std::string head = std::move(head_);
    head_.clear();
    for (const char c : head) take(c);
    return;
  }
  for (const char c : bytes) take(c);
}

void CsvReader::finish() {
  if (!started_ && head_.starts_with("\xEF\xBB\xBF")) head_.erase(0, 3);
  started_ = true;
  if (delimiter_ == 0) choose_delimiter(true);
  const std::string head = std::move(head_);
  head_.clear();
  for (const char c : head) take(c);
  if (state_ == State::kQuoted) fail(CsvError::kUnclosedQuote);
  if (state_ != State::kFieldStart || !field_.empty() || !row_.fields.empty()) end_row();
}

void CsvReader::take(char c) {
  const bool is_crlf_tail = c == '\n' && last_was_cr_;
  last_was_cr_ = c == '\r';
  if (state_ == State::kQuoted) {
    if (c == '\n') ++line_;
    if (c == '"') {
      state_ = State::kQuoteInQuoted;
    } else {
      append(c);
    }
    return;
  }
  if (c == '\n' || c == '\r') {
    if (!is_crlf_tail) end_row();
    if (c == '\n' && is_crlf_tail) return;
    ++line_;
    return;
  }
  if (row_.line == 0) row_.line = line_;
  if (state_ == State::kSkipLine) return;
  if (c == delimiter_) {
    end_field();
  } else if (c == '"') {
    if (state_ == State::kFieldStart) {
      state_ = State::kQuoted;
      was_quoted_ = true;
    } else if (state_ == State::kQuoteInQuoted) {
      state_ = State::kQuoted;
      append('"');
    } else {
      fail(CsvError::kTextAfterQuote);
    }
  } else if (state_ == State::kQuoteInQuoted) {
    fail(CsvError::kTextAfterQuote);
  } else {
    state_ = State::kPlain;
    append(c);
  }
}

void CsvReader::append(char c) {
  if (field_.size() < limits_.field_max)
    field_ += c;
  else
    fail(CsvError::kFieldTooLong);
}

void CsvReader::fail(CsvError error) {
  if (row_.error == CsvError::kNone) row_.error = error;
  state_ = State::kSkipLine;
}

void CsvReader::end_field() {
  if (row_.fields.size() >= limits_.columns_max) {
    fail(CsvError::kTooManyColumns);
    return;
  }
  if (!is_utf8(field_) && row_.error == CsvError::kNone) row_.error = CsvError::kNotUtf8;
  row_.fields.push_back(std::move(field_));
  field_.clear();
  was_quoted_ = false;
  state_ = State::kFieldStart;
}

void CsvReader::end_row() {
  const bool is_empty = row_.fields.empty() && field_.empty() && !was_quoted_ && row_.error == CsvError::kNone;
  if (!is_empty) {
    if (state_ != State::kSkipLine) end_field();
    ready_.push_back(std::move(row_));
  }
  row_ = {};
  field_.clear();
  was_quoted_ = false;
  state_ = State::kFieldStart;
}

bool CsvReader::next(CsvRow& row) {
  if (ready_.empty()) return false;
  row = std::move(ready_.front());
  ready_.pop_front();
  return true;
}

}  // namespace carillon::control
