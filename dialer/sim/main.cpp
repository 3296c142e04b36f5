// carillon-sim: the product's dialer against modelled callers.
//   carillon-sim --seed 7                      a thousand calls and how they ended
//   carillon-sim week [--leads N] [--seed S]   seven days, four time zones, do-not-call list, restarts: books must
//   balance carillon-sim pacing --agents N --live P …  PACING.md's benchmark

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "dialer/sim/world.h"

namespace {

using namespace carillon;
using namespace carillon::dialer;
using namespace carillon::dialer::sim;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

Zones fixed_zones() {
  using std::chrono::seconds;
  Zones zones;
  for (const auto& [name, hours] : {std::pair{"America/New_York", -5},
                                    {"America/Chicago", -6},
                                    {"America/Denver", -7},
                                    {"America/Los_Angeles", -8}})
    zones.put(name, Zone({{WallTime::min(), seconds(hours * 3600)}}));
  zones.put("UTC", Zone());
  return zones;
}

CampaignConfig open_all_day() {
  CampaignConfig config;
  config.id = CampaignId{1};
  config.limits = {.total = 50, .per_day = 10};
  for (auto& day : config.window.days) day = {{0, 24 * 60}};
  config.channels_max = 10'000;
  config.calls_per_second_max = 500;
  config.wrap_up_max = std::chrono::hours(1);
  return config;
}

void print_outcomes(const Report& report) {
  for (std::size_t i = 0; i < kOutcomes; ++i)
    if (report.outcomes[i]) fmt::print("  {:<16} {}\n", text(static_cast<Outcome>(i)), report.outcomes[i]);
}

int finish(const Report& report) {
  if (report.broken.empty()) return 0;
  fmt::print(stderr, "broken rule: {}\n", report.broken);
  return 1;
}

int thousand(std::uint64_t seed) {
  Scenario scenario;
  scenario.seed = seed;
  scenario.campaign = open_all_day();
  scenario.campaign.mode = Mode::kPredictive;
  scenario.agents = 20;
  scenario.leads = 1000;
  scenario.campaign.retry = RetryRules{};
  for (auto& rule : scenario.campaign.retry.by_outcome) rule.times = 0;
  scenario.duration = Seconds(24 * 3600);
  const Zones zones = fixed_zones();
  const Report report = World(scenario, zones).run();
  fmt::print("seed {}: {} calls in {:.0f} simulated minutes\n", seed, report.dials, report.simulated.count() / 60);
  print_outcomes(report);
  fmt::print("  abandoned rate   {:.2f} %\n", 100 * report.abandoned_rate());
  return finish(report);
}

int week(std::uint64_t seed, std::uint64_t leads, double crash_every_s) {
  using namespace std::chrono;
  Scenario scenario;
  scenario.seed = seed;
  scenario.campaign.id = CampaignId{1};
  scenario.campaign.mode = Mode::kPredictive;
  scenario.campaign.channels_max = 1000;
  scenario.campaign.calls_per_second_max = 50;
  scenario.campaign.wrap_up_max = hours(1);
  scenario.campaign.hopper_capacity = 5000;
  scenario.model.handle_mean = 60;
  scenario.agents = 60;
  scenario.leads = leads;
  scenario.do_not_call_share = 0.02;
  scenario.duration = Seconds(7 * 24 * 3600);
  scenario.start = sys_days(2026y / 3 / 2);
  scenario.crash_every = Seconds(crash_every_s);
  scenario.zones = {"America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"};
  const Zones zones = fixed_zones();
  const double before = cpu_seconds();
  const Report report = World(scenario, zones).run();
  fmt::print("seed {}: {} leads, {} dials, {} refused, {} done, {} open after {:.1f} simulated days; {} restarts\n",
             seed, leads, report.dials, report.refused, report.leads_done, report.leads_open,
             report.simulated.count() / 86400, report.crashes);
  print_outcomes(report);
  fmt::print("  abandoned rate   {:.2f} %\n  processor        {:.1f} s, {} decisions\n", 100 * report.abandoned_rate(),
             cpu_seconds() - before, report.decisions);
  return finish(report);
}

struct PacingOptions {
  Scenario scenario;
  std::string policy = "carillon", seeds = "1..3", json;
  double hours = 8;
  int drift = 0;
};

int pacing(PacingOptions options) {
  std::uint64_t first = 0, last = 0;
  if (std::sscanf(options.seeds.c_str(), "%lu..%lu", &first, &last) != 2 || last < first) {
    fmt::print(stderr, "--seeds: A..B expected, got {}\n", options.seeds);
    return 2;
  }
  if (const auto fault = options.scenario.model.fault(); !fault.empty()) {
    fmt::print(stderr, "{}\n", fault);
    return 2;
  }
  const Zones zones = fixed_zones();
  std::string rows;
  double utilisation = 0, wait = 0, p95 = 0, worst = 0, dials = 0;
  std::uint64_t live = 0, abandoned = 0, above = 0, decisions = 0, connected = 0;
  const double before = cpu_seconds();
  int status = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Scenario scenario = options.scenario;
    scenario.seed = seed;
    scenario.duration = Seconds(options.hours * 3600);
    scenario.campaign.mode = options.policy == "progressive" ? Mode::kProgressive : Mode::kPredictive;
    const Report report = World(scenario, zones).run();
    status |= finish(report);
    utilisation += report.utilisation;
    wait += report.wait_mean_s;
    p95 = std::max(p95, report.wait_p95_s);
    worst = std::max(worst, report.worst_hour_abandoned);
    live += report.live;
    abandoned += report.abandoned;
    connected += report.connected;
    dials += static_cast<double>(report.dials);
    decisions += report.decisions;
    above += report.abandoned_rate() > scenario.campaign.pacing.abandon_cap;
    rows += fmt::format("{}{{\"seed\":{},\"utilisation\":{:.4f},\"abandoned\":{:.4f},\"worst_hour_abandoned\":{:.4f}}}",
                        rows.empty() ? "" : ",", seed, report.utilisation, report.abandoned_rate(),
                        report.worst_hour_abandoned);
  }
  const double count = static_cast<double>(last - first + 1), cpu = cpu_seconds() - before;
  const std::string json = fmt::format(
      "{{\"utilisation\":{:.4f},\"abandoned\":{:.4f},\"wait_mean_s\":{:.1f},\"wait_p95_s\":{:.1f},"
      "\"worst_hour_abandoned\":{:.4f},\"days_above_cap\":{},\"dials_per_connect\":{:.2f},\"decisions_per_second\":{:."
      "0f},"
      "\"cpu_s\":{:.2f},\"seeds\":[{}]}}",
      utilisation / count, live == 0 ? 0 : static_cast<double>(abandoned) / static_cast<double>(live), wait / count,
      p95, worst, above, connected == 0 ? 0 : dials / static_cast<double>(connected),
      static_cast<double>(decisions) / cpu, cpu, rows);
  fmt::print("{}\n", json);
  if (options.json.empty()) return status;
  std::FILE* out = std::fopen(options.json.c_str(), "w");
  if (!out) {
    std::perror(options.json.c_str());
    return 2;
  }
  fmt::print(out, "{}\n", json);
  std::fclose(out);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Carillon's dialer against modelled callers");
  std::uint64_t seed = 7;
  app.add_option("--seed", seed, "replays a run exactly");

