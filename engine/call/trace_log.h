#pragma once
// The last SIP messages of a shard, kept for whoever asks why a call failed: `carillon trace CALL`.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/endpoint.h"
#include "engine/base/fixed_text.h"
#include "engine/base/time.h"
#include "engine/call/event.h"
#include "engine/call/leg_index.h"

namespace carillon::call {

/// Two rings of fixed size: messages (first line, CSeq and cause, not bodies) and what became of legs. The oldest go
/// first; about 300 bytes per message and 400 per leg. No allocation after construction but in write().
class TraceLog {
 public:
  explicit TraceLog(std::size_t messages_max = 8192, std::size_t legs_max = 4096);

  /// One datagram as it came or went. What is not SIP is kept out.
  void message(bool is_in, const Endpoint& peer, ByteView data, WallTime at);
  /// This dialog is one of this leg's: a leg that tries several trunks has several.
  void bind(LegId leg, std::string_view call_id, std::string_view trunk);
  /// How the leg ended, or stands.
  void note(LegId leg, const LegState& state);

  /// Appends the ladder of a leg, at most until `text` has the capacity it came with; longer ones lose their middle.
  ///
  /// returns  false: the leg is unknown, or so long ago that nothing is left of it
  ///
  ///   12:03:04.567  ──► 192.0.2.1:5060  INVITE sip:+4930123@192.0.2.1 SIP/2.0
  ///         +31 ms  ◄── 192.0.2.1:5060  SIP/2.0 100 Trying  (1 INVITE)
  bool write(LegId leg, std::string& text) const;

 private:
  static constexpr std::size_t kDialogsMax = 6;
  struct Message {
    std::uint64_t dialog = 0;  ///< hash of the Call-ID
    WallTime at{};
    Endpoint peer;
    bool is_in = false;
    FixedText<112> line;
    FixedText<24> sequence;
    FixedText<96> why;  ///< Reason or Warning
  };
  struct Story {
    LegId leg;
    std::array<std::uint64_t, kDialogsMax> dialogs{};
    std::uint8_t dialogs_count = 0;
    LegPhase phase = LegPhase::kTrying;
    EndedBy ended_by = EndedBy::kNobody;
    std::uint16_t status = 0;
    std::uint8_t cause = 0;
    FixedText<96> reason;
    FixedText<64> from, to;
    FixedText<48> trunk;
    FixedText<16> verdict;
    FixedText<32> mark;
  };

  Story* story(LegId leg);
  const Story* find(LegId leg) const;

  std::vector<Message> messages_;
  std::vector<Story> stories_;
  LegIndex index_;                                        // of stories_
  std::uint64_t messages_count_ = 0, stories_count_ = 0;  // ever; the ring index is the remainder
};

}  // namespace carillon::call
