#include "engine/record/disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "engine/record/closing.h"
#include "engine/record/disk_thread.h"
#include "engine/record/repair.h"

namespace carillon::record {
namespace {

namespace fs = std::filesystem;

// One name per recordings folder, so that several engines can share a machine (FNV-1a of the absolute path).
std::string shared_memory_path(const std::string& folder) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : fs::absolute(folder).lexically_normal().string())
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("/dev/shm/carillon-blocks-{:016x}.map", hash);
}

// The mappings that an engine on this folder may have used, the best place first.
std::vector<std::string> map_paths(const DiskConfig& config) {
  if (!config.map_path.empty()) return {config.map_path};
  return {shared_memory_path(config.folder), open_folder(config.folder) + "/blocks.map"};
}

// Only one engine may have the folder: repair would take apart what another is writing.
int lock(const std::string& folder) {
  const std::string path = open_folder(folder) + "/lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor >= 0 && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  if (descriptor >= 0) ::close(descriptor);
  return -1;
}

}  // namespace

std::string DiskConfig::fault() const {
  if (folder.empty()) return "folder: missing";
  if (shards == 0 || shards > 256) return "shards: 1 to 256";
  if (blocks_per_shard == 0 || blocks_per_shard > 1u << 20) return "blocks_per_shard: 1 to 1048576";
  if (recordings_per_shard == 0 || recordings_per_shard > 1u << 20) return "recordings_per_shard: 1 to 1048576";
  if (preallocate % 4096 != 0 || preallocate < kBlockBytes) return "preallocate: whole pages, at least one block";
  if (turn < 1ms || turn > 1s) return "turn: 1 ms to 1 s";
  return {};
}

Result<std::unique_ptr<Disk>, DiskError> Disk::start(const DiskConfig& config, std::function<void()> wake) {
  if (!config.fault().empty()) return DiskError::kConfig;
  std::error_code error;
  fs::create_directories(open_folder(config.folder), error);
  const int held = lock(config.folder);
  if (held < 0) return DiskError::kFolder;

  const auto paths = map_paths(config);
  const auto left = std::ranges::find_if(paths, [](const auto& path) { return fs::exists(path); });
  auto repaired = repair(config.folder, left == paths.end() ? paths.back() : *left);

  const MapShape shape{.shards = config.shards,
                       .blocks_per_shard = config.blocks_per_shard,
                       .recordings_per_shard = config.recordings_per_shard};
  std::unique_ptr<Map> map;
  for (const auto& path : paths) {
    std::string why;
    map = Map::make(path, shape, why);
    if (map) break;
    repaired.notes.push_back(why);
  }
  if (!map) {
    ::close(held);
    return DiskError::kMap;
  }
  return Result<std::unique_ptr<Disk>, DiskError>(std::make_unique<DiskThread>(
      config, std::move(map), held, std::move(repaired.recorded), std::move(repaired.notes), std::move(wake)));
}

}  // namespace carillon::record
