#pragma once
// Time by the processor's time-stamp counter: one instruction to read, invariant across cores on everything we run on.

#include <rte_cycles.h>

#include <cstdint>

namespace carillon::bench {

using Tsc = std::uint64_t;

inline Tsc tsc_now() { return rte_rdtsc(); }

/// Both directions, with the factors worked out once. EAL must be up: it measures the counter's frequency.
struct TscRate {
  double per_us = static_cast<double>(rte_get_tsc_hz()) / 1e6;
  double us_each = 1 / per_us;
  Tsc cycles(double us) const { return static_cast<Tsc>(us * per_us); }
  double us(Tsc cycles) const { return static_cast<double>(cycles) * us_each; }
};

}  // namespace carillon::bench
