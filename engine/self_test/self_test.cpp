#include "engine/self_test/self_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/placement.h"
#include "engine/self_test/box.h"
#include "engine/self_test/shard_cost.h"
#include "engine/self_test/wire.h"

namespace carillon::self_test {
namespace {

constexpr double kPacketsPerSecond = 50;      // each way, 20 ms apart
constexpr double kRecordingBytes = 32'000;    // per second: stereo, 16 bit, 8 kHz (media/record)
constexpr Duration kLateMax = 2ms;            // of a beat (call/admission.h, beat_late_max)
constexpr std::uint32_t kLegsMin = 500;       // fewer: the cost of a step is spread over too few
constexpr std::int64_t kLegBytes = 80 << 10;  // of a leg and its share of tables, for a first guess
constexpr double kMib = 1024 * 1024;

double us(Duration time) { return std::chrono::duration<double, std::micro>(time).count(); }

/// Measures one thing after another and writes it down.
class Test {
 public:
  Test(const EngineConfig& config, const Options& options, Report& report)
      : config_(config), options_(options), report_(report) {}

  void run() {
    place();
    time_clock();
    time_wire();
    time_shard();
    promise();
    look_at_memory();
    time_disk();
  }

 private:
  void add(std::string name, double value, std::string unit, std::string reason) {
    report_.figures.push_back({std::move(name), value, std::move(unit), std::move(reason)});
  }
  void warn(std::string text) { report_.warnings.push_back(std::move(text)); }

  void place() {
    const auto core = core_of(config_, 0);
    if (!core) return warn("shards are not pinned (engine.cores): these figures are of whatever core the kernel chose");
    if (const std::string fault = pin_here(*core); !fault.empty()) warn(fault);
  }

  void time_clock() {
    for (const bool sleeps : {false, true}) {
      const char* const loop = sleeps ? "sleeping" : "bare";
      options_.progress(fmt::format("clock, {} loop", loop));
      const Lateness late = lateness(sleeps, options_.clock_time);
      const std::string reason =
          sleeps ? "a kernel back end sleeps from beat to beat" : "who else takes this core away";
      add(fmt::format("clock.{}.p50", loop), us(late.p50), "us", reason);
      add(fmt::format("clock.{}.p99", loop), us(late.p99), "us", reason);
      add(fmt::format("clock.{}.p99.9", loop), us(late.p999), "us", reason);
      add(fmt::format("clock.{}.max", loop), us(late.max), "us", reason);
      if (late.p999 > kLateMax)
        warn(fmt::format(
            "1 beat in 1,000 comes more than {:.1f} ms late ({} loop): firmware/tune --check says what takes "
            "the core away",
            us(late.p999) / 1000, loop));
      if (sleeps) wake_rate_ = late.busy_rate;
    }
    add("clock.waking", 100 * wake_rate_, "% core",
        "2,000 wake-ups a second; taken off what a kernel back end promises");
  }

  void time_wire() {
    options_.progress("packets, the kernel's UDP");
    if (const auto cost = kernel_cost(config_, options_.wire_time)) {
      add(fmt::format("wire.{}", cost->back_end), cost->ns, "ns/packet",
          fmt::format("one out and one in over loopback, {} sockets; delivery included, a NIC's interrupts not",
                      cost->sockets));
      note_loss(*cost);
      kernel_name_ = cost->back_end;
      kernel_ns_ = cost->ns;
    } else {
      warn(cost.error() + ": nothing is promised for it");
    }
    options_.progress("packets, our own stack");
    const PacketCost stack = stack_cost(options_.wire_time);
    add("wire.stack", stack.ns, "ns/packet",
        "one out and one in through our stack above memory: dpdk's floor, no device");
    note_loss(stack);
    dpdk_ns_ = stack.ns;
    dpdk_reason_ = "software floor, no device measured";
    if (config_.io.back_end == "dpdk") time_device();
  }

  void time_device() {
    options_.progress("packets, the device");
    const auto cost = device_cost(config_);
    if (!cost) return warn(cost.error() + ": the device is not in the promise for dpdk, only our own work");
    add("wire.device", cost->ns, "ns/frame", fmt::format("asked for, written, given to {}", cost->driver));
    if (cost->refused > cost->frames / 10)
      return warn(fmt::format("{} took {} of {} frames only: it is not in the promise for dpdk", cost->driver,
                              cost->frames - cost->refused, cost->frames));
    dpdk_ns_ += 2 * cost->ns;
    dpdk_reason_ = fmt::format("software floor and {}, receiving taken to cost what sending does", cost->driver);
  }

  void note_loss(const PacketCost& cost) {
    if (cost.lost > cost.packets / 1000)
      warn(fmt::format("{} of {} packets were lost through {}", cost.lost, cost.lost + cost.packets, cost.back_end));
  }

  /// A shard's share of calls_max, since many legs find less room in the caches; no more than a quarter of the memory.
  std::uint32_t legs_to_measure() const {
    const std::uint32_t share = (config_.engine.calls_max + config_.engine.shards - 1) / config_.engine.shards;
    const auto room = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(memory(config_, 0).available / 4 / kLegBytes, 1, options_.legs_max));
    return std::clamp(share, std::min(kLegsMin, room), room);
  }
  void time_shard() {
    const std::uint32_t legs = legs_to_measure();
    options_.progress(fmt::format("a shard with {} legs", legs));
    const auto cost = shard_cost(legs);
    if (!cost) return warn(cost.error() + ": nothing is promised");
    shard_ = *cost;
    add("shard.leg", shard_.us_per_channel_second, "us/ch.s",
        fmt::format("{} legs play and hear, 1 in 10 under detection; above a port that moves nothing", legs));
    add("shard.memory", shard_.bytes_per_leg / 1024, "KiB/leg", "resident, pools and tables included");
  }

