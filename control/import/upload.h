#pragma once
// An uploaded list on its way through the reader: rows come out as leads, or as errors with their line.

#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/crm/csv.h"
#include "control/crm/mapping.h"
#include "control/import/zone_names.h"
#include "control/store/leads.h"
#include "engine/base/result.h"

namespace carillon::control {

/// Some rows of the file.
struct UploadBatch {
  std::uint64_t rows = 0;   ///< leads and errors together
  std::uint64_t bytes = 0;  ///< of the file, read so far
  std::vector<NewLead> leads;
  std::vector<RowError> errors;
  bool is_last = false;
};

class Upload {
 public:
  /// Opens the file and reads its header. error: what an operator is told
  static Result<Upload, std::string> open(const std::string& path, const std::string& delimiter,
                                          const std::string& region, const std::map<std::string, std::string>& mapping,
                                          const ZoneNames& zones);

  /// Up to `rows` more rows. cost: one read of 64 KiB at a time
  UploadBatch next(std::size_t rows);
  /// Passes over up to `rows` rows; returns how many there were.
  std::uint64_t skip(std::uint64_t rows);
  /// Field → header, as found.
  std::map<std::string, std::string> mapping() const;
  std::string delimiter() const { return std::string(1, reader_.delimiter()); }

 private:
  Upload(std::ifstream file, char delimiter, std::string region, const ZoneNames& zones);
  bool next_row(CsvRow& row);
  void take(const CsvRow& row, UploadBatch& batch) const;

  std::ifstream file_;
  CsvReader reader_;
  std::string region_;
  const ZoneNames* zones_;
  std::vector<std::string> header_;
  Mapping mapping_;
  std::uint64_t bytes_ = 0;
  bool is_read_ = false;
};

/// One line of the file of errors (RFC 4180): line,column,code,detail.
std::string error_line(const RowError& error);
inline constexpr const char* kErrorsHeader = "line,column,code,detail\r\n";

}  // namespace carillon::control
