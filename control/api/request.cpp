#include "control/api/request.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cctype>

namespace carillon::control {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::tolower(static_cast<unsigned char>(a[i])) != std::tolower(static_cast<unsigned char>(b[i]))) return false;
  return true;
}

std::string_view find(const HeaderList& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (same_name(key, name)) return value;
  return {};
}

}  // namespace

std::string_view Request::header(std::string_view name) const { return find(headers, name); }
std::string_view Response::header(std::string_view name) const { return find(headers, name); }

void Response::set(std::string_view name, std::string_view value) {
  headers.emplace_back(std::string(name), std::string(value));
}

std::optional<Target> parse_target(std::string_view text) {
  const auto url = boost::urls::parse_origin_form(text);
  if (url.has_error()) return std::nullopt;
  Target target;
  for (const auto& segment : url->segments()) target.segments.push_back(segment);
  for (const auto& parameter : url->params()) target.query.emplace_back(parameter.key, parameter.value);
  return target;
}

}  // namespace carillon::control
