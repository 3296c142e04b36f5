#include "media/detect/detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace carillon::media {
namespace {

// All in frames of 20 ms. Where they come from: the table of the corpus test shows what they reach.
constexpr std::uint32_t kVoicedMin = 6;      // shorter is a click or a breath
constexpr std::uint32_t kGreetingMax = 110;  // 2.2 s of voice: a person has asked by then
constexpr std::uint32_t kSpanOver = 15;      // or 0.3 s more from onset, short pauses included
constexpr std::uint32_t kSpanLate = 90, kQuietLate = 15, kQuietLateLong = 25;  // what tells at the time limit
constexpr std::uint32_t kMachineEarly = 75;
constexpr std::uint32_t kHumanEarlyQuiet = 13, kHumanEarlyVoiced = 65;
constexpr std::uint32_t kQuietAfterWord = 27, kQuietAfterSentence = 36;  // silence that makes a person
constexpr std::uint32_t kWord = 40, kSentence = 100;  // voice: "hello?", "this is …, who is calling?"
constexpr std::uint32_t kGreetingOver = 120;          // 2.4 s of silence end a greeting without beep

double seconds(std::uint32_t frames) { return 0.02 * frames; }
std::uint32_t frames_in(Duration duration) { return static_cast<std::uint32_t>(duration / kFrameTime); }

// The longer somebody spoke, the longer the pause must be: machines pause between sentences.
std::uint32_t quiet_wanted(std::uint32_t voiced) {
  const std::uint32_t at = std::clamp(voiced, kWord, kSentence) - kWord;
  return kQuietAfterWord + at * (kQuietAfterSentence - kQuietAfterWord) / (kSentence - kWord);
}

template <class... Args>
FixedText<128> line(fmt::format_string<Args...> format, Args&&... args) {
  std::array<char, 128> text;
  const auto end = fmt::format_to_n(text.begin(), text.size(), format, std::forward<Args>(args)...);
  return {std::string_view(text.data(), std::min(end.size, text.size()))};
}

Heard heard_of(ToneKind kind) {
  switch (kind) {
    case ToneKind::kRingback:
      return Heard::kRingback;
    case ToneKind::kBusy:
      return Heard::kBusy;
    case ToneKind::kCongestion:
      return Heard::kCongestion;
    case ToneKind::kSit:
      return Heard::kSit;
    case ToneKind::kCng:
    case ToneKind::kCed:
      return Heard::kFax;
  }
  return Heard::kNotSure;
}

}  // namespace

Detector::Detector(const DetectConfig& config)
    : phase_(config.early_media ? Phase::kEarlyMedia : Phase::kListening), config_(config) {}

void Detector::answered() {
  if (phase_ != Phase::kEarlyMedia) return;
  phase_ = Phase::kListening;
  answer_ = frames_;
  tones_ = ToneDetector();  // what rang before says nothing about who answered
  voice_ = VoiceMeter();
  beep_ = BeepDetector();
}

void Detector::feed(FrameView frame) {
  if (phase_ == Phase::kDone) return;
  ++frames_;
  const Spectrum spectrum = meter_.feed(frame);
  tones_.feed(spectrum);
  const auto tone = tones_.news();
  if (tone) judge_tone(*tone);
  if (phase_ == Phase::kDone || phase_ == Phase::kEarlyMedia) return;
  voice_.feed(spectrum, tones_.track());
  beep_news_ = beep_.feed(spectrum, tones_, voice_.floor_dbm0());
  if (phase_ == Phase::kGreeting)
    judge_greeting();
  else
    judge_speech();
  judge_time();
}

void Detector::feed_lost() {
  if (phase_ == Phase::kDone) return;
  ++frames_;
  tones_.feed_lost();
  judge_time();
}

std::optional<Verdict> Detector::news() {
  if (!std::exchange(has_news_, false)) return std::nullopt;
  return news_;
}

void Detector::prefetch() const {
  constexpr std::size_t kTouched = sizeof(Detector) - sizeof(Verdict);  // the verdict lies last
  const char* const at = reinterpret_cast<const char*>(this);
  for (std::size_t i = 0; i < kTouched; i += 64) __builtin_prefetch(at + i);
}

void Detector::judge_tone(const ToneHeard& tone) {
  const Heard heard = heard_of(tone.kind);
  const auto why =
      line("{} tone of {:.0f} Hz since {:.2f} s", name(heard), tone.hz, static_cast<double>(tone.began / 1ms) / 1000);
  if (phase_ == Phase::kEarlyMedia) {
    const std::uint32_t bit = 1U << static_cast<unsigned>(heard);
    if ((early_tones_ & bit) == 0) tell(heard, 0.9, false, why);
    early_tones_ |= bit;
    return;
  }
  // a beep may sound like the first burst of something: in a greeting, and after words, only what cannot be a beep
  const bool may_be_beep = tone.kind == ToneKind::kCng || tone.kind == ToneKind::kRingback;
  if (may_be_beep && (phase_ == Phase::kGreeting || voice_.voiced() >= kVoicedMin)) return;
  if (phase_ == Phase::kGreeting && tone.kind != ToneKind::kCed) return;
  settle(heard, 0.95, why);
}

