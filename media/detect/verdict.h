#pragma once

#include <cstdint>

#include "engine/base/fixed_text.h"
#include "media/frame.h"

namespace carillon::media {

/// Who or what answered.
enum class Heard : std::uint8_t {
  kHuman,
  kMachine,  ///< a recorded greeting
  kBeep,     ///< the machine's greeting is over: beep, or silence after it
  kFax,
  kBusy,
  kCongestion,
  kSit,  ///< special information tones: number out of service
  kRingback,
  kSilence,  ///< nothing was said
  kNotSure,
};
/// "human" "machine" "beep" "fax" "busy" "congestion" "sit" "ringback" "silence" "not_sure".
const char* name(Heard heard);

struct Verdict {
  Heard heard = Heard::kNotSure;
  double confidence = 0;         ///< 0..1
  Duration since_answer{0};      ///< by counted frames
  Duration since_speech_end{0};  ///< silence that had passed since the last voiced frame; 0 while it goes on
  bool is_final = false;         ///< an early verdict may be taken back by a later one; a final one is not
  FixedText<128> why;            ///< the figures that led to it
};

/// What a campaign may set. Defaults serve US and European calls.
struct DetectConfig {
  Duration decide_by = 4s;       ///< final verdict at the latest, from answer
  Duration greeting_max{0};      ///< a person's first words are shorter than this; 0: 2,200 ms
  bool wait_for_beep = false;    ///< after the machine verdict go on until kBeep
  Duration beep_wait_max = 30s;  ///< from the machine verdict; then kBeep with low confidence
  bool early_media = false;      ///< begins before answer: only tones are judged until `answered()`
};

}  // namespace carillon::media
