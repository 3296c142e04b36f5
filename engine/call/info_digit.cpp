#include "engine/call/info_digit.h"

#include <charconv>

namespace carillon::call {
namespace {

std::string_view value_of(std::string_view body, std::string_view name) {
  const auto at = body.find(name);
  if (at == std::string_view::npos) return {};
  auto value = body.substr(at + name.size());
  while (!value.empty() && (value.front() == ' ' || value.front() == '=')) value.remove_prefix(1);
  return value.substr(0, value.find_first_of("\r\n "));
}

}  // namespace

InfoDigit read_info_digit(std::string_view type, std::string_view body) {
  InfoDigit read;
  const bool is_relay = type.find("dtmf-relay") != std::string_view::npos;
  if (!is_relay && type.find("dtmf") == std::string_view::npos) return read;
  const auto signal = is_relay ? value_of(body, "Signal") : body.substr(0, body.find_first_of("\r\n "));
  if (signal.size() != 1 || !std::string_view("0123456789*#ABCD").contains(signal[0])) return read;
  read.digit = signal[0];
  const auto duration = is_relay ? value_of(body, "Duration") : std::string_view{};
  int ms = 0;
  const bool is_number = std::from_chars(duration.data(), duration.data() + duration.size(), ms).ec == std::errc{};
  if (is_number && ms > 0 && ms <= 6000) read.duration = std::chrono::milliseconds(ms);
  return read;
}

}  // namespace carillon::call
