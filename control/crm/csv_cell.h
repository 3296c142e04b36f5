#pragma once
// The way out: what people open in a spreadsheet.

#include <string>
#include <string_view>

namespace carillon::control {

/// One cell of RFC 4180, quoted where it must be. A text that a spreadsheet would take for a formula (it begins with
/// = + - @, their full-width forms, a tab or a line end) gets an apostrophe in front. Telephone numbers and plain
/// numbers ("+12125550100", "-4.5") compute nothing and stay as they are.
std::string csv_cell(std::string_view text);

/// Cells by commas, CR LF at the end.
class CsvLine {
 public:
  CsvLine& add(std::string_view text) {
    if (!text_.empty() || has_cells_) text_ += ',';
    has_cells_ = true;
    text_ += csv_cell(text);
    return *this;
  }
  std::string take() {
    has_cells_ = false;
    std::string line = std::move(text_) + "\r\n";
    text_.clear();
    return line;
  }

 private:
  std::string text_;
  bool has_cells_ = false;
};

}  // namespace carillon::control
