#include "engine/link/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace carillon::link {
namespace {

std::string system_error(const std::string& path) { return fmt::format("{}: {}", path, std::strerror(errno)); }

}  // namespace

Result<std::unique_ptr<MappedFile>, std::string> MappedFile::create(const std::string& path, std::size_t size) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return system_error(path);
  std::unique_ptr<MappedFile> file(new MappedFile(fd, path));
  if (const int fault = ::posix_fallocate(fd, 0, static_cast<off_t>(size)); fault != 0) {
    errno = fault;
    return system_error(path);
  }
  if (!file->map(size)) return system_error(path);
  return file;
}

Result<std::unique_ptr<MappedFile>, std::string> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return system_error(path);
  std::unique_ptr<MappedFile> file(new MappedFile(fd, path));
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_error(path);
  if (status.st_size == 0) return fmt::format("{}: empty", path);
  if (!file->map(static_cast<std::size_t>(status.st_size))) return system_error(path);
  return file;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(data_, size_);
  ::close(fd_);
}

bool MappedFile::map(std::size_t size) {
  void* at = data_ ? ::mremap(data_, size_, size, MREMAP_MAYMOVE)
                   : ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (at == MAP_FAILED) return false;
  data_ = static_cast<std::byte*>(at);
  size_ = size;
  return true;
}

bool MappedFile::grow(std::size_t size) {
  if (::posix_fallocate(fd_, 0, static_cast<off_t>(size)) != 0) return false;
  return map(size);
}

bool MappedFile::rename_to(const std::string& path) {
  if (std::rename(path_.c_str(), path.c_str()) != 0) return false;
  path_ = path;
  return true;
}

void MappedFile::start_write_back() { (void)::sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE); }

}  // namespace carillon::link
