#include "media/tone/generator.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace carillon::media {
namespace {

constexpr int kSamplesPerMs = kSampleRate / 1000;
constexpr float kFullScaleDbm0 = 3.14F;  // a sine that just reaches 32,767 (G.711 µ-law, table 6)

constexpr ToneSpec cadence(std::array<std::uint16_t, 3> hz, std::array<std::uint16_t, 4> on_off, float level = -13) {
  ToneSpec spec{.steps = {}, .repeats = true, .level_dbm0 = level};
  std::size_t count = 0;
  for (std::size_t i = 0; i < on_off.size() && on_off[i] != 0; ++i) {
    if (i % 2 == 0)
      spec.steps[count++] = {hz, on_off[i]};
    else
      spec.steps[count++] = {{}, on_off[i]};
  }
  return spec;
}

constexpr ToneSpec once(std::array<ToneStep, 6> steps, float level) {
  return {.steps = steps, .repeats = false, .level_dbm0 = level};
}

// ITU-T E.180 supplement 2. US: 16 dB apart from nothing, dual tones; most of Europe: 425 Hz.
constexpr NationalPlan kPlans[] = {
    {"US", cadence({440, 480}, {2000, 4000}, -16), cadence({480, 620}, {500, 500}, -21),
     cadence({480, 620}, {250, 250}, -21)},
    {"EU", cadence({425}, {1000, 4000}), cadence({425}, {500, 500}), cadence({425}, {250, 250})},
    {"GB", cadence({400, 450}, {400, 200, 400, 2000}, -16), cadence({400}, {375, 375}),
     cadence({400}, {400, 350, 225, 525})},
    {"FR", cadence({440}, {1500, 3500}), cadence({440}, {500, 500}), cadence({440}, {250, 250})},
    {"ES", cadence({425}, {1500, 3000}), cadence({425}, {200, 200}), cadence({425}, {200, 200})},
    {"IT", cadence({425}, {1000, 4000}), cadence({425}, {500, 500}), cadence({425}, {200, 200})},
    {"AU", cadence({400, 450}, {400, 200, 400, 2000}, -16), cadence({425}, {375, 375}), cadence({425}, {375, 375})},
    {"JP", cadence({400}, {1000, 2000}), cadence({400}, {500, 500}), cadence({400}, {250, 250})},
    {"CN", cadence({450}, {1000, 4000}), cadence({450}, {350, 350}), cadence({450}, {700, 700})},
    {"RU", cadence({425}, {1000, 4000}), cadence({425}, {400, 400}), cadence({425}, {200, 200})},
    {"IN", cadence({400}, {400, 200, 400, 2000}), cadence({400}, {750, 750}), cadence({400}, {250, 250})},
};

constexpr ToneSpec kSit = once({{{{950}, 330}, {{1400}, 330}, {{1800}, 330}, {{}, 1000}}}, -13);
constexpr ToneSpec kCng = {.steps = {{{{1100}, 500}, {{}, 3000}}}, .repeats = true, .level_dbm0 = -13};  // T.30 §4
constexpr ToneSpec kCed = once({{{{}, 200}, {{2100}, 3000}, {{}, 80}}}, -13);                            // T.30 §4
constexpr ToneSpec kBeep = once({{{{1000}, 400}}}, -13);

double amplitude(float level_dbm0) { return 32767 * std::pow(10, (level_dbm0 - kFullScaleDbm0) / 20); }

std::uint32_t samples_of(const ToneSpec& spec) {
  std::uint32_t samples = 0;
  for (const ToneStep& step : spec.steps) {
    if (step.ms == 0) break;
    samples += step.ms * kSamplesPerMs;
  }
  return samples;
}

}  // namespace

std::span<const NationalPlan> national_plans() { return kPlans; }

const NationalPlan& national_plan(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kPlans), std::end(kPlans), [&](const NationalPlan& plan) { return plan.name == name; });
  return found == std::end(kPlans) ? kPlans[0] : *found;
}

ToneSpec tone_spec(Tone tone, const NationalPlan& plan) {
  switch (tone) {
    case Tone::kRingback:
      return plan.ringback;
    case Tone::kBusy:
      return plan.busy;
    case Tone::kCongestion:
      return plan.congestion;
    case Tone::kSit:
      return kSit;
    case Tone::kCng:
      return kCng;
    case Tone::kCed:
      return kCed;
    case Tone::kBeep:
      return kBeep;
  }
  return {};
}

ToneSpec digit_spec(char digit, std::uint16_t on, std::uint16_t off) {
  static constexpr std::string_view kDigits = "123A456B789C*0#D";
  static constexpr std::uint16_t kRows[] = {697, 770, 852, 941}, kColumns[] = {1209, 1336, 1477, 1633};
  const std::size_t at = kDigits.find(digit);
  ToneSpec spec{.steps = {}, .repeats = false, .level_dbm0 = -9};
  if (at != std::string_view::npos) spec.steps[0].hz = {kRows[at / 4], kColumns[at % 4]};
  spec.steps[0].ms = on;
  spec.steps[1].ms = off;
  return spec;
}

bool ToneGenerator::fill(FrameSpan out) {
  const bool sounds = !over_;
  for (std::int16_t& sample : out) sample = next();
  return sounds;
}

std::int16_t ToneGenerator::next() {
  // The step that the next sample belongs to: several may have ended, none may be left.
  while (!over_ && in_step_ >= spec_.steps[step_].ms * static_cast<std::uint32_t>(kSamplesPerMs)) {
    in_step_ = 0;
    ++step_;
    if (step_ < spec_.steps.size() && spec_.steps[step_].ms != 0) continue;
    step_ = 0;
    over_ = !spec_.repeats || spec_.steps[0].ms == 0;
  }
  if (over_) return 0;
  double sum = 0;
  for (const std::uint16_t hz : spec_.steps[step_].hz) {
    if (hz == 0) break;
    const auto turn = static_cast<double>(at_ * hz % kSampleRate) / kSampleRate;  // whole hertz: exact for ever
    sum += std::sin(2 * std::numbers::pi * turn);
  }
  ++at_;
  ++in_step_;
  return static_cast<std::int16_t>(std::lrint(std::clamp(sum * amplitude(spec_.level_dbm0), -32768.0, 32767.0)));
}

Prompt tone_prompt(const ToneSpec& spec) {
  // A single repeating step is a steady tone: one second holds whole periods of every whole frequency.
  const bool is_steady = spec.repeats && spec.steps[1].ms == 0;
  std::uint32_t samples = is_steady ? kSampleRate : samples_of(spec);
  // A cadence that is no whole number of frames is repeated until it is: at most 160 / gcd times, since steps are
  // whole milliseconds at most 20 times.
  const std::uint32_t once_samples = samples;
  while (spec.repeats && samples % kFrameSamples != 0) samples += once_samples;
  std::vector<std::int16_t> out((samples + kFrameSamples - 1) / kFrameSamples * kFrameSamples);
  ToneGenerator generator(spec);
  for (std::size_t at = 0; at < out.size(); at += kFrameSamples)
    generator.fill(std::span(out).subspan(at).first<kFrameSamples>());
  return Prompt::from_samples(std::span(out).first(samples), "");
}

}  // namespace carillon::media