  void promise() {
    if (shard_.legs == 0) return;
    if (!kernel_name_.empty()) promise(kernel_name_, kernel_ns_, wake_rate_, "over loopback");
    promise("dpdk", dpdk_ns_, 0, dpdk_reason_);
  }
  void promise(const std::string& back_end, double wire_ns, double idle_rate, const std::string& about_wire) {
    Backed backed;
    backed.us_per_channel_second = shard_.us_per_channel_second + kPacketsPerSecond * wire_ns / 1000;
    backed.promise = {report_.date, report_.version, report_.cpu, back_end,
                      legs_within(backed.us_per_channel_second, idle_rate)};
    backed.reason = fmt::format("{:.1f} us/ch.s: {:.1f} the shard, {:.1f} the wire ({}); {:.0f} % of the core left",
                                backed.us_per_channel_second, shard_.us_per_channel_second,
                                kPacketsPerSecond * wire_ns / 1000, about_wire, 100 * kPromisedHeadroom);
    if (backed.promise.legs_per_shard > 2 * shard_.legs)
      backed.reason += fmt::format("; extrapolated from {} legs: test again when calls_max is raised", shard_.legs);
    if (backed.promise.legs_per_shard == 0) return warn(back_end + ": not one leg fits this core");
    report_.promises.push_back(std::move(backed));
  }

  void look_at_memory() {
    const Memory memory = self_test::memory(config_, shard_.bytes_per_leg);
    add("memory.available", static_cast<double>(memory.available) / kMib, "MiB",
        fmt::format("{:.0f} MiB wanted for calls_max = {}", static_cast<double>(memory.wanted) / kMib,
                    config_.engine.calls_max));
    if (memory.available < memory.wanted) warn("memory.available: less than engine.calls_max wants");
    add("memory.lock_limit", memory.lock_limit < 0 ? -1 : static_cast<double>(memory.lock_limit) / kMib, "MiB",
        memory.lock_wanted == 0
            ? "-1: unlimited"
            : fmt::format("-1: unlimited; {:.0f} MiB wanted by io_uring, where this kernel counts it",
                          static_cast<double>(memory.lock_wanted) / kMib));
    if (memory.lock_limit >= 0 && memory.lock_limit < memory.lock_wanted)
      warn("memory.lock_limit: below what is wanted (LimitMEMLOCK of the unit, or ulimit -l)");
    add("memory.hugepages", static_cast<double>(memory.hugepages_free) / kMib, "MiB",
        memory.hugepages_wanted == 0 ? "free; none are needed by this back end"
                                     : fmt::format("free; {:.0f} MiB wanted for dpdk.mbufs",
                                                   static_cast<double>(memory.hugepages_wanted) / kMib));
    if (memory.hugepages_free < memory.hugepages_wanted) warn("memory.hugepages: fewer than dpdk.mbufs wants");
  }

  void time_disk() {
    options_.progress("disk");
    const auto rate = disk_rate(config_.engine.data_dir, options_.disk_bytes);
    if (!rate) return warn(rate.error());
    add("disk.write", *rate / kMib, "MiB/s",
        fmt::format("in engine.data_dir, to the disk; enough for {:.0f} recordings at once", *rate / kRecordingBytes));
  }

  const EngineConfig& config_;
  const Options& options_;
  Report& report_;
  double wake_rate_ = 0, kernel_ns_ = 0, dpdk_ns_ = 0;
  std::string kernel_name_, dpdk_reason_;
  ShardCost shard_;
};

}  // namespace

Report measure(const EngineConfig& config, const Options& options) {
  Report report;
  report.date = rfc3339(wall_now());
  report.version = options.version;
  report.cpu = cpu_model();
  std::thread([&] { Test(config, options, report).run(); }).join();  // the caller is not pinned
  return report;
}

std::string Report::text() const {
  std::string text = fmt::format("carillon-engine {} on {}, {}\n", version, cpu, date);
  for (const Figure& figure : figures)
    text += fmt::format("{:<20} {:>12.1f} {:<10} {}\n", figure.name, figure.value, figure.unit, figure.reason);
  for (const Backed& backed : promises)
    text += fmt::format("{:<20} {:>12} {:<10} {}\n", "promise." + backed.promise.back_end,
                        backed.promise.legs_per_shard, "legs/shard", backed.reason);
  for (const std::string& warning : warnings) text += fmt::format("warning: {}\n", warning);
  return text;
}

std::string Report::json() const {
  namespace json = boost::json;
  json::object file{{"date", date}, {"version", version}, {"cpu", cpu}};
  json::array& out = (file["figures"] = json::array()).get_array();
  for (const Figure& figure : figures)
    out.push_back(
        json::object{{"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}, {"reason", figure.reason}});
  json::array& list = (file["promises"] = json::array()).get_array();
  for (const Backed& backed : promises)
    list.push_back(json::object{{"back_end", backed.promise.back_end},
                                {"legs_per_shard", backed.promise.legs_per_shard},
                                {"us_per_channel_second", backed.us_per_channel_second},
                                {"headroom", kPromisedHeadroom},
                                {"reason", backed.reason}});
  json::array& said = (file["warnings"] = json::array()).get_array();
  for (const std::string& warning : warnings) said.push_back(json::string(warning));
  return json::serialize(file) + "\n";
}

std::string write_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(fresh, path, error);
  if (out && !error) return {};
  std::filesystem::remove(fresh, error);
  return path + ": cannot be written";
}

}  // namespace carillon::self_test
