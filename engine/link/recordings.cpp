#include "engine/link/recordings.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace carillon::link {
namespace {

class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

struct Place {
  OwnedFd folder{-1};
  std::string name;
};

bool is_plain(const std::string& part) { return !part.empty() && part != "." && part != ".."; }

// The folder that holds the last part of `path`, reached without leaving `root`.
Result<Place, std::string> walk(const std::string& root, std::string_view path) {
  if (path.empty() || path.size() > 1024 || path.find('\0') != std::string_view::npos)
    return std::string("path: 1 to 1024 bytes");
  OwnedFd folder(::open(root.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC));
  for (;;) {
    const auto slash = path.find('/');
    std::string part(path.substr(0, slash));
    if (!is_plain(part)) return std::string("path: must be relative and stay inside the recordings folder");
    if (folder.get() < 0) return fmt::format("path: {}", std::strerror(errno));
    if (slash == std::string_view::npos) return Place{std::move(folder), std::move(part)};
    folder = OwnedFd(::openat(folder.get(), part.c_str(), O_DIRECTORY | O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

Result<Recordings::Chunk, std::string> Recordings::read(std::string_view path, std::uint64_t offset,
                                                        std::uint32_t size) const {
  const auto place = walk(folder_, path);
  if (!place) return place.error();
  const OwnedFd file(
      ::openat(place->folder.get(), place->name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return fmt::format("path: {}", std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return std::string("path: not a file");

  const auto whole = static_cast<std::uint64_t>(status.st_size);
  if (offset >= whole) return Chunk{{}, true};
  if (size == 0 || size > kChunkMax) size = kChunkMax;
  Chunk chunk;
  chunk.data.resize(std::min<std::uint64_t>(size, whole - offset));
  std::size_t have = 0;
  while (have < chunk.data.size()) {
    const auto got =
        ::pread(file.get(), chunk.data.data() + have, chunk.data.size() - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fmt::format("read: {}", std::strerror(errno));
    if (got == 0) break;  // it became shorter meanwhile
    have += static_cast<std::size_t>(got);
  }
  chunk.data.resize(have);
  chunk.is_last = offset + have >= whole;
  return chunk;
}

std::string Recordings::remove(std::string_view path) const {
  const auto place = walk(folder_, path);
  if (!place) return place.error();
  if (::unlinkat(place->folder.get(), place->name.c_str(), 0) == 0 || errno == ENOENT) return {};
  return fmt::format("path: {}", std::strerror(errno));
}

}  // namespace carillon::link
