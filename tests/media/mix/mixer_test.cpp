#include "media/mix/mixer.h"

#include <gtest/gtest.h>

#include <array>

namespace carillon::media {
namespace {

using Frame = std::array<std::int16_t, kFrameSamples>;

TEST(Mixer, AddsSamples) {
  Frame sum{}, in{};
  sum[0] = 100;
  in[0] = -30;
  in[159] = 7;
  mix(sum, in);
  EXPECT_EQ(sum[0], 70);
  EXPECT_EQ(sum[1], 0);
  EXPECT_EQ(sum[159], 7);
}

TEST(Mixer, ClipsAtFullScaleInsteadOfWrapping) {
  Frame sum{}, in{};
  sum[0] = 32000, in[0] = 32000;
  sum[1] = -32000, in[1] = -32000;
  sum[2] = 32767, in[2] = 0;
  sum[3] = -32768, in[3] = 32767;
  mix(sum, in);
  EXPECT_EQ(sum[0], 32767);
  EXPECT_EQ(sum[1], -32768);
  EXPECT_EQ(sum[2], 32767);
  EXPECT_EQ(sum[3], -1);
}

}  // namespace
}  // namespace carillon::media
