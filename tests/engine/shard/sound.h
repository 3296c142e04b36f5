#pragma once
// What a listener would notice in samples, and plans that make sound.

#include "tests/engine/shard/world.h"

namespace carillon::shard {

/// Share of a recording's 20 ms frames in which this pitch is the main thing (Goertzel against the whole energy).
inline double share_of(const std::vector<std::int16_t>& samples, double hz) {
  int frames = 0, with = 0;
  for (std::size_t at = 0; at + kFrameSamples <= samples.size(); at += kFrameSamples, ++frames) {
    double real = 0, imaginary = 0, energy = 0;
    for (std::size_t i = 0; i < kFrameSamples; ++i) {
      const double sample = samples[at + i], phase = 2 * 3.14159265358979 * hz * static_cast<double>(i) / 8000;
      real += sample * std::cos(phase);
      imaginary += sample * std::sin(phase);
      energy += sample * sample;
    }
    const double share = energy == 0 ? 0 : 2 * (real * real + imaginary * imaginary) / kFrameSamples / energy;
    if (share > 0.8) ++with;
  }
  return frames == 0 ? 0 : static_cast<double>(with) / frames;
}

/// Says this again and again.
inline call::Plan loop_plan(const media::Prompt& prompt) {
  call::Plan plan;
  plan.states.push_back(plan_state("play", call::PlanState::Action::kPlay));
  plan.states.back().prompts = {&prompt};
  plan.states.back().loops = 10'000;
  return plan;
}

}  // namespace carillon::shard
