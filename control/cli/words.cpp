#include "control/cli/words.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace carillon::cli {

namespace bj = boost::json;

std::string text_of(const bj::value& object, std::string_view name) {
  const auto* value = object.as_object().if_contains(name);
  if (value == nullptr || value->is_null()) return "-";
  if (value->is_string()) return value->as_string().empty() ? "-" : std::string(value->as_string());
  return bj::serialize(*value);
}

std::string escaped(const std::string& text) { return boost::urls::encode(text, boost::urls::unreserved_chars); }

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (std::filesystem::is_directory(path)) throw Failure(Exit::kUsage, path + ": is a folder, a file is needed");
  if (!in) throw Failure(Exit::kUsage, path + ": cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string new_key() {
  std::random_device device;
  return fmt::format("cli-{:08x}{:08x}{:08x}", device(), device(), device());
}

// An id as it is, or the id of what has that name.
std::string by_name(Client& client, const std::string& path, const std::string& prefix, const std::string& name) {
  if (name.starts_with(prefix)) return name;
  for (const auto& item : client.all(path))
    if (text_of(item, "name") == name) return text_of(item, "id");
  throw Failure(Exit::kRefused, fmt::format("nothing in {} is named \"{}\"", path, name));
}

}  // namespace carillon::cli
