#pragma once
// Answered calls made up at test time: espeak-ng voices and one recorded one (asterisk-core-sounds-en), laid into lines
// of random delay, level, noise, codec and loss. The lines are drawn alike for every class, so that nothing but what is
// said tells them apart.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "media/prompt/wav.h"
#include "tests/media/sound.h"

namespace carillon::media::test {

namespace fs = std::filesystem;

struct Voice {
  std::string set, kind, name;  // "tune" | "held", "human" | "machine"
  Sound sound;                  // trimmed of silence at both ends
};

inline Sound read_sound(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), {});
  const auto wav = read_wav(std::as_bytes(std::span(bytes)));
  Sound sound;
  if (wav) sound.assign(wav->samples.begin(), wav->samples.end());
  return sound;
}

inline Sound trimmed(const Sound& sound) {
  const auto is_loud = [](std::int16_t sample) { return std::abs(sample) > 300; };
  const auto first = std::find_if(sound.begin(), sound.end(), is_loud);
  const auto last = std::find_if(sound.rbegin(), sound.rend(), is_loud).base();
  return first < last ? Sound(first, last) : Sound();
}

inline const fs::path kRecordedVoice = "/usr/share/asterisk/sounds/en_US_f_Allison";

/// Greetings put together from the recorded prompts.
inline std::vector<Voice> recorded_greetings() {
  static const std::vector<std::vector<const char*>> kGreetings = {
      {"vm-intro"},
      {"vm-nobodyavail", "vm-leavemsg"},
      {"vm-theperson", "vm-isunavail", "vm-intro"},
      {"number-not-answering", "please-try-call-later"},
      {"im-sorry", "vm-isonphone", "vm-intro"},
      {"demo-congrats"},
      {"all-circuits-busy-now"},
      {"vm-rec-unv"},
  };
  std::vector<Voice> voices;
  for (const auto& greeting : kGreetings) {
    Voice voice{.set = "held", .kind = "machine", .name = std::string("recorded-") + greeting[0], .sound = {}};
    for (const char* part : greeting) {
      const Sound sound = trimmed(read_sound(kRecordedVoice / (std::string(part) + ".wav")));
      if (!sound.empty()) voice.sound = voice.sound + sound + silence(0.15);
    }
    if (!voice.sound.empty()) voices.push_back(std::move(voice));
  }
  return voices;
}

/// Runs voices.sh into a temporary folder and reads what it spoke, in the order of the names.
inline std::vector<Voice> spoken_voices() {
  char pattern[] = "/tmp/carillon-voices-XXXXXX";
  const char* made = mkdtemp(pattern);
  if (made == nullptr) return {};
  const fs::path folder = made;
  const std::string command = std::string(CARILLON_SOURCE_DIR) + "/tests/media/detect/voices.sh " + folder.string();
  std::vector<Voice> voices;
  if (std::system(command.c_str()) == 0) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      const std::string name = file.stem().string();
      const auto dash = name.find('-'), next = name.find('-', dash + 1);
      voices.push_back({.set = name.substr(0, dash),
                        .kind = name.substr(dash + 1, next - dash - 1),
                        .name = name,
                        .sound = trimmed(read_sound(file))});
    }
  }
  fs::remove_all(folder);
  return voices;
}

/// Any machine's beep: single, dual, decaying, sweeping or double.
inline Sound random_beep(Random& random, const char*& kind) {
  const double hz = 450 + 1350 * random.unit(), seconds = 0.12 + 0.7 * random.unit(), level = -24 + 14 * random.unit();
  switch (random.below(6)) {
    case 0: {
      kind = "dual";
      Sound dual = sine(hz, seconds, level - 3);
      const Sound other = sine(hz * 1.5, seconds, level - 3);
      for (std::size_t i = 0; i < dual.size(); ++i) dual[i] = clipped(dual[i] + other[i]);
      return dual;
    }
    case 1: {
      kind = "decaying";
      Sound decaying = sine(hz, 0.5, level + 3);
      for (std::size_t i = 0; i < decaying.size(); ++i)
        decaying[i] = clipped(decaying[i] * std::exp(-static_cast<double>(i) / 1600));
      return decaying;
    }
    case 2: {
      kind = "sweep";
      return sine(hz, seconds, level, hz * 1.2);
    }
    case 3: {
      kind = "double";
      return sine(hz, 0.15, level) + silence(0.1) + sine(hz, 0.15, level);
    }
    default: {
      kind = "single";
      return sine(hz, seconds, level);
    }
  }
}

/// What the detector hears of one call, and the truth about it.
struct Clip {
  Sound sound;
  Codec codec = Codec::kPcmu;  // it came through this one
  std::vector<bool> lost;      // per frame
  double speech_ends = 0;      // seconds
  double beep_at = -1, beep_ends = -1;
  const char* beep_kind = "";
};

inline Clip make_clip(const Voice& voice, Random& random) {
  const double level = -30 + 18 * random.unit();
  Clip clip;
  clip.sound = silence(0.1 + 1.4 * random.unit()) + scaled_to(voice.sound, level);
  const auto seconds = [&] { return static_cast<double>(clip.sound.size()) / kSampleRate; };
  clip.speech_ends = seconds();
  if (voice.kind == "machine") {
    clip.sound = clip.sound + silence(0.25 + 1.2 * random.unit());
    clip.beep_at = seconds();
    clip.sound = clip.sound + random_beep(random, clip.beep_kind);
    clip.beep_ends = seconds();
  }
  clip.sound = clip.sound + silence(5);
  const double snr = 12 + 30 * random.unit();
  if (random.below(4) != 0) clip.sound = with_noise(std::move(clip.sound), level - snr, random);
  clip.codec = random.below(2) == 0 ? Codec::kPcmu : Codec::kPcma;
  clip.sound = through(clip.codec, std::move(clip.sound));
  const double loss = random.below(3) == 0 ? 0.02 : 0;
  clip.lost.resize(clip.sound.size() / kFrameSamples);
  for (std::size_t i = 0; i < clip.lost.size(); ++i) clip.lost[i] = random.unit() < loss;
  return clip;
}

}  // namespace carillon::media::test
