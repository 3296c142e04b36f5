#include "control/import/upload.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace carillon::control {
namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr CsvLimits kLimits{.field_max = 4096, .columns_max = 256};
constexpr std::size_t kTextMax = 255;

std::string cell(std::string_view text) {
  // a spreadsheet would take it for a formula
  const bool is_formula = !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos;
  const bool is_quoted = text.find_first_of(",\"\r\n") != std::string_view::npos;
  std::string out;
  if (is_quoted) out += '"';
  if (is_formula) out += '\'';
  for (const char letter : text) {
    if (letter == '"') out += '"';
    out += letter;
  }
  if (is_quoted) out += '"';
  return out;
}

}  // namespace

std::string error_line(const RowError& error) {
  return fmt::format("{},{},{},{}\r\n", error.line, cell(error.column), error.code, cell(error.detail));
}

Upload::Upload(std::ifstream file, char delimiter, std::string region, const ZoneNames& zones)
    : file_(std::move(file)), reader_(delimiter, kLimits), region_(std::move(region)), zones_(&zones) {}

Result<Upload, std::string> Upload::open(const std::string& path, const std::string& delimiter,
                                         const std::string& region, const std::map<std::string, std::string>& mapping,
                                         const ZoneNames& zones) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::string("the uploaded file is gone");
  Upload upload(std::move(file), delimiter.empty() ? '\0' : delimiter[0], region, zones);
  CsvRow header;
  if (!upload.next_row(header)) return std::string("the file is empty");
  if (header.error != CsvError::kNone)
    return fmt::format("line {}: the header cannot be read: {}", header.line, text(header.error));
  auto found = map_columns(header.fields, mapping);
  if (!found) return found.error();
  upload.mapping_ = *found;
  upload.header_ = std::move(header.fields);
  return upload;
}

bool Upload::next_row(CsvRow& row) {
  while (!reader_.next(row)) {
    if (is_read_) return false;
    std::string piece(kPiece, '\0');
    file_.read(piece.data(), kPiece);
    const auto count = static_cast<std::size_t>(file_.gcount());
    bytes_ += count;
    reader_.feed(std::string_view(piece).substr(0, count));
    if (count == kPiece) continue;
    reader_.finish();
    is_read_ = true;
  }
  return true;
}

std::uint64_t Upload::skip(std::uint64_t rows) {
  CsvRow row;
  std::uint64_t skipped = 0;
  while (skipped < rows && next_row(row)) ++skipped;
  return skipped;
}

UploadBatch Upload::next(std::size_t rows) {
  UploadBatch batch;
  CsvRow row;
  while (batch.rows < rows) {
    if (!next_row(row)) {
      batch.is_last = true;
      break;
    }
    ++batch.rows;
    take(row, batch);
  }
  batch.bytes = bytes_;
  return batch;
}

void Upload::take(const CsvRow& row, UploadBatch& batch) const {
  auto read = to_lead(row, header_, mapping_, region_);
  if (!read) {
    batch.errors.push_back(read.error());
    return;
  }
  const auto wrong = [&](const std::optional<std::size_t>& column, std::string code, std::string detail) {
    batch.errors.push_back({row.line, column ? header_[*column] : "", std::move(code), std::move(detail)});
  };
  const std::string too_long = fmt::format("{} bytes at most", kTextMax);
  if (read->name.size() > kTextMax) return wrong(mapping_.name, "too_long", too_long);
  if (read->external_id.size() > kTextMax) return wrong(mapping_.external_id, "too_long", too_long);
  if (!read->time_zone.empty() && !zones_->has(read->time_zone))
    return wrong(mapping_.time_zone, "bad_time_zone", "no time zone of that name, such as America/New_York");
  NewLead& lead = batch.leads.emplace_back();
  lead.phone = std::move(read->phone);
  lead.name = std::move(read->name);
  lead.external_id = std::move(read->external_id);
  lead.priority = read->priority;
  lead.time_zone = std::move(read->time_zone);
  boost::json::object extra;
  for (const auto& [name, value] : read->extra) extra[name] = value;
  if (!extra.empty()) lead.extra = boost::json::serialize(extra);
}

std::map<std::string, std::string> Upload::mapping() const {
  std::map<std::string, std::string> named;
  const auto name = [&](const char* field, const std::optional<std::size_t>& column) {
    if (column) named[field] = header_[*column];
  };
  name("phone", mapping_.phone);
  name("name", mapping_.name);
  name("external_id", mapping_.external_id);
  name("priority", mapping_.priority);
  name("time_zone", mapping_.time_zone);
  return named;
}

}  // namespace carillon::control
