// What one decision of the dialer costs: decide() alone, at the desk of busy_desk.h. What people and agents do and the
// filling of hoppers lie between the decisions, so neither is in the figures. In the same run:
//   floor    a bare walk over what pacing can't do without: each agent's state, each age of a predictive campaign's
//   dials clock    two reads of the clock with nothing between, as they are in every figure
//
//   dialer_decision_bench [--json FILE] [--runs N] [--turns N] [--turn-ms N] [--seed N]
//
// A run is --turns decisions that follow each other, --turn-ms of simulated time apart (the driver decides at every
// piece of news, and every 250 ms). Of each run p50 and p99; printed are the medians of the runs and their middle half.
// Processor time of this thread: others' work on a shared machine does not count, but what it leaves of the caches
// does.

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/dialer/busy_desk.h"

namespace carillon::dialer {
namespace {

constexpr std::size_t kInFlightMin = 3000, kPredictiveMin = 100;  // fewer: not the desk of busy_desk.h

double now_us() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e6 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_nsec);
}

double at(std::vector<double>& values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

/// p50 and p99 of each run.
struct Figure {
  std::vector<double> p50, p99;
  void add(std::vector<double>& turns) {
    p50.push_back(at(turns, 0.5));
    p99.push_back(at(turns, 0.99));
  }
  void print(const char* what) {
    std::printf("  %-34s p50 %8.2f µs (%.2f … %.2f)   p99 %8.2f µs (%.2f … %.2f)\n", what, at(p50, 0.5), at(p50, 0.25),
                at(p50, 0.75), at(p99, 0.5), at(p99, 0.25), at(p99, 0.75));
  }
};

struct Options {
  std::string json;
  int runs = 11, turns = 2000, turn_ms = 50, seed = 7;
};

void write_row(std::ostream& out, const char* name, double value, double floor, int runs) {
  out << R"({"name": ")" << name << R"(", "value": )" << value << R"(, "unit": "µs", "floor": )" << floor
      << R"(, "ratio": )" << value / floor << R"(, "runs": )" << runs << "}";
}

/// The desk, turn by turn, and what its decisions took.
class Measurement {
 public:
  explicit Measurement(const Options& options)
      : options_(options),
        turn_(std::chrono::milliseconds(options.turn_ms)),
        desk_(static_cast<std::uint64_t>(options.seed)) {
    for (Duration passed{}; passed < 300s; passed += turn_) (void)step();  // until all are as busy as they will be
    dials_ = desk_.dials();
    connects_ = desk_.connects();
    fewest_ = fewest_predictive_ = desk_.in_flight(1, kQueue.value);
  }

  void run() {
    std::vector<double> decisions, floors, clocks;
    for (int i = 0; i < options_.turns; ++i) {
      decisions.push_back(step());
      walked_ += desk_.walk();  // so that a floor it is: all lies as near as it can
      const double start = now_us();
      walked_ += desk_.walk();
      floors.push_back(now_us() - start);
      const double before = now_us();
      clocks.push_back(now_us() - before);
      fewest_ = std::min(fewest_, desk_.in_flight(1, kQueue.value));
      fewest_predictive_ = std::min(fewest_predictive_, desk_.in_flight(1, kPredictive));
    }
    decision_.add(decisions);
    floor_.add(floors);
    clock_.add(clocks);
  }

  /// Were there decisions to make at all?
  void check() const {
    CHECK(fewest_ >= kInFlightMin);
    CHECK(fewest_predictive_ >= kPredictiveMin);
    CHECK(desk_.connects() > 0);
    CHECK(walked_ > Duration{});
  }

  void print() {
    const double turns = static_cast<double>(options_.runs) * options_.turns;
    std::printf("one decision: %d runs of %d turns, %d ms apart; seed %d\n", options_.runs, options_.turns,
                options_.turn_ms, options_.seed);
    std::printf("at least %zu attempts in flight, %zu of them predictive; %.1f dials and %.2f connects a turn\n",
                fewest_, fewest_predictive_, static_cast<double>(desk_.dials() - dials_) / turns,
                static_cast<double>(desk_.connects() - connects_) / turns);
    decision_.print("decide()");
    floor_.print("floor: bare walk, agents and ages");
    clock_.print("clock: two reads");
  }

  bool write(const std::string& json) {
    std::ofstream out(json);
    write_row(out << "[", "dialer.decision_us_p50", at(decision_.p50, 0.5), at(floor_.p50, 0.5), options_.runs);
    write_row(out << ",\n ", "dialer.decision_us_p99", at(decision_.p99, 0.5), at(floor_.p99, 0.5), options_.runs);
    out << "]\n";
    return out.good();
  }

 private:
  /// One turn; what its decision took. µs
  double step() {
    desk_.pass(turn_);
    const double start = now_us();
    desk_.decide();
    const double took = now_us() - start;
    desk_.perform();
    return took;
  }

  Options options_;
  Duration turn_;
  BusyDesk desk_;
  Figure decision_, floor_, clock_;
  std::uint64_t dials_ = 0, connects_ = 0;
  std::size_t fewest_ = 0, fewest_predictive_ = 0;
  Duration walked_{};
};

int measure(const Options& options) {
  Measurement measurement(options);
  for (int run = 0; run < options.runs; ++run) measurement.run();
  measurement.check();
  measurement.print();
  return options.json.empty() || measurement.write(options.json) ? 0 : 1;
}

int run(int argc, char** argv) {
  Options options;
  bool is_known = argc % 2 == 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--json")
      options.json = argv[i + 1];
    else if (name == "--runs")
      options.runs = std::atoi(argv[i + 1]);
    else if (name == "--turns")
      options.turns = std::atoi(argv[i + 1]);
    else if (name == "--turn-ms")
      options.turn_ms = std::atoi(argv[i + 1]);
    else if (name == "--seed")
      options.seed = std::atoi(argv[i + 1]);
    else
      is_known = false;
  }
  if (!is_known || options.runs < 1 || options.turns < 1 || options.turn_ms < 1 || options.turn_ms > 250) {
    std::fprintf(stderr, "dialer_decision_bench [--json FILE] [--runs N] [--turns N] [--turn-ms N] [--seed N]\n");
    return 2;
  }
  return measure(options);
}

}  // namespace
}  // namespace carillon::dialer

int main(int argc, char** argv) { return carillon::dialer::run(argc, argv); }
