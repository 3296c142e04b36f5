#pragma once
// What every file of this room does before it includes <hwy/foreach_target.h>: names the instruction sets it is
// compiled for. One binary holds SSE4, AVX2, AVX-512 and a plain path for whatever else x86-64 may be; the best one
// that the processor has is chosen at the first call.
//
// Results are the same bits on all of them: integers by nature, floats because nothing is fused (-ffp-contract=off, no
// MulAdd) and sums are always taken in eight parts, whatever the register's width.

#include <hwy/detect_targets.h>

#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS HWY_SSSE3  // a server without SSE4.1 is none
