// What the gate costs a step: nanoseconds against steps of microseconds.

#include <benchmark/benchmark.h>

#include "engine/call/admission.h"

namespace carillon::call {
namespace {

// Steps of so many nanoseconds; those of 10 ms close a window each time.
void note_step(benchmark::State& state) {
  TimePoint now{};
  AdmissionGate gate({}, now);
  const Duration step(state.range(0));
  const StepLoad load{.busy = step / 2, .beat_late = 1us, .legs = 1000, .pool_used = 10, .pool_room = 100};
  for (auto _ : state) {
    gate.note(load, now += step);
    benchmark::DoNotOptimize(gate);
  }
}
BENCHMARK(note_step)->Arg(2'000)->Arg(10'000'000)->Repetitions(5)->ReportAggregatesOnly();

void ask_for_a_call(benchmark::State& state) {
  TimePoint now{};
  AdmissionGate gate({}, now);
  for (auto _ : state) {
    benchmark::DoNotOptimize(gate.takes_call(now += 10us));
    gate.note({.busy = 1us, .legs = 10}, now);
  }
}
BENCHMARK(ask_for_a_call)->Repetitions(5)->ReportAggregatesOnly();

}  // namespace
}  // namespace carillon::call

BENCHMARK_MAIN();
