#include "engine/record/repair.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>

#include "engine/record/closing.h"
#include "engine/record/map.h"
#include "engine/record/writer.h"
#include "media/record/former.h"

namespace carillon::record {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files(const std::string& folder, std::string_view extension) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(open_folder(folder), error))
    if (entry.path().extension() == extension) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

// Where a file's data ends when no mapping tells: behind the last byte that is not zero, in whole samples. Room that
// was allocated ahead reads as zeros, and so does digital silence at the very end, which is no loss.
std::uint64_t data_end(int descriptor, std::uint64_t size) {
  std::array<char, 65536> buffer;
  while (size > 0) {
    const std::uint64_t count = std::min<std::uint64_t>(size, buffer.size());
    const auto got = ::pread(descriptor, buffer.data(), count, static_cast<off_t>(size - count));
    if (got != static_cast<ssize_t>(count)) return 0;
    for (std::uint64_t i = count; i > 0; --i)
      if (buffer[i - 1] != 0) return (size - count + i + 3) / 4 * 4;
    size -= count;
  }
  return 0;
}

class Repairer {
 public:
  explicit Repairer(const std::string& folder) : folder_(folder) {}

  // Finished files first: a marker whose `.part` still lies there was made just before a rename that never came.
  void report_finished() {
    for (const auto& marker : files(folder_, ".done")) {
      auto part = marker;
      if (fs::exists(part.replace_extension(".part"))) continue;
      if (auto recorded = read_back(folder_, marker.string()))
        result_.recorded.push_back(*recorded);
      else
        note(fmt::format("{}: its recording is gone", marker.string()));
    }
  }

  void from_map(Map& map) {
    std::map<std::uint32_t, std::vector<std::uint32_t>> blocks;  // by slot
    for (std::uint32_t i = 0; i < map.shape().blocks(); ++i) {
      const auto& header = map.header(i);
      const bool is_sane = header.recording < map.shape().recordings() && header.valid.load() <= kBlockBytes;
      if (header.used.load() != 0 && is_sane && map.entry(header.recording).generation == header.generation)
        blocks[header.recording].push_back(i);
    }
    for (std::uint32_t slot = 0; slot < map.shape().recordings(); ++slot)
      if (map.entry(slot).used.load() != 0) one_of_map(map, slot, blocks[slot]);
  }

  // What no mapping speaks of: the machine went down, not the engine alone.
  void from_files() {
    for (const auto& part : files(folder_, ".part")) {
      const auto name = name_of(part.string());
      const int descriptor = name ? ::open(part.c_str(), O_RDWR | O_CLOEXEC) : -1;
      struct stat status {};
      if (descriptor < 0 || ::fstat(descriptor, &status) != 0) {
        note(fmt::format("{}: not one of ours, or not readable", part.string()));
        continue;
      }
      const auto length = data_end(descriptor, static_cast<std::uint64_t>(status.st_size));
      std::array<std::byte, media::Former::kHeaderBytes> head;
      const auto got = ::pread(descriptor, head.data(), head.size(), 0);
      const auto known = ByteView(head).first(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (length > 0 && !media::Former::repair(known, length)) {
        note(fmt::format("{}: does not begin as a recording", part.string()));
        ::close(descriptor);
        continue;
      }
      finish(descriptor, *name, length, {});
    }
  }

  Repair take() { return std::move(result_); }

 private:
  void note(std::string text) { result_.notes.push_back(std::move(text)); }

  void one_of_map(Map& map, std::uint32_t slot, const std::vector<std::uint32_t>& blocks) {
    const auto& entry = map.entry(slot);
    const Name name{LegId{entry.leg}, WallTime{std::chrono::milliseconds(entry.started_ms.load())}};
    const std::string part = names_of(folder_, name.leg, name.started).part;
    if (blocks.empty() && !fs::exists(part)) return;  // renamed already, or nothing was ever heard
    const int descriptor = ::open(part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (descriptor < 0) {
      note(fmt::format("{}: {}", part, std::strerror(errno)));
      return;
    }
    const std::uint64_t limit = entry.limit.load();
    std::uint64_t length = entry.submitted.load();
    std::string error = limit < length ? "cut: a write had failed" : "";
    for (const std::uint32_t block : blocks) {
      const std::uint64_t offset = map.header(block).offset;
      const std::uint32_t valid = map.header(block).valid.load();
      length = std::max(length, offset + valid);
      const int failed =
          write_whole({.descriptor = descriptor, .bytes = ByteView(map.block(block)).first(valid), .offset = offset});
      if (failed != 0 && error.empty()) error = fmt::format("write: {}", std::strerror(failed));
    }
    finish(descriptor, name, std::min(length, limit), error);
  }

  void finish(int descriptor, const Name& name, std::uint64_t length, const std::string& error) {
    Closing closing(folder_, {.descriptor = descriptor,
                              .leg = name.leg,
                              .started = name.started,
                              .length = length,
                              .repaired = true,
                              .error = error});
    while (!closing.step(1 << 24)) {
    }
    closing.finish();
    result_.recorded.push_back(closing.recorded());
  }

  std::string folder_;
  Repair result_;
};

}  // namespace

Repair repair(const std::string& folder, const std::string& map_path) {
  Repairer repairer(folder);
  repairer.report_finished();
  if (const auto map = Map::open(map_path)) repairer.from_map(*map);
  repairer.from_files();
  ::unlink(map_path.c_str());
  return repairer.take();
}

}  // namespace carillon::record
