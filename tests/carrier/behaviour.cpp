#include "tests/carrier/behaviour.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "tests/carrier/badge.h"

namespace carillon::carrier {
namespace {

Duration between(Random& random, Duration low, Duration high) {
  return low + Duration(static_cast<Duration::rep>(random.unit() * static_cast<double>((high - low).count())));
}

// Log-normal with its middle half between about 3 and 5 s, cut to 2-8 s: a telephone being reached for.
Duration drawn_ring(Random& random, const Options& options) {
  if (options.answer_delay) return between(random, options.answer_delay->first, options.answer_delay->second);
  const double normal = std::sqrt(-2 * std::log(1 - random.unit())) * std::cos(2 * std::numbers::pi * random.unit());
  const double seconds = std::clamp(4.0 * std::exp(0.4 * normal), 2.0, 8.0);
  return Duration(static_cast<Duration::rep>(seconds * 1e9));
}

const SoundPtr& one_of(Random& random, const std::vector<SoundPtr>& sounds) {
  return sounds[random.below(sounds.size())];
}

// Lines are digitally silent or carry a faint noise, alike for every kind: nothing to learn from it.
SoundPtr drawn_background(Random& random) {
  const auto which = random.below(3);
  if (which == 0) return nullptr;
  return encode(noise(2s, which == 1 ? -66 : -58, random));
}

SoundPtr drawn_beep(Random& random) {
  const double hz = 400 + 50 * static_cast<double>(random.below(21));  // 400-1400 Hz
  const auto length = between(random, 200ms, 800ms);
  return encode(tone(hz, random.below(5) == 0 ? hz * 1.21 : 0, length, -10 - 8 * random.unit()));
}

// Time on the line is counted in whole frames, as it is sent.
Duration framed(Duration length) { return std::chrono::ceil<std::chrono::milliseconds>(length / 20) * 20; }

struct Script {
  std::vector<Piece> pieces;
  Duration end{0};
  void silence(Duration length) {
    length = framed(length);
    pieces.push_back({nullptr, length});
    end += length;
  }
  void sound(SoundPtr sound) {
    const Duration length = std::chrono::milliseconds(20 * (sound->ulaw.size() / kFrame));
    pieces.push_back({std::move(sound), length});
    end += length;
  }
};

void draw_person(Behaviour& b, Random& random, const Library& library, const Options& options) {
  Script script;
  script.silence(between(random, 200ms, 800ms));
  b.greeting_began = script.end;
  script.sound(one_of(random, library.role("person")));
  b.greeting_end = script.end;
  b.says = std::move(script.pieces);
  const double press = random.unit();
  if (press < options.opt_out_rate)
    b.digit = '9';
  else if (press < options.opt_out_rate + options.press_one_rate)
    b.digit = '1';
  b.digit_after = between(random, 1500ms, 4s);
  const double early = random.unit(), patient = random.unit();
  if (early < options.early_hang_up_rate)
    b.hang_up_after = b.greeting_end + between(random, 2s, 5s);
  else if (patient >= options.patient_rate)
    b.hang_up_after = b.greeting_end + between(random, 20s, 40s);
}

void draw_machine(Behaviour& b, Random& random, const Library& library, const Options& options) {
  Script script;
  script.silence(between(random, 200ms, 900ms));
  b.greeting_began = script.end;
  script.sound(one_of(random, library.role("machine")));
  b.greeting_end = script.end;
  script.silence(between(random, 300ms, 1200ms));
  const auto beep = drawn_beep(random);
  b.beep_end = script.end + beep->length();
  script.sound(beep);
  b.says = std::move(script.pieces);
  if (random.unit() >= options.patient_rate) b.hang_up_after = b.beep_end + between(random, 25s, 45s);
}

void draw_fax(Behaviour& b, Random& random) {
  Script script;
  script.silence(between(random, 200ms, 1500ms));
  const auto which = random.below(4);
  for (int round = 0; round < 4; ++round) {
    if (which == 0) {  // a calling fax at the wrong end
      script.sound(encode(tone(1100, 0, 500ms, -12)));
      script.silence(3s);
      continue;
    }
    script.sound(encode(answer_tone(between(random, 2600ms, 3800ms), which == 3)));
    script.silence(80ms);
    script.sound(encode(v21_flags(1100ms)));
    script.silence(2s);
  }
  b.says = std::move(script.pieces);
  b.hang_up_after = script.end;
}

void draw_sit(Behaviour& b, Random& random, const Library& library, const Options& options) {
  Script script;
  script.silence(between(random, 100ms, 400ms));
  script.sound(encode(special_information_tone()));
  script.silence(100ms);
  script.sound(one_of(random, library.role("announce")));
  script.silence(300ms);
  b.says = std::move(script.pieces);
  if (random.unit() < options.answered_sit_rate) {
    b.hang_up_after = script.end;
    return;
  }
  b.is_early_media = true;
  b.status = 404;
  b.reason = "Not Found";
  b.ringing_after = 200ms;
  b.final_after = b.ringing_after + script.end;
}

// An agent's phone answers soon and speaks until the call ends.
void draw_agent(Behaviour& b, Random& random, const Library& library, const Options& options) {
  const auto& own = library.role("agent");
  Script script;
  script.silence(between(random, 200ms, 500ms));
  script.sound(one_of(random, own.empty() ? library.role("person") : own));
  script.silence(1s);
  b.says = std::move(script.pieces);
  b.is_repeated = true;
  b.final_after = b.ringing_after + between(random, 200ms, 1s);
  b.hang_up_after = Duration(1h);
  if (options.agent_talk) b.hang_up_after = between(random, options.agent_talk->first, options.agent_talk->second);
}

}  // namespace

std::string_view name_of(Kind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

Result<Mix, std::string> Mix::parse(std::string_view text) {
  Mix mix;
  mix.share.fill(0);
  double sum = 0;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) return fmt::format("behaviour mix: '{}' is not NAME=SHARE", part);
    const auto kind = std::ranges::find(kKindNames, part.substr(0, equals));
    if (kind == kKindNames.end()) return fmt::format("behaviour mix: unknown behaviour '{}'", part.substr(0, equals));
    const auto value = part.substr(equals + 1);
    double share = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), share);
    if (error != std::errc{} || end != value.data() + value.size() || !(share >= 0) || share > 1e6)
      return fmt::format("behaviour mix: '{}' is no share", value);
    mix.share[static_cast<std::size_t>(kind - kKindNames.begin())] = share;
    sum += share;
  }
  if (!(sum > 0)) return std::string("behaviour mix: nothing has a share above 0");
  for (auto& share : mix.share) share /= sum;
  return mix;
}

