#pragma once
// One leg's media endpoint. In: UDP payloads as they come, and a beat every 20 ms. Out: frames to play, record and
// listen to; headers for the frames to send; digits both ways; RTCP. Holds no socket and no clock; the shard that owns
// the leg calls it.

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/endpoint.h"
#include "engine/base/random.h"
#include "engine/base/time.h"
#include "engine/rtp/jitter_buffer.h"
#include "engine/rtp/packet.h"
#include "engine/rtp/rtcp.h"
#include "engine/rtp/source.h"
#include "engine/rtp/telephone_event.h"

namespace carillon::rtp {

inline constexpr std::uint8_t kNoPayloadType = 0xFF;

/// What offer and answer agreed, in this room's words.
struct StreamConfig {
  Endpoint remote;       ///< unspecified or port 0: nothing is sent
  Endpoint remote_rtcp;  ///< port 0: no RTCP is sent
  bool behind_nat = false;
  bool sends = true, receives = true;
  Codec codec = Codec::kPcmu;  ///< what we send
  std::uint8_t send_type = 0;
  std::uint8_t pcmu_type = 0, pcma_type = 8;  ///< what the peer may send; kNoPayloadType: not agreed
  std::uint8_t event_send_type = kNoPayloadType, event_receive_type = kNoPayloadType;
  std::uint8_t comfort_noise_type = 13;  ///< RFC 3389
  std::uint8_t packets_per_frame = 1;    ///< 2: the peer demands packets of 10 ms, head() is called twice per beat
};

enum class Drop : std::uint8_t {
  kNone,
  kMalformed,  ///< no RTP
  kForeign,    ///< not from the source we listen to
  kHeld,       ///< we said that we do not receive
  kType,       ///< a payload type that was not agreed
  kDuplicate,
  kLate,     ///< after its time had been played
  kTooLong,  ///< more than kPayloadMax bytes, or none
  kTooFar,   ///< a sequence number or timestamp that leapt; taken when the next packet follows it
};
inline constexpr int kDrops = 9;
std::string_view name(Drop drop);

struct Outcome {
  enum class Kind : std::uint8_t { kAudio, kDigit, kComfortNoise, kDropped };
  Kind kind = Kind::kDropped;
  Drop drop = Drop::kNone;
  bool is_first = false;  ///< the first packet of its source: early media has begun
  DigitNews digits = {};  ///< kDigit; an end may come with any kind, when the source changed
};

struct RtcpOutcome {
  bool taken = false;
  bool bye = false;
};

/// The next 20 ms from the peer, and digits whose end was lost.
struct Heard {
  Frame frame = {};
  DigitNews digits = {};
};

/// Same fields as a leg's statistics in CDRs and events.
struct StreamStats {
  std::uint64_t packets_in = 0, packets_out = 0, lost = 0, discarded = 0, foreign = 0;
  std::uint32_t jitter_us = 0, remote_lost = 0, remote_jitter_us = 0, round_trip_us = 0;
};

class Stream {
 public:
  explicit Stream(Random& random, const JitterConfig& jitter = {});

  /// A new agreement (first answer, the 2xx after a 183, re-INVITE). The media clock, SSRC and counters go on.
  void configure(const StreamConfig& config, TimePoint now);
  const StreamConfig& config() const { return config_; }

  // ---- from the peer ----
  /// `keeps_audio` false: nobody wants the sound. It is judged, counted and looked at for digits, but not kept; when
  /// that changes, the buffer starts afresh with the next packet.
  Outcome receive(ByteView wire, const Endpoint& from, TimePoint now, bool keeps_audio = true);
  RtcpOutcome receive_rtcp(ByteView wire, const Endpoint& from, TimePoint now);
  /// Call every 20 ms. The frame's payload stays valid until the next pop().
  Heard pop(TimePoint now);
  /// In place of pop() while no audio is kept.
  DigitNews tick(TimePoint now) { return event_receiver_.is_pressed() ? event_receiver_.tick(now) : DigitNews{}; }
  /// The last packet that was accepted (RTP; held legs count too), or configure(): for media time-outs.
  TimePoint last_heard() const { return last_heard_; }
  /// Nobody but destination() is listened to: the source is locked, and it speaks.
  bool is_steady(TimePoint now) const { return source_.is_locked() && now - last_heard_ < kSteady; }
  /// Silent for so long that another port of the peer may be its new source.
  bool is_silent(TimePoint now) const { return now - last_heard_ > Source::kSilence; }
  bool has_heard() const { return packets_in_past_ + reception_.received() != 0; }