void Detector::judge_speech() {
  const std::uint32_t voiced = voice_.voiced(), quiet = voice_.quiet(), span = voice_.span();
  const std::uint32_t voiced_max = config_.greeting_max > 0ms ? frames_in(config_.greeting_max) : kGreetingMax;
  // A beep after words is a machine's. Before any word only one that begins no cadence: those lie below 650 Hz.
  if (beep_news_ && beep_news_->is_over && (voiced >= kVoicedMin || beep_news_->hz > 650)) {
    settle(Heard::kMachine, 0.9, line("beep of {:.0f} Hz after {:.2f} s of voice", beep_news_->hz, seconds(voiced)));
    return;
  }
  if (voiced < kVoicedMin || beep_.is_on()) return;
  if (voiced >= voiced_max || (span >= voiced_max + kSpanOver && quiet == 0 && 2 * voiced >= span)) {
    const double over = static_cast<double>(voiced) / voiced_max;
    settle(Heard::kMachine, std::clamp(0.55 + 0.3 * over, 0.6, 0.9),
           line("{:.2f} s of voice within {:.2f} s, {} utterances, no pause of {:.2f} s", seconds(voiced),
                seconds(span), voice_.segments(), seconds(quiet_wanted(voiced))));
    return;
  }
  if (quiet >= quiet_wanted(voiced)) {
    const double share = static_cast<double>(voiced) / voiced_max;
    settle(Heard::kHuman, std::clamp(0.97 - 0.35 * share, 0.6, 0.95),
           line("{:.2f} s of voice, then {:.2f} s of silence; voice {:.0f}, floor {:.0f} dBm0", seconds(voiced),
                seconds(quiet), voice_.level_dbm0(), voice_.floor_dbm0()));
    return;
  }
  std::optional<Heard> early;
  if (voiced >= kMachineEarly && quiet < kHumanEarlyQuiet) early = Heard::kMachine;
  if (voiced < kHumanEarlyVoiced && quiet >= kHumanEarlyQuiet) early = Heard::kHuman;
  if (!early || early == early_) return;
  early_ = early;
  tell(*early, 0.6, false, line("{:.2f} s of voice, {:.2f} s of silence so far", seconds(voiced), seconds(quiet)));
}

void Detector::judge_greeting() {
  const double waited = seconds(frames_ - greeting_);
  if (beep_news_) {
    const auto why = line("beep of {:.0f} Hz, {:.2f} s long, {:.2f} s after the machine verdict", beep_news_->hz,
                          seconds(beep_news_->frames), waited);
    if (beep_news_->is_over) return settle(Heard::kBeep, 0.95, why);
    return tell(Heard::kBeep, 0.8, false, why);
  }
  if (voice_.quiet() >= kGreetingOver && !beep_.is_on())
    settle(Heard::kBeep, 0.6, line("no beep, {:.2f} s of silence after the greeting", seconds(voice_.quiet())));
}

void Detector::judge_time() {
  if (phase_ == Phase::kGreeting && frames_ - greeting_ >= frames_in(config_.beep_wait_max))
    return settle(Heard::kBeep, 0.2, line("no beep within {:.1f} s", seconds(frames_ - greeting_)));
  if (phase_ != Phase::kListening || frames_ - answer_ < frames_in(config_.decide_by)) return;
  const std::uint32_t voiced = voice_.voiced();
  if (voiced < kVoicedMin && tones_.track().frames < 10)
    settle(Heard::kSilence, 0.9, line("{:.2f} s of voice within {:.1f} s", seconds(voiced), seconds_since_answer()));
  else if (voice_.quiet() < kQuietLate && voice_.span() >= kSpanLate)
    settle(Heard::kMachine, 0.55,
           line("speaking since {:.2f} s, {:.2f} s of voice, at the limit of {:.1f} s", seconds(voice_.span()),
                seconds(voiced), seconds_since_answer()));
  else if (voice_.quiet() >= (voiced < kMachineEarly ? kQuietLate : kQuietLateLong))
    settle(Heard::kHuman, 0.55,
           line("{:.2f} s of voice, then {:.2f} s of silence at the limit of {:.1f} s", seconds(voiced),
                seconds(voice_.quiet()), seconds_since_answer()));
  else
    settle(Heard::kNotSure, 0.5,
           line("{:.2f} s of voice, {:.2f} s of silence at the limit of {:.1f} s", seconds(voiced),
                seconds(voice_.quiet()), seconds_since_answer()));
}

void Detector::settle(Heard heard, double confidence, std::string_view why) {
  tell(heard, confidence, true, why);
  greeting_ = frames_;
  phase_ = heard == Heard::kMachine && config_.wait_for_beep ? Phase::kGreeting : Phase::kDone;
}

void Detector::tell(Heard heard, double confidence, bool is_final, std::string_view why) {
  has_news_ = true;
  news_ = Verdict{.heard = heard,
                  .confidence = confidence,
                  .since_answer = (frames_ - answer_) * kFrameTime,
                  .since_speech_end = voice_.quiet() * kFrameTime,
                  .is_final = is_final,
                  .why = why};
}

}  // namespace carillon::media
