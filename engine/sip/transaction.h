#pragma once
// The four transactions over UDP (RFC 3261 §17, Accepted states: RFC 6026) as pure state machines: an event goes in, an
// action comes out. They hold no bytes, no socket and no clock; the agent passes `now`, performs the returned action
// and calls on_deadline() at deadline().

#include <cstdint>

#include "engine/base/time.h"
#include "engine/sip/config.h"

namespace carillon::sip {

/// Resends with growing gaps until a limit: the pattern of timers A, E and G.
struct Resend {
  Duration gap{0};
  TimePoint next = TimePoint::max();

  void start(Duration first, TimePoint now) {
    gap = first;
    next = now + first;
  }
  void double_up_to(Duration most, TimePoint now) {
    gap = gap * 2 < most ? gap * 2 : most;
    next = now + gap;
  }
  void stop() { next = TimePoint::max(); }
};

/// INVITE client transaction.
///
///   Calling ─1xx─► Proceeding ─┬─2xx─────► Accepted ──timer M─► Terminated
///      └───────────────────────┴─3xx-6xx─► Completed ─timer D─► Terminated
class InviteClient {
 public:
  enum class State : std::uint8_t { kCalling, kProceeding, kAccepted, kCompleted, kTerminated };
  enum class Action : std::uint8_t {
    kNone,
    kSendInvite,
    kSendAck,       ///< the same ACK again, for a repeated 3xx-6xx
    kReport,        ///< pass the response up; for 2xx the dialog ACKs
    kReportAndAck,  ///< first 3xx-6xx: pass up, and the transaction ACKs
    kReportTimeout  ///< timer B, or 64*T1 after a CANCEL (§9.1)
  };

  explicit InviteClient(const Timing& timing) : timing_(timing) {}
  Action start(TimePoint now);
  Action on_response(int status, TimePoint now);
  /// A CANCEL went out: if no final response follows, give up.
  void on_cancel(TimePoint now) { limit(now); }
  /// Proceeding, which has no end of its own, may last 64*T1 from now, or from when it is entered: for INVITEs that no
  /// person answers.
  void limit(TimePoint now);
  Action on_deadline(TimePoint now);
  TimePoint deadline() const;
  State state() const { return state_; }

 private:
  Timing timing_;
  State state_ = State::kCalling;
  bool is_limited_ = false;
  Resend resend_;
  TimePoint end_ = TimePoint::max();
};

/// Client transaction for everything but INVITE and ACK.
///
///   Trying ─1xx─► Proceeding ─200-699─► Completed ─timer K─► Terminated
class Client {
 public:
  enum class State : std::uint8_t { kTrying, kProceeding, kCompleted, kTerminated };
  enum class Action : std::uint8_t { kNone, kSendRequest, kReport, kReportTimeout };

  explicit Client(const Timing& timing) : timing_(timing) {}
  Action start(TimePoint now);
  Action on_response(int status, TimePoint now);
  Action on_deadline(TimePoint now);
  TimePoint deadline() const;
  State state() const { return state_; }

 private:
  Timing timing_;
  State state_ = State::kTrying;
  Resend resend_;
  TimePoint end_ = TimePoint::max();
};

/// INVITE server transaction, and with it the core's resends of the 2xx until its ACK (§13.3.1.4), which need the same
/// bytes and the same clock.
///
///   Proceeding ─┬─2xx─────► Accepted ──timer L───────────────────────► Terminated
///               └─3xx-6xx─► Completed ─ACK─► Confirmed ─timer I─► Terminated
///                              └──timer H─► Terminated
class InviteServer {
 public:
  enum class State : std::uint8_t { kProceeding, kAccepted, kCompleted, kConfirmed, kTerminated };
  enum class Action : std::uint8_t {
    kNone,
    kSendResponse,
    kReportAck,     ///< the first ACK of our 2xx
    kReportTimeout  ///< no ACK came: of a 2xx, hang up
  };

  explicit InviteServer(const Timing& timing) : timing_(timing) {}
  /// The owner sends `status` for the first time.
  Action respond(int status, TimePoint now);
  /// The INVITE came again.
  Action on_invite() const;
  Action on_ack(TimePoint now);
  Action on_deadline(TimePoint now);
  TimePoint deadline() const;
  State state() const { return state_; }

 private:
  Timing timing_;
  State state_ = State::kProceeding;
  bool is_acked_ = false;
  Resend resend_;
  TimePoint end_ = TimePoint::max();
};

/// Server transaction for everything but INVITE and ACK.
///
///   Trying ─final─► Completed ─timer J─► Terminated
class Server {
 public:
  enum class State : std::uint8_t { kTrying, kCompleted, kTerminated };
  enum class Action : std::uint8_t { kNone, kSendResponse };

  explicit Server(const Timing& timing) : timing_(timing) {}
  Action respond(int status, TimePoint now);
  Action on_request() const;
  Action on_deadline(TimePoint now);
  TimePoint deadline() const { return end_; }
  State state() const { return state_; }

 private:
  Timing timing_;
  State state_ = State::kTrying;
  TimePoint end_ = TimePoint::max();
};

}  // namespace carillon::sip
