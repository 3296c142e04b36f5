#pragma once
// The far side's loop: takes in what came, answers, judges, speaks, sends. Nothing else runs on its core if it can be
// helped; where something does, it says how long it was kept from its work.

#include <atomic>
#include <string>

#include "tests/bench/far/answerer.h"
#include "tests/bench/far/garbage.h"
#include "tests/bench/far/judge.h"
#include "tests/bench/far/neighbour.h"
#include "tests/bench/far/options.h"
#include "tests/bench/far/speaker.h"
#include "tests/bench/wire/dpdk_port.h"
#include "tests/bench/wire/histogram.h"

namespace carillon::bench {

class Far {
 public:
  /// `expected` may be nullptr. All outlive the loop.
  Far(const FarOptions& options, const PortPlan& plan, DpdkPort& port, const Sound& voice, const Sound* expected,
      const TscRate& rate);

  /// One turn; whether there was anything to do.
  bool step();
  bool is_measuring() const { return judge_.is_measuring(); }

  void measure_start();
  void measure_stop();
  void start_garbage();
  /// One line of JSON: what was judged, SIP, and how well the far side itself kept up.
  std::string report() const;

 private:
  void take(rte_mbuf* frame, Tsc now);
  void echo(rte_mbuf* frame);
  void heed(const Answerer::News& news);
  void note_turn(Tsc now);
  void open_source();

  static constexpr double kStallUs = 100;

  const FarOptions& options_;
  const PortPlan& plan_;
  DpdkPort& port_;
  const TscRate& rate_;
  Neighbour neighbour_;
  Answerer answerer_;
  Judge judge_;
  Speaker speaker_;
  Garbage garbage_;

  Tsc turned_ = 0;   ///< start of the last turn
  Tsc emptied_ = 0;  ///< when the ring was last seen empty, or nearly
  Tsc housekept_ = 0;
  bool has_source_ = false;
  Histogram turns_;
  std::uint64_t stalls_ = 0, bursts_full_ = 0, rx_missed_before_ = 0;
  double stalled_us_ = 0;
  std::uint64_t rtcp_ = 0, unsound_ = 0, foreign_ = 0, echoed_ = 0;
};

}  // namespace carillon::bench
