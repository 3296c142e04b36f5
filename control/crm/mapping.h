#pragma once
// Which column of an uploaded list means what, and one row as a lead.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/crm/csv.h"
#include "engine/base/result.h"

namespace carillon::control {

/// Column numbers from 0. Columns that mean nothing here are kept with the lead as extra fields under their header.
struct Mapping {
  std::optional<std::size_t> phone;
  std::optional<std::size_t> name, external_id, priority, time_zone;
};

/// From the header line, by the names that exports use ("Phone", "tel.", "Телефон", "mobile number" …).
Mapping guess(const std::vector<std::string>& header);
/// From what the user says: field → header name; the rest guessed. error: which name is not in the header
Result<Mapping, std::string> map_columns(const std::vector<std::string>& header,
                                         const std::map<std::string, std::string>& wanted);

struct LeadRow {
  std::string phone;  ///< E.164
  std::string name, external_id, time_zone;
  std::int32_t priority = 0;
  std::vector<std::pair<std::string, std::string>> extra;
};
struct RowError {
  std::uint64_t line = 0;
  std::string column;  ///< its header, empty for the whole row
  std::string code, detail;
};

/// region   for numbers without a country code, may be empty
Result<LeadRow, RowError> to_lead(const CsvRow& row, const std::vector<std::string>& header, const Mapping& mapping,
                                  const std::string& region);

}  // namespace carillon::control
