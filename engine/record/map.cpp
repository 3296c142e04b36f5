#include "engine/record/map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

namespace carillon::record {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kMagic = 0x6361'7269'6c6c'6f6e;
constexpr std::uint32_t kVersion = 1;

struct Front {
  std::uint64_t magic;
  std::uint32_t version;
  MapShape shape;
};

constexpr std::size_t whole_pages(std::size_t size) { return (size + kPage - 1) / kPage * kPage; }
std::size_t blocks_at(const MapShape& shape) {
  return kPage +
         whole_pages(shape.blocks() * sizeof(Map::BlockHeader) + shape.recordings() * sizeof(Map::RecordingEntry));
}
std::size_t size_of(const MapShape& shape) { return blocks_at(shape) + shape.blocks() * kBlockBytes; }

}  // namespace

Map::Map(void* memory, std::size_t size, const MapShape& shape)
    : memory_(memory),
      size_(size),
      shape_(shape),
      headers_(reinterpret_cast<BlockHeader*>(static_cast<std::byte*>(memory) + kPage)),
      entries_(reinterpret_cast<RecordingEntry*>(headers_ + shape.blocks())),
      blocks_(static_cast<std::byte*>(memory) + blocks_at(shape)) {}

Map::~Map() { ::munmap(memory_, size_); }

void Map::remove() { ::unlink(path_.c_str()); }

std::unique_ptr<Map> Map::make(const std::string& path, const MapShape& shape, std::string& why) {
  ::unlink(path.c_str());  // a new file: the pages of an old one may still be on their way to a disk
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    why = path + ": " + std::strerror(errno);
    return nullptr;
  }
  const std::size_t size = size_of(shape);
  const int error = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size));
  void* memory = MAP_FAILED;
  if (error == 0) memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor, 0);
  if (memory == MAP_FAILED) why = path + ": " + std::strerror(error != 0 ? error : errno);
  ::close(descriptor);
  if (memory == MAP_FAILED) {
    ::unlink(path.c_str());
    return nullptr;
  }
  new (memory) Front{.magic = kMagic, .version = kVersion, .shape = shape};
  std::unique_ptr<Map> map(new Map(memory, size, shape));
  map->path_ = path;
  return map;
}

std::unique_ptr<Map> Map::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  struct stat status {};
  Front front{};
  const bool is_ours = ::fstat(descriptor, &status) == 0 &&
                       ::pread(descriptor, &front, sizeof front, 0) == static_cast<ssize_t>(sizeof front) &&
                       front.magic == kMagic && front.version == kVersion && front.shape.shards <= 4096 &&
                       front.shape.blocks_per_shard <= 1u << 20 && front.shape.recordings_per_shard <= 1u << 20 &&
                       static_cast<std::size_t>(status.st_size) == size_of(front.shape);
  void* memory = MAP_FAILED;
  if (is_ours) memory = ::mmap(nullptr, size_of(front.shape), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  if (memory == MAP_FAILED) return nullptr;
  return std::unique_ptr<Map>(new Map(memory, size_of(front.shape), front.shape));
}

}  // namespace carillon::record