  /// receive() with audio is near, or pop(): the buffer's books are fetched into the cache; then, with
  /// prefetch_frame(), when the books have come, the frame itself.
  void prefetch_buffer() const { jitter_buffer_.prefetch(); }
  void prefetch_frame() const { jitter_buffer_.prefetch_frame(); }

  // ---- to the peer ----
  /// Where RTP and RTCP go now: what SDP says, or what was learned behind NAT.
  const Endpoint& destination() const { return source_.destination(); }
  Endpoint rtcp_destination() const;
  bool may_send() const;

  /// Header of the next outgoing audio packet; the caller appends kFrameSamples / packets_per_frame bytes by
  /// reference. Empty: nothing may be sent (hold, no address, digits have the line).
  ///
  /// is_speech_start   nothing was sent in the beats before (silence, another source): sets the marker and moves the
  ///                   timestamp by the time that passed. Not needed after digits or hold.
  ByteView head(std::span<std::byte, kHeaderSize> out, TimePoint now, bool is_speech_start = false);

  static constexpr std::size_t kDigitPacketSize = kHeaderSize + 4;
  /// Queues digits; false when no telephone-event was agreed, one is no digit, or more than 32 would wait.
  bool send_digits(std::string_view digits, Duration each = 100ms);
  bool is_sending_digits() const { return event_sender_.is_active(); }
  void stop_digits() { event_sender_.stop(); }
  /// While is_sending_digits(), call once per beat instead of head(). The packet to send, or empty in a pause.
  ByteView digit_packet(std::span<std::byte, kDigitPacketSize> out, TimePoint now);

  bool rtcp_due(TimePoint now) const { return now >= rtcp_at_ && config_.remote_rtcp.port != 0; }
  /// The report that is due (or a BYE that ends all), and draws the time of the next.
  ByteView write_rtcp(std::span<std::byte, kRtcpMax> out, TimePoint now, WallTime wall, bool bye = false);

  // ---- books ----
  StreamStats stats() const;
  std::uint32_t dropped(Drop reason) const { return drops_[static_cast<std::size_t>(reason)]; }
  const JitterCounters& jitter_counters() const { return jitter_buffer_.counters(); }
  std::uint32_t ssrc() const { return ssrc_; }

 private:
  static constexpr Duration kSteady = 200ms;  // ten packets

  Outcome take(const Packet& packet, TimePoint now, bool keeps_audio);
  Outcome audio(const Packet& packet, Codec codec, TimePoint now);
  Outcome drop(Drop reason);
  DigitNews change_source();
  void note_block(const ReportBlock& block, TimePoint now);
  void catch_up(TimePoint now);
  Duration report_interval();

  // per packet in
  StreamConfig config_;
  Source source_;
  TimePoint last_heard_{};
  Reception reception_;
  EventReceiver event_receiver_;

  // per frame out
  std::uint32_t ssrc_;
  std::uint16_t sequence_;
  bool keeps_audio_ = true;
  bool is_configured_ = false, has_anchor_ = false;
  bool starts_speech_ = true;  // the next audio packet carries the marker and catches up with the clock
  RtpTime next_time_;          // of the next frame
  RtpTime anchor_time_;        // media time at anchor_
  TimePoint anchor_{};
  std::uint32_t packets_out_ = 0, octets_out_ = 0, reported_out_ = 0;
  TimePoint rtcp_at_{};
  EventSender event_sender_;  // its first bytes tell whether it is active

  // every five seconds
  std::array<std::uint32_t, kDrops> drops_{};
  std::uint32_t dice_;
  std::uint32_t sent_report_ = 0;  // LSR that the peer will name, and when it was sent
  TimePoint sent_report_at_{};
  std::uint32_t heard_report_ = 0;  // LSR that we will name
  TimePoint heard_report_at_{};
  Endpoint heard_rtcp_;                                // behind NAT
  std::uint64_t packets_in_past_ = 0, lost_past_ = 0;  // of sources before this one
  std::uint32_t remote_lost_ = 0, remote_jitter_ = 0, round_trip_us_ = 0;
  std::array<char, 16> cname_;

  JitterBuffer jitter_buffer_;
};

static_assert(sizeof(Stream) <= 49 * 64, "thousands of streams share a core's cache and memory");

}  // namespace carillon::rtp
