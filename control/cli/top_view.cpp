#include "control/cli/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>

namespace carillon::cli {

namespace bj = boost::json;

namespace {

constexpr double kHeadroomTight = 0.25, kHeadroomGone = 0.15;  // where engines stop taking calls, and take them again
constexpr double kQueueFull = 0.80;

// ---- reading

template <class T>
T number(const bj::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  boost::system::error_code error;
  const T read = value != nullptr && value->is_number() ? value->to_number<T>(error) : T{};
  return error ? T{} : read;
}
bool flag(const bj::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}
// Without what would move a terminal's cursor: C0 and DEL, and C1 as UTF-8 writes it.
std::string printable(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_c1 = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (is_c1) text.erase(i + 1, 1);
    if (is_c1 || byte < 0x20 || byte == 0x7F) text[i] = '?';
  }
  return text;
}
std::string text(const bj::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? printable(std::string(value->as_string())) : std::string();
}
const bj::array& list(const bj::object& object, std::string_view name) {
  static const bj::array kNone;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->as_array() : kNone;
}

// RFC 3339 as control writes it, always with milliseconds and Z; 0 when it is none.
std::int64_t ms_of(const std::string& time) {
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0;
  if (std::sscanf(time.c_str(), "%4d-%2u-%2uT%2u:%2u:%2u.%3uZ", &year, &month, &day, &hour, &minute, &second, &ms) != 7)
    return 0;
  const std::chrono::sys_days date = std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  return std::chrono::duration_cast<std::chrono::milliseconds>(date.time_since_epoch()).count() +
         ((hour * 60 + minute) * 60 + second) * std::int64_t{1000} + ms;
}

ShardCount count_of(const bj::object& from) {
  ShardCount count;
  count.shard = number<std::uint32_t>(from, "shard");
  count.counted_ms = ms_of(text(from, "counted_at"));
  count.legs = number<std::uint32_t>(from, "legs");
  count.packets_in = number<std::uint64_t>(from, "packets_in");
  count.packets_out = number<std::uint64_t>(from, "packets_out");
  count.late_frames = number<std::uint64_t>(from, "late_frames");
  count.calls = number<std::uint64_t>(from, "originated") + number<std::uint64_t>(from, "incoming");
  count.busy_ns = number<std::uint64_t>(from, "busy_ns");
  count.steps = number<std::uint64_t>(from, "steps");
  count.steps_idle = number<std::uint64_t>(from, "steps_idle");
  count.step_longest_us = number<std::uint32_t>(from, "step_longest_us");
  count.beat_latest_us = number<std::uint32_t>(from, "beat_latest_us");
  count.headroom_rate = number<double>(from, "headroom_rate");
  count.refuses = flag(from, "refuses");
  for (const auto& queue : list(from, "queues"))
    if (const auto* one = queue.if_object())
      count.queues.push_back(
          {text(*one, "name"), number<std::uint32_t>(*one, "used"), number<std::uint32_t>(*one, "room")});
  if (const auto* drops = from.if_contains("drops"); drops != nullptr && drops->is_object())
    for (const auto& member : drops->as_object())
      count.drops[printable(std::string(member.key()))] = number<std::uint64_t>(drops->as_object(), member.key());
  return count;
}

// ---- writing

std::string short_number(double value) {
  if (value >= 999'500) return fmt::format("{:.1f} M", value / 1e6);
  if (value >= 9'999.5) return fmt::format("{:.1f} k", value / 1e3);
  if (value >= 9.95 || value == 0) return fmt::format("{:.0f}", value);
  return fmt::format("{:.1f}", value);
}
std::string percent(double rate) { return fmt::format("{:.0f} %", rate * 100); }
std::string milliseconds(std::uint32_t us) {
  return us < 9'995 ? fmt::format("{:.2f} ms", us / 1e3) : fmt::format("{:.0f} ms", us / 1e3);
}

// Code points, each a column: the engine's own words are ASCII, names may be anything.
std::string clipped(const std::string& line, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(line[i]) & 0xC0) != 0x80;
    if (begins && ++seen > columns) return line.substr(0, i);
  }
  return line;
}

std::string times(std::size_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

constexpr const char* kHeader =
    "shard    legs  calls/s     in/s    out/s   busy  headroom  ns/step  late/s  longest step"
    "  latest beat";

Line shard_line(const EngineNow::Shard& shard) {
  const auto& count = shard.count;
  const auto rate = [&](auto member) { return shard.rates ? short_number((*shard.rates).*member) : "-"; };
  const bool has_step = shard.rates && shard.rates->ns_per_step;
  Line line{.text = fmt::format("{:>5}  {:>6}  {:>7}  {:>7}  {:>7}  {:>5}  {:>8}  {:>7}  {:>6}  {:>12}  {:>11}{}",
                                count.shard, count.legs, rate(&ShardRates::calls), rate(&ShardRates::packets_in),
                                rate(&ShardRates::packets_out), shard.rates ? percent(shard.rates->busy_rate) : "-",
                                percent(count.headroom_rate), has_step ? short_number(*shard.rates->ns_per_step) : "-",
                                rate(&ShardRates::late_frames), milliseconds(count.step_longest_us),
                                milliseconds(count.beat_latest_us), count.refuses ? "  refuses calls" : "")};
  if (count.refuses || count.headroom_rate < kHeadroomGone)
    line.mark = Line::Mark::kAlarm;
  else if (count.headroom_rate < kHeadroomTight)
    line.mark = Line::Mark::kWarning;
  return line;
}

Line queue_line(const ShardCount& count) {
  Line line{.text = "       queues "};
  for (const auto& queue : count.queues) {
    line.text += fmt::format(" {} {}/{}", queue.name, queue.used, queue.room);
    if (queue.used > kQueueFull * queue.room) line.mark = Line::Mark::kWarning;
  }
  return line;
}

Line drop_line(const ShardRates& rates) {
  Line line{.text = "       drops/s"};
  for (const auto& [reason, rate] : rates.drops) line.text += fmt::format(" {} {}", reason, short_number(rate));
  return line;
}

void engine_lines(const EngineNow& engine, std::vector<Line>& lines) {
  lines.push_back({});
  if (!engine.connected) {
    lines.push_back({Line::Mark::kAlarm, fmt::format("{}  not connected{}{}{}", engine.name,
                                                     engine.since.empty() ? "" : " since " + engine.since,
                                                     engine.error.empty() ? "" : ": ", engine.error)});
    lines.push_back(
        {.text = "       Does carillon-engine run there, and does its [link] match control's [[engines]]?"});
    return;
  }
  lines.push_back(
      {Line::Mark::kTitle, fmt::format("{}  {}  connected since {}  memory {} MB", engine.name,
                                       engine.back_end.empty() ? "-" : engine.back_end,
                                       engine.since.empty() ? "-" : engine.since, engine.memory_bytes / 1'000'000)});
  if (engine.shards.empty()) return lines.push_back({.text = "       no shard has reported yet"});
  lines.push_back({.text = kHeader});
  for (const auto& shard : engine.shards) {
    lines.push_back(shard_line(shard));
    if (!shard.count.queues.empty()) lines.push_back(queue_line(shard.count));
    if (shard.rates && !shard.rates->drops.empty()) lines.push_back(drop_line(*shard.rates));
  }
}

}  // namespace

std::optional<ShardRates> rates_between(const ShardCount& before, const ShardCount& now) {
  const double seconds = static_cast<double>(now.counted_ms - before.counted_ms) / 1e3;
  if (seconds <= 0) return std::nullopt;
  bool has_restarted = false;
  const auto difference = [&](std::uint64_t from, std::uint64_t to) {
    has_restarted = has_restarted || to < from;
    return static_cast<double>(to - from);
  };
  ShardRates rates;
  rates.packets_in = difference(before.packets_in, now.packets_in) / seconds;
  rates.packets_out = difference(before.packets_out, now.packets_out) / seconds;
  rates.late_frames = difference(before.late_frames, now.late_frames) / seconds;
  rates.calls = difference(before.calls, now.calls) / seconds;
  const double busy_ns = difference(before.busy_ns, now.busy_ns);
  rates.busy_rate = std::min(1.0, busy_ns / 1e9 / seconds);
  const double worked = difference(before.steps, now.steps) - difference(before.steps_idle, now.steps_idle);
  if (worked > 0) rates.ns_per_step = busy_ns / worked;
  for (const auto& [reason, count] : now.drops) {
    const auto known = before.drops.find(reason);
    const double grown = difference(known == before.drops.end() ? 0 : known->second, count);
    if (grown > 0) rates.drops[reason] = grown / seconds;
  }
  if (has_restarted) return std::nullopt;
  return rates;
}

void TopView::fail(const std::string& reason) { failure_ = printable(reason.substr(0, reason.find('\n'))); }

void TopView::take(const bj::value& answer) {
  std::vector<EngineNow> engines;
  if (const auto* page = answer.if_object())
    for (const auto& item : list(*page, "data"))
      if (const auto* from = item.if_object()) {
        EngineNow engine{.name = text(*from, "name"),
                         .since = text(*from, "since"),
                         .back_end = text(*from, "back_end"),
                         .error = text(*from, "error"),
                         .connected = flag(*from, "connected"),
                         .memory_bytes = number<std::uint64_t>(*from, "memory_bytes"),
                         .shards = {}};
        const auto known = std::ranges::find(engines_, engine.name, &EngineNow::name);
        for (const auto& shard : list(*from, "shards")) {
          if (!shard.is_object()) continue;
          EngineNow::Shard now{.count = count_of(shard.as_object()), .rates = {}};
          if (known != engines_.end())
            for (const auto& before : known->shards)
              if (before.count.shard == now.count.shard)
                now.rates = before.count.counted_ms == now.count.counted_ms ? before.rates
                                                                            : rates_between(before.count, now.count);
          engine.shards.push_back(std::move(now));
        }
        engines.push_back(std::move(engine));
      }
  engines_ = std::move(engines);
  failure_.clear();
}

bool TopView::has_rates() const {
  return std::ranges::all_of(engines_, [](const EngineNow& engine) {
    return std::ranges::all_of(engine.shards, [](const EngineNow::Shard& shard) { return shard.rates.has_value(); });
  });
}

std::vector<Line> TopView::lines(ScreenSize size) const {
  std::size_t legs = 0, connected = 0;
  double calls = 0;
  for (const auto& engine : engines_) {
    connected += engine.connected ? 1 : 0;
    for (const auto& shard : engine.shards) {
      legs += shard.count.legs;
      if (shard.rates) calls += shard.rates->calls;
    }
  }
  std::vector<Line> lines;
  lines.push_back(
      {Line::Mark::kTitle, fmt::format("{}, {} connected  {}  {} calls/s", times(engines_.size(), "engine", "engines"),
                                       connected, times(legs, "leg", "legs"), short_number(calls))});
  if (!failure_.empty()) lines.push_back({Line::Mark::kAlarm, "not refreshed: " + failure_});
  if (engines_.empty() && failure_.empty())
    lines.push_back({.text = "Control has no engine: its configuration needs an [[engines]] with name and link."});
  for (const auto& engine : engines_) engine_lines(engine, lines);
  if (size.rows != 0 && lines.size() > size.rows) {
    const std::size_t hidden = lines.size() - (size.rows - 1);
    lines.resize(size.rows - 1);
    lines.push_back({.text = fmt::format("… {} more", times(hidden, "line", "lines"))});
  }
  for (auto& line : lines) line.text = clipped(line.text, size.columns);
  return lines;
}

bj::value TopView::json() const {
  bj::array engines;
  for (const auto& engine : engines_) {
    bj::array shards;
    for (const auto& [count, rates] : engine.shards) {
      bj::array queues;
      for (const auto& queue : count.queues)
        queues.push_back(bj::object{{"name", queue.name}, {"used", queue.used}, {"room", queue.room}});
      bj::object shown{{"shard", count.shard},
                       {"legs", count.legs},
                       {"headroom_rate", count.headroom_rate},
                       {"refuses", count.refuses},
                       {"step_longest_us", count.step_longest_us},
                       {"beat_latest_us", count.beat_latest_us},
                       {"queues", queues},
                       {"rates", nullptr}};
      if (rates) {
        bj::object drops;
        for (const auto& [reason, rate] : rates->drops) drops[reason] = rate;
        shown["rates"] = bj::object{{"calls", rates->calls},
                                    {"packets_in", rates->packets_in},
                                    {"packets_out", rates->packets_out},
                                    {"late_frames", rates->late_frames},
                                    {"busy", rates->busy_rate},
                                    {"ns_per_step", rates->ns_per_step ? bj::value(*rates->ns_per_step) : nullptr},
                                    {"drops", drops}};
      }
      shards.push_back(shown);
    }
    engines.push_back(bj::object{{"name", engine.name},
                                 {"connected", engine.connected},
                                 {"since", engine.since},
                                 {"back_end", engine.back_end},
                                 {"error", engine.error},
                                 {"memory_bytes", engine.memory_bytes},
                                 {"shards", shards}});
  }
  bj::object all{{"engines", engines}};
  if (!failure_.empty()) all["error"] = failure_;
  return all;
}

}  // namespace carillon::cli
