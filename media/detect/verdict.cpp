#include "media/detect/verdict.h"

namespace carillon::media {

const char* name(Heard heard) {
  switch (heard) {
    case Heard::kHuman:
      return "human";
    case Heard::kMachine:
      return "machine";
    case Heard::kBeep:
      return "beep";
    case Heard::kFax:
      return "fax";
    case Heard::kBusy:
      return "busy";
    case Heard::kCongestion:
      return "congestion";
    case Heard::kSit:
      return "sit";
    case Heard::kRingback:
      return "ringback";
    case Heard::kSilence:
      return "silence";
    case Heard::kNotSure:
      return "not_sure";
  }
  return "";
}

}  // namespace carillon::media
