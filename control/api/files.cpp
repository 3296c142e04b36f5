#include "control/api/files.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

namespace carillon::control {
namespace {

enum class RangeKind { kWhole, kPart, kOutside };
struct ByteRange {
  RangeKind kind = RangeKind::kWhole;
  std::uint64_t offset = 0, length = 0;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "bytes=0-99", "bytes=100-", "bytes=-50"; what is malformed is ignored, as RFC 9110 asks.
ByteRange range_of(std::string_view header, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit) || header.find(',') != std::string_view::npos) return {};
  header.remove_prefix(kUnit.size());
  const auto dash = header.find('-');
  if (dash == std::string_view::npos) return {};
  const auto first = number(header.substr(0, dash)), last = number(header.substr(dash + 1));
  if (!first && dash != 0) return {};
  if (!last && dash + 1 != header.size()) return {};
  if (!first && !last) return {};
  if (!first) {  // the last bytes
    if (*last == 0 || size == 0) return {.kind = RangeKind::kOutside};
    const auto length = std::min(*last, size);
    return {RangeKind::kPart, size - length, length};
  }
  if (last && *last < *first) return {};
  if (*first >= size) return {.kind = RangeKind::kOutside};
  return {RangeKind::kPart, *first, std::min(last.value_or(size - 1), size - 1) - *first + 1};
}

}  // namespace

Reply file_response(const Request& request, const std::string& path, std::string_view type, std::string_view digest) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error) return Problem{.code = "not_found", .detail = "its file is not on this disk"};
  const std::string etag = fmt::format("\"{}\"", digest);
  Response response;
  response.set("ETag", etag);
  response.set("Accept-Ranges", "bytes");
  response.set("Cache-Control", "private, no-cache");
  if (request.header("If-None-Match") == etag) {
    response.status = 304;
    return response;
  }
  ByteRange range;
  const auto condition = request.header("If-Range");
  if (condition.empty() || condition == etag) range = range_of(request.header("Range"), size);
  if (range.kind == RangeKind::kOutside)
    return Problem{.code = "range_not_satisfiable", .headers = {{"Content-Range", fmt::format("bytes */{}", size)}}};
  response.set("Content-Type", type);
  response.file = FilePart{path, 0, size};
  if (range.kind == RangeKind::kPart) {
    response.status = 206;
    response.set("Content-Range", fmt::format("bytes {}-{}/{}", range.offset, range.offset + range.length - 1, size));
    response.file = FilePart{path, range.offset, range.length};
  }
  return response;
}

}  // namespace carillon::control