std::optional<Kind> kind_by_number(std::string_view number) {
  if (number.size() < 7) return std::nullopt;
  const auto tail = number.substr(number.size() - 7);
  if (!tail.starts_with("5550")) return std::nullopt;
  const int digit = tail[4] - '0';
  if (digit < 1 || digit > 8 || tail[5] < '0' || tail[5] > '9' || tail[6] < '0' || tail[6] > '9') return std::nullopt;
  return static_cast<Kind>(digit - 1);
}

Random random_for(std::uint64_t seed, std::string_view number) {
  std::uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a
  for (const char c : number) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3u;
  return Random(hash ^ seed * 0x9E3779B97F4A7C15u);
}

Kind draw_kind(std::uint64_t seed, std::string_view number, const Mix& mix) {
  if (const auto kind = kind_by_number(number)) return *kind;
  double left = random_for(seed, number).unit();
  for (std::size_t i = 0; i < mix.share.size(); ++i) {
    left -= mix.share[i];
    if (left < 0) return static_cast<Kind>(i);
  }
  return static_cast<Kind>(std::ranges::max_element(mix.share) - mix.share.begin());
}

Behaviour draw(Kind kind, Random& random, const Library& library, const Options& options) {
  Behaviour b;
  b.kind = kind;
  b.ringing_after = between(random, 30ms, 200ms);
  b.final_after = b.ringing_after + drawn_ring(random, options);
  b.background = drawn_background(random);
  switch (kind) {
    case Kind::kPerson:
      draw_person(b, random, library, options);
      break;
    case Kind::kMachine:
      draw_machine(b, random, library, options);
      break;
    case Kind::kFax:
      draw_fax(b, random);
      break;
    case Kind::kSit:
      draw_sit(b, random, library, options);
      break;
    case Kind::kSilence:
      break;
    case Kind::kAgent:
      draw_agent(b, random, library, options);
      break;
    case Kind::kNoAnswer:
      b.status = 0;
      break;
    case Kind::kBusy:
      b.status = 486;
      b.reason = "Busy Here";
      b.final_after = between(random, 30ms, 300ms);
      break;
    case Kind::kCongestion:
      b.status = 503;
      b.reason = "Service Unavailable";
      b.final_after = between(random, 20ms, 200ms);
      if (random.unit() < options.retry_after_rate) b.retry_after_s = static_cast<int>(1 + random.below(10));
      break;
  }
  if (!b.hang_up_after && b.status == 200) b.hang_up_after = b.greeting_end + options.patience;
  return b;
}

void wear(Behaviour& behaviour, int badge_hz, Random& random, const Library& library, const Options& options) {
  behaviour.badge_hz = badge_hz;
  if (behaviour.kind == Kind::kAgent) {
    Script script;
    script.sound(with_badge(*behaviour.says[1].sound, 1s, badge_hz));
    behaviour.says = std::move(script.pieces);
    return;
  }
  if (!options.talk) return;
  const auto& own = library.role("caller");
  behaviour.reply = with_badge(*one_of(random, own.empty() ? library.role("person") : own), 600ms, badge_hz);
  behaviour.talk = between(random, options.talk->first, options.talk->second);
}

}  // namespace carillon::carrier
