#pragma once
// Runs something once per instruction set that this binary holds and this processor has.

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdint>
#include <vector>

namespace carillon::media::test {

/// Calls `what()` with each instruction set in turn, the plain path last; a failure names it. Gives back how many.
template <class What>
int on_each_target(What what) {
  std::vector<std::int64_t> targets;
  for (std::int64_t rest = hwy::SupportedTargets() & (HWY_AVX3 | HWY_AVX2 | HWY_SSE4); rest != 0; rest &= rest - 1)
    targets.push_back(rest & -rest);
  targets.push_back(HWY_SCALAR);
  for (const std::int64_t target : targets) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    what();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return static_cast<int>(targets.size());
}

}  // namespace carillon::media::test
