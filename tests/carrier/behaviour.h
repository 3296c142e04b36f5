#pragma once
// What a called phone does: drawn once per call from (seed, called number), so that a seed replays a day exactly.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "tests/carrier/sound.h"

namespace carillon::carrier {

enum class Kind : std::uint8_t { kPerson, kMachine, kBusy, kNoAnswer, kFax, kSit, kCongestion, kSilence, kAgent };
inline constexpr std::array<std::string_view, 9> kKindNames = {"person", "machine",    "busy",    "no_answer", "fax",
                                                               "sit",    "congestion", "silence", "agent"};
std::string_view name_of(Kind kind);

/// Share of each kind among numbers that do not name their own behaviour. Sums to 1 within rounding.
struct Mix {
  std::array<double, 9> share{0.45, 0.25, 0.06, 0.08, 0.04, 0.04, 0.04, 0.04, 0};
  /// "person=.45,busy=.1": those not named get 0; shares are scaled to sum 1.
  static Result<Mix, std::string> parse(std::string_view text);
};

/// Numbers that end in 555-0Kxx name their behaviour: 01xx person, 02xx machine, 03xx busy, 04xx no answer, 05xx fax,
/// 06xx SIT, 07xx congestion, 08xx silence ("+12125550142" is a person). Everything else is drawn.
std::optional<Kind> kind_by_number(std::string_view number);
Kind draw_kind(std::uint64_t seed, std::string_view number, const Mix& mix);
/// A generator that belongs to this number under this seed.
Random random_for(std::uint64_t seed, std::string_view number);

struct Options {
  Mix mix;
  std::optional<std::pair<Duration, Duration>> answer_delay;  ///< uniform; else log-normal within 2-8 s
  double opt_out_rate = 0.1;                                  ///< of people: press 9 during the message
  double press_one_rate = 0.1;                                ///< of people: press 1 during the message
  double early_hang_up_rate = 0.05;                           ///< of people: gone 3-6 s after answer
  double patient_rate = 0.8;  ///< of people and machines: leave it to the other side to hang up
  double answered_sit_rate = 0.25;
  double retry_after_rate = 0.5;  ///< of 503: the caller may then leave this carrier alone for seconds
  std::optional<std::pair<Duration, Duration>> agent_talk;  ///< how long an agent stays; else the other side ends it
  /// When one hears an agent it talks back, and hangs up so long after; else it goes by its own patience.
  std::optional<std::pair<Duration, Duration>> talk;
  Duration patience = 60s;    ///< when even the patient hang up
  Duration media_timeout{0};  ///< without a packet from the other side; zero: waits for ever
};

/// One stretch of what a phone says: a sound, or silence of that length when `sound` is empty.
struct Piece {
  SoundPtr sound;
  Duration length{0};
};

struct Behaviour {
  Kind kind = Kind::kPerson;
  Duration ringing_after = 50ms;  ///< from the INVITE
  Duration final_after = 2s;      ///< from the INVITE; the final answer, or for ever ringing when `status` is 0
  int status = 200;               ///< final answer; 0: none
  std::string reason = "OK";
  int retry_after_s = 0;
  bool is_early_media = false;                               ///< 183 with `says` before the final answer
  std::vector<Piece> says;                                   ///< from answer (or from 183)
  bool is_repeated = false;                                  ///< says it over and over
  SoundPtr background;                                       ///< looped in all silences
  Duration greeting_began{0}, greeting_end{0}, beep_end{0};  ///< from answer; zero: none
  char digit = 0;                                            ///< pressed once something is heard after the greeting
  Duration digit_after = 2s;                                 ///< from where that began
  std::optional<Duration> hang_up_after;                     ///< from answer
  int badge_hz = 0;                                          ///< worn while talking to a person
  SoundPtr reply;                                            ///< said over and over once an agent is heard
  Duration talk{0};                                          ///< and it hangs up so long after; zero: it does not
};

/// Draws everything about one call. `library` must outlive nothing: sounds are shared.
Behaviour draw(Kind kind, Random& random, const Library& library, const Options& options);
/// An agent speaks under its badge from the first moment; everybody else wears theirs in `reply`.
void wear(Behaviour& behaviour, int badge_hz, Random& random, const Library& library, const Options& options);

}  // namespace carillon::carrier
