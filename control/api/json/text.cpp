#include "control/api/json/text.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cctype>
#include <charconv>
#include <cmath>

namespace carillon::control::json {

namespace bj = boost::json;

std::optional<bj::value> parse(std::string_view text, Faults& faults) {
  bj::stream_parser parser({}, bj::parse_options{.max_depth = 32});
  boost::system::error_code error;
  const std::size_t read = parser.write_some(text.data(), text.size(), error);
  if (!error && read < text.size()) error = bj::make_error_code(bj::error::extra_data);
  if (!error) parser.finish(error);
  if (error) {
    const bool deep = error == bj::error::too_deep;
    faults.push_back({"", deep ? "depth" : "syntax", fmt::format("near byte {}: {}", read, error.message())});
    return std::nullopt;
  }
  return parser.release();
}

std::string text(const bj::value& value) { return bj::serialize(value); }

std::string snake_of(std::string_view enumerator) {
  if (enumerator.starts_with('k')) enumerator.remove_prefix(1);
  std::string snake;
  for (const char letter : enumerator) {
    const auto byte = static_cast<unsigned char>(letter);
    if (std::isupper(byte) && !snake.empty()) snake += '_';
    snake += static_cast<char>(std::tolower(byte));
  }
  return snake;
}

std::string_view field_name(std::string_view member) {
  if (member.ends_with('_')) member.remove_suffix(1);
  return member;
}

namespace {

// Exactly `count` digits from the front, or -1.
int digits(std::string_view& text, std::size_t count) {
  int value = -1;
  if (text.size() < count) return -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value);
  if (error != std::errc{} || end != text.data() + count || text[0] == '-') return -1;
  text.remove_prefix(count);
  return value;
}

bool skip(std::string_view& text, char letter) {
  if (!text.starts_with(letter)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<WallTime> parse_time(std::string_view text) {
  const int year = digits(text, 4);
  if (!skip(text, '-')) return std::nullopt;
  const int month = digits(text, 2);
  if (!skip(text, '-')) return std::nullopt;
  const int day = digits(text, 2);
  if (!skip(text, 'T')) return std::nullopt;
  const int hour = digits(text, 2);
  if (!skip(text, ':')) return std::nullopt;
  const int minute = digits(text, 2);
  if (!skip(text, ':')) return std::nullopt;
  const int second = digits(text, 2);
  int milliseconds = 0;
  if (skip(text, '.')) {
    for (int scale = 100; !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])); scale /= 10) {
      milliseconds += (text[0] - '0') * scale;
      text.remove_prefix(1);
    }
  }
  if (text != "Z") return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 0 || month < 0 || day < 0 || !date.ok()) return std::nullopt;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + std::chrono::milliseconds(milliseconds);
}

const Rule* find_rule(Rules rules, std::string_view field) {
  for (const Rule& rule : rules)
    if (rule.field == field) return &rule;
  return nullptr;
}

void Walk::fault(std::string_view code, std::string detail) {
  constexpr std::size_t kFaultsMax = 50;
  if (faults_.size() < kFaultsMax) faults_.push_back({pointer_, std::string(code), std::move(detail)});
}

void Walk::push(std::string_view key) {
  marks_.push_back(pointer_.size());
  pointer_ += '/';
  for (const char letter : key) {
    if (letter == '~')
      pointer_ += "~0";
    else if (letter == '/')
      pointer_ += "~1";
    else
      pointer_ += letter;
  }
}

void Walk::push(std::size_t index) { push(std::string_view(std::to_string(index))); }

void Walk::pop() {
  pointer_.resize(marks_.back());
  marks_.pop_back();
}

void Walk::check_range(double value, const Rule* rule) {
  if (rule == nullptr || mode_ == Mode::kStore || (value >= rule->min && value <= rule->max)) return;
  if (std::isinf(rule->max))
    fault("range", fmt::format("must be at least {}", rule->min));
  else if (std::isinf(rule->min))
    fault("range", fmt::format("must be at most {}", rule->max));
  else
    fault("range", fmt::format("must be from {} to {}", rule->min, rule->max));
}

void Walk::check_length(std::size_t length, const Rule* rule) {
  if (rule == nullptr || mode_ == Mode::kStore) return;
  const auto size = static_cast<double>(length);
  if (size < rule->min) fault("length", fmt::format("must have a length of at least {}", rule->min));
  if (size > rule->max) fault("length", fmt::format("must have a length of at most {}", rule->max));
}

void Walk::check_text(std::string_view value, const Rule* rule) {
  check_length(value.size(), rule);
  if (rule == nullptr || rule->check == nullptr || mode_ == Mode::kStore) return;
  if (auto wrong = rule->check(value); !wrong.empty()) fault("format", std::move(wrong));
}

void describe(bj::object& schema, const Rule* rule) {
  if (rule == nullptr) return;
  if (!rule->about.empty()) schema["description"] = rule->about;
  if (!rule->format.empty()) schema["format"] = rule->format;
  if (rule->read_only) schema["readOnly"] = true;
  if (rule->write_only) schema["writeOnly"] = true;
  if (!rule->example.empty()) schema["examples"] = bj::array{bj::parse(rule->example)};
  const auto* type = schema.if_contains("type");
  const std::string_view kind = type != nullptr && type->is_string() ? std::string_view(type->as_string()) : "";
  const char* low = kind == "string" ? "minLength" : kind == "array" ? "minItems" : "minimum";
  const char* high = kind == "string" ? "maxLength" : kind == "array" ? "maxItems" : "maximum";
  if (!std::isinf(rule->min)) schema[low] = static_cast<std::int64_t>(rule->min);
  if (!std::isinf(rule->max)) schema[high] = static_cast<std::int64_t>(rule->max);
}

bj::string reference(std::string_view name) { return bj::string(fmt::format("#/components/schemas/{}", name)); }

// An object told apart by its "type" that becomes another one keeps nothing of what it was.
void merge_patch(bj::value& target, const bj::value& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  const auto* was = target.is_object() ? target.as_object().if_contains("type") : nullptr;
  const auto* type = patch.as_object().if_contains("type");
  const bool is_other = was != nullptr && type != nullptr && *was != *type;
  if (!target.is_object() || is_other) target = bj::object{};
  for (const auto& member : patch.as_object()) {
    if (member.value().is_null())
      target.as_object().erase(member.key());
    else
      merge_patch(target.as_object()[member.key()], member.value());
  }
}

}  // namespace carillon::control::json
