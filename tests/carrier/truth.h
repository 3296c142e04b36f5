#pragma once
// The carrier's own books: one JSON line per call. Judging sound takes tens of milliseconds, so it happens on a thread
// of its own and speech never waits for it.

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/time.h"
#include "tests/carrier/ear.h"
#include "tests/carrier/judge.h"

namespace carillon::carrier {

/// Everything known of one finished call. Times at the epoch: never happened.
struct CallTruth {
  std::string sip_call_id, from, to, behaviour;
  bool is_outgoing = false;  ///< placed by the carrier
  WallTime invite_at{}, ringing_at{}, answered_at{}, ended_at{};
  int sip_final = 0;
  std::string ended_by;  ///< "carrier" (our side), else "caller" or, of a call we placed, "callee"
  bool is_cancelled = false, is_challenged = false;
  std::string digits_sent, digits_heard;
  bool is_media_lost = false;                                ///< hung up since nothing came any more
  bool acknowledged = false;                                 ///< our final answer got its ACK
  Duration answer_offset{0};                                 ///< of the answer on the time line of `heard`
  Duration greeting_began{0}, greeting_end{0}, beep_end{0};  ///< from answer; zero: none
  RtpBooks rtp;
  double energy_share = 0;
  std::uint64_t rtp_out = 0;
  int badge_hz = 0;  ///< own badge; 0: none was worn
  struct Badge {
    int hz = 0;
    WallTime from{}, until{};
  };
  std::vector<Badge> badges_heard;
  int held = 0;                     ///< re-INVITEs that put us on hold
  std::vector<std::uint8_t> heard;  ///< µ-law
};

/// One line, without line feed.
std::string to_json(const CallTruth& call, const std::vector<Occurrence>& occurrences, Duration ringback);

class TruthWriter {
 public:
  TruthWriter(std::FILE* file, std::vector<Expectation> expected, std::filesystem::path keep_heard_in);
  /// Judges and writes what is left, then returns.
  ~TruthWriter();
  void add(CallTruth call);

 private:
  void run();
  void keep(const CallTruth& call, const Samples& heard) const;

  std::FILE* file_;
  std::vector<Expectation> expected_;
  std::filesystem::path keep_heard_in_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<CallTruth> waiting_;
  bool is_closing_ = false;
  std::thread thread_;
};

}  // namespace carillon::carrier
