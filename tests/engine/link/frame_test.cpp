#include "engine/link/wire/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "engine/base/random.h"

namespace carillon::link {
namespace {

std::vector<std::string> read_all(FrameReader& reader) {
  std::vector<std::string> frames;
  for (auto frame = reader.next(); frame && *frame; frame = reader.next()) frames.emplace_back(**frame);
  return frames;
}

TEST(FrameReader, AnySplitGivesTheSameFrames) {
  std::string stream;
  std::vector<std::string> sent;
  Random random(7);
  for (int i = 0; i < 40; ++i) {
    sent.push_back(std::string(random.below(300), static_cast<char>('a' + i % 26)));
    ASSERT_TRUE(append_frame(stream, sent.back()));
  }
  for (int round = 0; round < 200; ++round) {
    FrameReader reader;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random.below(round % 2 ? 3 : 500), stream.size() - at);
      reader.push(bytes_of(std::string_view(stream).substr(at, size)));
      for (auto& frame : read_all(reader)) got.push_back(std::move(frame));
      at += size;
    }
    ASSERT_EQ(got, sent);
    EXPECT_EQ(reader.waiting(), 0u);
  }
}

TEST(FrameReader, WaitsForTheLastByte) {
  std::string stream;
  ASSERT_TRUE(append_frame(stream, std::string_view("abc")));
  FrameReader reader;
  reader.push(bytes_of(std::string_view(stream).substr(0, stream.size() - 1)));
  ASSERT_TRUE(reader.next());
  EXPECT_FALSE(*reader.next());
  reader.push(bytes_of(std::string_view(stream).substr(stream.size() - 1)));
  EXPECT_EQ(**reader.next(), "abc");
}

TEST(FrameReader, RefusesALengthAboveTheLimitForGood) {
  FrameReader reader;
  reader.push(bytes_of(std::string_view("\x01\x00\x00\x01", 4)));  // 16 MiB + 1
  EXPECT_EQ(reader.next().error(), FrameError::kTooLong);
  reader.push(bytes_of("more"));
  EXPECT_EQ(reader.next().error(), FrameError::kTooLong);
}

TEST(FrameReader, TakesTheLongestFrameButWritesNoneBeyond) {
  std::string stream;
  ASSERT_TRUE(append_frame(stream, std::string(kFrameMax, 'x')));
  FrameReader reader;
  reader.push(bytes_of(stream));
  EXPECT_EQ((*reader.next())->size(), kFrameMax);
  const std::string before = stream;
  EXPECT_FALSE(append_frame(stream, std::string(kFrameMax + 1, 'x')));
  EXPECT_EQ(stream.size(), before.size());
}

TEST(FrameReader, EmptyFramesAreFrames) {
  FrameReader reader;
  reader.push(bytes_of(std::string_view("\0\0\0\0\0\0\0\0", 8)));
  EXPECT_THAT(read_all(reader), testing::ElementsAre("", ""));
}

}  // namespace
}  // namespace carillon::link
