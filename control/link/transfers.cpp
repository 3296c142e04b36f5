// Prompts up, recordings down: sequences of calls over one EngineLink.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/link/engine_link.h"
#include "engine/link/wire/digest.h"

namespace carillon::control {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kChunk = 1u << 20;

class PartFile {
 public:
  explicit PartFile(const fs::path& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640)) {}
  ~PartFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  bool is_open() const { return fd_ >= 0; }
  std::uint64_t size() const {
    const auto end = ::lseek(fd_, 0, SEEK_END);
    return end < 0 ? 0 : static_cast<std::uint64_t>(end);
  }
  bool append(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto put = ::write(fd_, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  }
  std::string sha256() const {
    link::Sha256 digest;
    std::string piece(kChunk, '\0');
    off_t at = 0;
    for (ssize_t got = 0; (got = ::pread(fd_, piece.data(), piece.size(), at)) > 0; at += got)
      digest.add(bytes_of(std::string_view(piece).substr(0, static_cast<std::size_t>(got))));
    return digest.hex();
  }
  bool flush_to_disk() { return ::fsync(fd_) == 0; }

 private:
  int fd_;
};

LinkFault disk_fault(const fs::path& path) {
  return {LinkError::kDisk, fmt::format("{}: {}", path.string(), std::strerror(errno))};
}

bool flush_folder(const fs::path& folder) {
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool is_flushed = ::fsync(fd) == 0;
  ::close(fd);
  return is_flushed;
}

wire::ToEngine put_chunk(std::string_view sha256, std::uint64_t offset, std::string_view whole, std::size_t count) {
  wire::ToEngine message;
  wire::PutChunk& chunk = *message.mutable_put_chunk();
  chunk.set_sha256(std::string(sha256));
  chunk.set_offset(offset);
  chunk.set_size(whole.size());
  chunk.set_data(std::string(whole.substr(offset, count)));
  return message;
}

}  // namespace

Result<wire::PromptState, LinkFault> EngineLink::upload_prompt(std::string_view sha256, std::string_view bytes,
                                                               Duration timeout) {
  if (link::sha256_hex(bytes_of(bytes)) != sha256)
    return LinkFault{LinkError::kCorrupt, "the file does not hash to its name"};
  const TimePoint until = MonoClock::now() + timeout;
  std::size_t sent = 0, count = 0;  // the first piece is empty: an engine that has the prompt says so
  for (;;) {
    const auto answer = call(put_chunk(sha256, sent, bytes, count), until - MonoClock::now());
    if (!answer) return answer.error();
    if (answer->has_prompt()) return answer->prompt();
    sent += count;
    if (sent >= bytes.size()) return LinkFault{LinkError::kCorrupt, "the engine has every piece and no prompt"};
    count = std::min(kChunk, bytes.size() - sent);
  }
}

Result<std::uint64_t, LinkFault> EngineLink::fetch_recording(std::string_view path, std::string_view sha256,
                                                             const fs::path& file, Duration timeout) {
  fs::path part_path = file;
  part_path += ".part";
  PartFile part(part_path);
  if (!part.is_open()) return disk_fault(part_path);
  for (bool is_last = false; !is_last;) {
    wire::ToEngine message;
    message.mutable_fetch_recording()->set_path(std::string(path));
    message.mutable_fetch_recording()->set_offset(part.size());
    message.mutable_fetch_recording()->set_size(kChunk);
    const auto answer = call(std::move(message), timeout);
    if (!answer) return answer.error();
    const wire::RecordingChunk& chunk = answer->recording_chunk();
    if (!answer->has_recording_chunk() || (chunk.data().empty() && !chunk.last()))
      return LinkFault{LinkError::kCorrupt, "the engine answered without data"};
    if (!part.append(chunk.data())) return disk_fault(part_path);
    is_last = chunk.last();
  }
  const std::uint64_t size = part.size();
  if (!sha256.empty() && part.sha256() != sha256) {
    fs::remove(part_path);  // a resumed part may have been of another file: the next try begins anew
    return LinkFault{LinkError::kCorrupt, fmt::format("{} does not hash to {}", path, sha256)};
  }
  if (!part.flush_to_disk() || ::rename(part_path.c_str(), file.c_str()) != 0) return disk_fault(file);
  if (!flush_folder(file.parent_path())) return disk_fault(file);
  return size;
}

}  // namespace carillon::control