  std::uint64_t leads = 100'000;
  double crash_every = 6 * 3600;
  CLI::App* week_command = app.add_subcommand("week", "a seven-day campaign; exits non-zero when a rule breaks");
  week_command->add_option("--leads", leads);
  week_command->add_option("--seed", seed);
  week_command->add_option("--crash-every", crash_every, "simulated seconds between restarts of the brain; 0: none");

  PacingOptions options;
  options.scenario.campaign = open_all_day();
  Model& model = options.scenario.model;
  CLI::App* pacing_command = app.add_subcommand("pacing", "the pacing benchmark; prints JSON");
  pacing_command->add_option("--policy", options.policy)->check(CLI::IsMember({"carillon", "progressive"}));
  pacing_command->add_option("--agents", options.scenario.agents)->check(CLI::Range(1, 5000));
  pacing_command->add_option("--live", model.live);
  pacing_command->add_option("--machine", model.machine);
  pacing_command->add_option("--fail", model.fail);
  pacing_command->add_option("--handle-mean", model.handle_mean);
  pacing_command->add_option("--handle-cv", model.handle_cv);
  pacing_command->add_option("--ring-mean", model.ring_mean);
  pacing_command->add_option("--ring-cv", model.ring_cv);
  pacing_command->add_option("--ring-cut", model.ring_cut);
  pacing_command->add_option("--patience", model.patience);
  pacing_command->add_option("--verdict-delay", model.verdict_delay);
  pacing_command->add_option("--false-machine", model.false_machine);
  pacing_command->add_option("--drift", model.drift);
  pacing_command->add_option("--hours", options.hours);
  pacing_command->add_option("--seeds", options.seeds, "A..B");
  pacing_command->add_option("--cap", options.scenario.campaign.pacing.abandon_cap);
  pacing_command->add_option("--json", options.json, "file for the result");
  app.set_version_flag("--version", CARILLON_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  if (*week_command) return week(seed, leads, crash_every);
  if (*pacing_command) return pacing(options);
  return thousand(seed);
}
