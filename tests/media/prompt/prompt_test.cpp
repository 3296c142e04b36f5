#include "media/prompt/prompt.h"

#include <gtest/gtest.h>

#include <vector>

namespace carillon::media {
namespace {

TEST(Prompt, EncodesOncePerCodecInFramesOf20Ms) {
  std::vector<std::int16_t> samples(400);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<std::int16_t>(50 * i);
  const auto prompt = Prompt::from_wav(write_wav(samples), "abc");
  ASSERT_TRUE(prompt);
  EXPECT_EQ(prompt->frames(), 3u);
  EXPECT_EQ(prompt->duration(), 50ms);
  EXPECT_EQ(prompt->sha256(), "abc");
  for (const Codec codec : {Codec::kPcmu, Codec::kPcma}) {
    std::vector<std::byte> expected(480, silence(codec));
    encode(codec, samples, std::span(expected).first(400));
    for (std::size_t i = 0; i < 3; ++i) {
      const ByteView frame = prompt->frame(codec, i);
      EXPECT_TRUE(std::equal(frame.begin(), frame.end(), expected.begin() + static_cast<std::ptrdiff_t>(160 * i),
                             expected.begin() + static_cast<std::ptrdiff_t>(160 * (i + 1))))
          << name(codec) << ' ' << i;
    }
  }
}

TEST(Prompt, SaysWhyAFileIsNoPrompt) { EXPECT_EQ(Prompt::from_wav(bytes_of("hello"), "").error(), WavError::kNotWav); }

TEST(Prompt, NoSamplesNoFrames) {
  const Prompt prompt = Prompt::from_samples({}, "");
  EXPECT_EQ(prompt.frames(), 0u);
  EXPECT_EQ(prompt.duration(), 0ms);
}

}  // namespace
}  // namespace carillon::media
