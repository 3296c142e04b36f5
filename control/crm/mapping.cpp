#include "control/crm/mapping.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "control/crm/number.h"

namespace carillon::control {
namespace {

/// Lower case (ASCII and Cyrillic), letters and digits only: "Phone No." and "phone_no" are the same word.
std::string plain(std::string_view header) {
  std::string out;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const auto c = static_cast<unsigned char>(header[i]);
    if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      out += static_cast<char>(c);
    } else if (c == 0xD0 && i + 1 < header.size()) {  // А-Я are D0 90…D0 AF; а-п D0 B0…, р-я D1 80…
      const auto low = static_cast<unsigned char>(header[++i]);
      if (low >= 0x90 && low <= 0x9F)
        out += {static_cast<char>(0xD0), static_cast<char>(low + 0x20)};
      else if (low >= 0xA0 && low <= 0xAF)
        out += {static_cast<char>(0xD1), static_cast<char>(low - 0x20)};
      else
        out += {static_cast<char>(c), static_cast<char>(low)};
    } else if (c >= 0x80) {
      out += static_cast<char>(c);
    }
  }
  return out;
}

using Field = std::optional<std::size_t> Mapping::*;
struct Known {
  std::string_view field;
  Field member;
  std::array<std::string_view, 12> names;
};
constexpr std::array<Known, 5> kKnown = {{
    {"phone",
     &Mapping::phone,
     {"phone", "phonenumber", "tel", "telephone", "mobile", "mobilenumber", "cell", "number", "phoneno", "msisdn",
      "телефон", "номер"}},
    {"name",
     &Mapping::name,
     {"name", "fullname", "contact", "customer", "client", "имя", "фио", "клиент", "", "", "", ""}},
    {"external_id",
     &Mapping::external_id,
     {"id", "externalid", "leadid", "customerid", "crmid", "key", "", "", "", "", "", ""}},
    {"priority", &Mapping::priority, {"priority", "prio", "rank", "приоритет", "", "", "", "", "", "", "", ""}},
    {"time_zone", &Mapping::time_zone, {"timezone", "tz", "zone", "часовойпояс", "", "", "", "", "", "", "", ""}},
}};

RowError error(const CsvRow& row, std::string column, std::string code, std::string detail) {
  return {row.line, std::move(column), std::move(code), std::move(detail)};
}

}  // namespace

Mapping guess(const std::vector<std::string>& header) {
  Mapping mapping;
  for (const Known& known : kKnown)
    for (std::size_t i = 0; i < header.size() && !(mapping.*known.member); ++i) {
      const std::string word = plain(header[i]);
      if (!word.empty() && std::ranges::find(known.names, word) != known.names.end()) mapping.*known.member = i;
    }
  return mapping;
}

Result<Mapping, std::string> map_columns(const std::vector<std::string>& header,
                                         const std::map<std::string, std::string>& wanted) {
  Mapping mapping = guess(header);
  for (const auto& [field, name] : wanted) {
    const auto known = std::ranges::find(kKnown, field, &Known::field);
    if (known == kKnown.end()) return "mapping/" + field + ": not a field of a lead";
    const auto column = std::ranges::find(header, name);
    if (column == header.end()) return "mapping/" + field + ": the file has no column \"" + name + "\"";
    mapping.*(known->member) = static_cast<std::size_t>(column - header.begin());
  }
  if (!mapping.phone) return std::string("mapping/phone: no column looks like a telephone number; say which one it is");
  return mapping;
}

Result<LeadRow, RowError> to_lead(const CsvRow& row, const std::vector<std::string>& header, const Mapping& mapping,
                                  const std::string& region) {
  if (row.error != CsvError::kNone) return error(row, "", "bad_csv", std::string(text(row.error)));
  if (row.fields.size() != header.size())
    return error(row, "", "wrong_columns",
                 std::to_string(row.fields.size()) + " columns, the header has " + std::to_string(header.size()));
  const auto field = [&](const std::optional<std::size_t>& column) {
    return column ? row.fields[*column] : std::string();
  };
  LeadRow lead;
  const auto number = to_e164(field(mapping.phone), region);
  if (!number) return error(row, header[*mapping.phone], "bad_number", std::string(text(number.error())));
  lead.phone = *number;
  lead.name = field(mapping.name);
  lead.external_id = field(mapping.external_id);
  lead.time_zone = field(mapping.time_zone);
  if (const std::string priority = field(mapping.priority); !priority.empty()) {
    const char* end = priority.data() + priority.size();
    const auto [stop, failed] = std::from_chars(priority.data(), end, lead.priority);
    if (failed != std::errc{} || stop != end || lead.priority < -1000 || lead.priority > 1000)
      return error(row, header[*mapping.priority], "bad_priority", "a whole number from -1000 to 1000 is expected");
  }
  for (std::size_t i = 0; i < header.size(); ++i) {
    const bool is_known = i == mapping.phone || i == mapping.name || i == mapping.external_id ||
                          i == mapping.priority || i == mapping.time_zone;
    if (!is_known && !row.fields[i].empty()) lead.extra.emplace_back(header[i], row.fields[i]);
  }
  return lead;
}

}  // namespace carillon::control
