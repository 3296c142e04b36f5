#include "media/record/former.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "media/prompt/wav.h"

namespace carillon::media {
namespace {

using Frame = std::array<std::int16_t, kFrameSamples>;

Frame constant(int value) {
  Frame frame;
  frame.fill(static_cast<std::int16_t>(value));
  return frame;
}

// A disk of blocks: what the record room does, in memory. `starved` calls of `next_block` find no free block.
struct Disk {
  explicit Disk(std::size_t block_size) : block(block_size) { former.start(block); }

  void add(std::span<const std::int16_t> left, std::span<const std::int16_t> right) {
    bool full = former.add(left, right);
    while (full && !starved) {
      file.insert(file.end(), block.begin(), block.end());
      std::fill(block.begin(), block.end(), std::byte{0xEE});  // a used block is not clean
      full = former.next(block);
    }
  }
  void recover() {
    starved = false;
    bool full = true;
    while (full) {
      file.insert(file.end(), block.begin(), block.end());
      full = former.next(block);
    }
  }
  std::vector<std::byte> raw() {  // as a killed process leaves it
    auto all = file;
    all.insert(all.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(former.filled()));
    return all;
  }
  std::vector<std::byte> closed() {
    auto all = raw();
    const auto header = Former::header(former.data_bytes());
    std::copy(header.begin(), header.end(), all.begin());
    return all;
  }

  std::vector<std::byte> block, file;
  Former former;
  bool starved = false;
};

std::int16_t sample_at(const std::vector<std::byte>& file, std::size_t index, int side) {
  const std::size_t at = Former::kHeaderBytes + 4 * index + (side ? 2 : 0);
  return static_cast<std::int16_t>(static_cast<unsigned>(file[at]) | static_cast<unsigned>(file[at + 1]) << 8);
}

TEST(Former, PeerIsLeftAndTheOtherSideRight) {
  Disk disk(16384);
  for (int tick = 0; tick < 100; ++tick) disk.add(constant(tick), constant(-1000 - tick));
  const auto file = disk.closed();
  ASSERT_EQ(file.size(), 4096u + 100 * 640);
  for (std::size_t i = 0; i < 16000; ++i) {
    ASSERT_EQ(sample_at(file, i, 0), static_cast<int>(i / 160));
    ASSERT_EQ(sample_at(file, i, 1), -1000 - static_cast<int>(i / 160));
  }
  const auto wav = read_wav(file);
  ASSERT_TRUE(wav);
  EXPECT_EQ(wav->source_channels, 2);
  EXPECT_EQ(wav->samples.size(), 16000u);
}

TEST(Former, AbsentSideIsSilent) {
  Disk disk(16384);
  disk.add({}, constant(5));
  disk.add(constant(6), {});
  disk.add({}, {});
  const auto file = disk.closed();
  EXPECT_EQ(sample_at(file, 0, 0), 0);
  EXPECT_EQ(sample_at(file, 0, 1), 5);
  EXPECT_EQ(sample_at(file, 160, 0), 6);
  EXPECT_EQ(sample_at(file, 160, 1), 0);
  EXPECT_EQ(sample_at(file, 320, 0), 0);
}

TEST(Former, SameSoundWhateverTheBlockSize) {
  std::vector<std::vector<std::byte>> files;
  for (const std::size_t size : {4096u, 5000u, 16384u, 32768u}) {
    Disk disk(size);
    for (int tick = 0; tick < 77; ++tick) disk.add(constant(tick), constant(3 * tick));
    files.push_back(disk.closed());
  }
  // the small blocks may have filled on a tick's boundary or inside it; nothing is lost either way
  for (const auto& file : files) EXPECT_EQ(file, files[0]);
}

TEST(Former, TicksWithoutABlockBecomeSilenceAndTimeIsKept) {
  Disk disk(16384);
  disk.starved = true;
  int tick = 0;
  while (disk.former.missed() < 3) {
    ++tick;
    disk.add(constant(tick), constant(tick));
  }
  disk.recover();
  disk.add(constant(999), constant(999));
  const auto file = disk.closed();
  EXPECT_EQ(disk.former.missed(), 3u);
  ASSERT_EQ(file.size(), 4096u + 640 * static_cast<std::size_t>(tick + 1));
  EXPECT_EQ(sample_at(file, 160 * static_cast<std::size_t>(tick - 3) - 1, 0), tick - 3);
  EXPECT_EQ(sample_at(file, 160 * static_cast<std::size_t>(tick - 3), 0), 0);
  EXPECT_EQ(sample_at(file, 160 * static_cast<std::size_t>(tick) - 1, 0), 0);
  EXPECT_EQ(sample_at(file, 160 * static_cast<std::size_t>(tick), 0), 999);
}

TEST(Former, FileThatWasNeverClosedIsReadableEvenBeforeRepair) {
  Disk disk(16384);
  for (int tick = 0; tick < 50; ++tick) disk.add(constant(tick), {});
  const auto wav = read_wav(disk.raw());
  ASSERT_TRUE(wav);
  EXPECT_EQ(wav->samples.size(), 50u * 160);
}

TEST(Former, AnyCutIsReadableAfterRepair) {
  Disk disk(16384);
  for (int tick = 0; tick < 20; ++tick) disk.add(constant(1 + tick), constant(2));
  const auto whole = disk.raw();
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    std::vector<std::byte> file(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto header = Former::repair(ByteView(file).first(std::min(size, Former::kHeaderBytes)), file.size());
    ASSERT_TRUE(header) << size;
    file.resize(std::max(file.size(), Former::kHeaderBytes));
    std::copy(header->begin(), header->end(), file.begin());
    const auto wav = read_wav(file);
    const std::size_t samples = (file.size() - Former::kHeaderBytes) / 4;
    if (samples == 0) {
      ASSERT_EQ(wav.error(), WavError::kNoData) << size;
    } else {
      ASSERT_TRUE(wav) << size;
      ASSERT_EQ(wav->samples.size(), samples);
    }
  }
}

TEST(Former, RepairLeavesForeignFilesAlone) {
  const std::vector<std::byte> other = write_wav(std::vector<std::int16_t>(4000), 8000, 1);
  EXPECT_FALSE(Former::repair(ByteView(other).first(4096), other.size()));
  const std::array<std::byte, 3> text = {std::byte{'R'}, std::byte{'I'}, std::byte{'X'}};
  EXPECT_FALSE(Former::repair(text, 3));
}

TEST(Former, RepairOfAClosedFileChangesNothing) {
  Disk disk(8192);
  for (int tick = 0; tick < 30; ++tick) disk.add(constant(tick), {});
  const auto file = disk.closed();
  const auto header = Former::repair(ByteView(file).first(4096), file.size());
  ASSERT_TRUE(header);
  EXPECT_TRUE(std::equal(header->begin(), header->end(), file.begin()));
}

TEST(Former, HeaderNeverOverflowsRiffSizes) {
  const auto header = Former::header(std::uint64_t{1} << 40);
  EXPECT_EQ(header[4095], std::byte{0xFF});  // just below 4 GiB
  EXPECT_EQ(header[7], std::byte{0xFF});
}

}  // namespace
}  // namespace carillon::media
