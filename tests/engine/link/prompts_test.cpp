#include "engine/link/prompts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "engine/link/recordings.h"
#include "engine/link/wire/digest.h"
#include "media/prompt/wav.h"
#include "tests/engine/link/folder.h"

namespace carillon::link {
namespace {

std::string wav(int samples) {
  const std::vector<std::int16_t> sound(static_cast<std::size_t>(samples), 1000);
  const auto bytes = media::write_wav(sound);
  return std::string(text_of(bytes));
}

std::unique_ptr<PromptStore> open(const Folder& folder, std::size_t bytes_max = 1u << 20) {
  auto store = PromptStore::open({.folder = folder / "prompts", .bytes_max = bytes_max});
  EXPECT_TRUE(store) << store.error();
  return std::move(*store);
}

std::string put_whole(PromptStore& store, const std::string& bytes) {
  const auto put = store.put(sha256_hex(bytes_of(bytes)), 0, bytes.size(), bytes_of(bytes));
  return !put ? put.error() : *put == PromptStore::Put::kComplete ? "" : "more";
}

TEST(PromptStore, TakesPiecesAndKeepsThePromptAcrossARestart) {
  Folder folder;
  const std::string bytes = wav(8000);
  const std::string name = sha256_hex(bytes_of(bytes));
  {
    auto store = open(folder);
    const std::string_view all = bytes;
    EXPECT_EQ(*store->put(name, 0, all.size(), bytes_of(all.substr(0, 5000))), PromptStore::Put::kMore);
    EXPECT_THAT(store->put(name, 6000, all.size(), bytes_of(all.substr(6000))).error(), testing::StartsWith("offset"));
    EXPECT_EQ(*store->put(name, 4000, all.size(), bytes_of(all.substr(4000, 2000))), PromptStore::Put::kMore);
    EXPECT_FALSE(store->has(name));
    EXPECT_EQ(*store->put(name, 6000, all.size(), bytes_of(all.substr(6000))), PromptStore::Put::kComplete);
    EXPECT_EQ(store->find(name)->duration(), 1s);
  }
  auto store = open(folder);
  ASSERT_TRUE(store->has(name));
  ASSERT_TRUE(store->find(name));
  EXPECT_EQ(store->find(name)->duration(), 1s);
}

TEST(PromptStore, RefusesWhatIsNotItsNameOrNoSound) {
  Folder folder;
  auto store = open(folder);
  const std::string bytes = wav(800);
  EXPECT_THAT(store->put(std::string(64, 'a'), 0, bytes.size(), bytes_of(bytes)).error(), testing::HasSubstr("hash"));
  EXPECT_THAT(put_whole(*store, "this is no WAV file"), testing::StartsWith("data: "));
  EXPECT_THAT(store->put("../../etc/passwd", 0, 1, bytes_of("x")).error(), testing::StartsWith("sha256"));
  EXPECT_FALSE(store->put(std::string(64, 'a'), 5, 4, bytes_of("x")));
  EXPECT_FALSE(store->put(std::string(64, 'a'), 0, std::uint64_t{1} << 40, bytes_of("x")));
  EXPECT_EQ(store->bytes(), 0u);
}

TEST(PromptStore, FullItGivesUpTheOldestThatNoCallHolds) {
  Folder folder;
  auto store = open(folder, 50'000);
  const std::string first = wav(10'000), second = wav(10'001), third = wav(10'002);
  ASSERT_EQ(put_whole(*store, first), "");
  ASSERT_EQ(put_whole(*store, second), "");
  auto held = store->find(sha256_hex(bytes_of(first)));
  ASSERT_EQ(put_whole(*store, third), "");
  EXPECT_TRUE(store->has(sha256_hex(bytes_of(first))));
  EXPECT_FALSE(store->has(sha256_hex(bytes_of(second))));
  auto held_too = store->find(sha256_hex(bytes_of(third)));
  EXPECT_THAT(put_whole(*store, second), testing::HasSubstr("full"));
}

TEST(PromptStore, AFileThatHasGoneBadIsUnknownAgain) {
  Folder folder;
  const std::string bytes = wav(800);
  const std::string name = sha256_hex(bytes_of(bytes));
  ASSERT_EQ(put_whole(*open(folder), bytes), "");
  std::ofstream(folder / "prompts" + "/" + name + ".wav") << "torn";
  auto store = open(folder);
  EXPECT_EQ(store->find(name), nullptr);
  EXPECT_FALSE(store->has(name));
}

TEST(Recordings, ReadsAndRemovesInsideItsFolderOnly) {
  Folder folder;
  std::filesystem::create_directories(folder / "recordings/a");
  std::ofstream(folder / "recordings/a/one.wav") << "0123456789";
  std::ofstream(folder / "secret") << "secret";
  std::filesystem::create_symlink(folder / "secret", folder / "recordings/link.wav");
  std::filesystem::create_directory_symlink(folder.path(), folder / "recordings/up");
  const Recordings recordings(folder / "recordings");
  EXPECT_EQ(recordings.read("a/one.wav", 2, 3)->data, "234");
  EXPECT_FALSE(recordings.read("a/one.wav", 2, 3)->is_last);
  EXPECT_TRUE(recordings.read("a/one.wav", 5, 0)->is_last);
  EXPECT_TRUE(recordings.read("a/one.wav", 99, 0)->data.empty());
  for (const char* path :
       {"../secret", "/etc/passwd", "a/../../secret", "link.wav", "up/secret", "", ".", "a//one.wav", "a"})
    EXPECT_FALSE(recordings.read(path, 0, 0)) << path;
  EXPECT_NE(recordings.remove("../secret"), "");
  EXPECT_NE(recordings.remove("up/secret"), "");
  EXPECT_EQ(recordings.remove("a/one.wav"), "");
  EXPECT_EQ(recordings.remove("a/one.wav"), "");  // gone is gone
  EXPECT_TRUE(std::filesystem::exists(folder / "secret"));
}

}  // namespace
}  // namespace carillon::link
