#include "engine/promise.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <fstream>

namespace carillon {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::uint32_t legs_of(const json::object& object) {
  const json::value* const value = object.if_contains("legs_per_shard");
  if (!value || !value->is_int64() || value->get_int64() < 1 || value->get_int64() > 1'000'000) return 0;
  return static_cast<std::uint32_t>(value->get_int64());
}

}  // namespace

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name"))
      if (const std::size_t at = line.find(": "); at != std::string::npos) return line.substr(at + 2);
  return "unknown";
}

std::string_view family(std::string_view back_end) { return back_end.substr(0, back_end.find(' ')); }

Result<Promise, std::string> read_promise(std::string_view text, std::string_view cpu, std::string_view back_end) {
  boost::system::error_code error;
  const json::value root = json::parse(text, error);
  if (error || !root.is_object()) return std::string("not a self-test's file");
  const json::object& file = root.get_object();
  Promise promise;
  promise.date = text_of(file, "date");
  promise.version = text_of(file, "version");
  promise.cpu = text_of(file, "cpu");
  if (promise.cpu != cpu) return fmt::format("tested on another machine ({}, this is {})", promise.cpu, cpu);
  const json::value* const list = file.if_contains("promises");
  if (!list || !list->is_array()) return std::string("not a self-test's file");
  for (const json::value& entry : list->get_array()) {
    if (!entry.is_object() || text_of(entry.get_object(), "back_end") != family(back_end)) continue;
    promise.back_end = family(back_end);
    promise.legs_per_shard = legs_of(entry.get_object());
    if (promise.legs_per_shard != 0) return promise;
  }
  return fmt::format("tested without {}", family(back_end));
}

}  // namespace carillon
