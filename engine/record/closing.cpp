#include "engine/record/closing.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "engine/base/check.h"
#include "media/record/former.h"

namespace carillon::record {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::uint64_t kBytesPerMs = 32;  // 8,000 samples/s, two sides of 16 bits

std::string stem_of(LegId leg, WallTime started) {
  return fmt::format("{}-{}", leg.value, started.time_since_epoch().count());
}

std::string reason(const char* what) { return fmt::format("{}: {}", what, std::strerror(errno)); }

}  // namespace

std::string open_folder(const std::string& folder) { return folder + "/.open"; }

Names names_of(const std::string& folder, LegId leg, WallTime started) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(started));
  const auto stem = stem_of(leg, started);
  const auto relative = fmt::format("{:04}/{:02}/{:02}", static_cast<int>(day.year()),
                                    static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  const auto open = open_folder(folder) + "/" + stem;
  return {.part = open + ".part",
          .done = open + ".done",
          .day = folder + "/" + relative,
          .path = relative + "/" + stem + ".wav"};
}

std::string marker_of(const std::string& folder, std::string_view path) {
  return open_folder(folder) + "/" + fs::path(path).stem().string() + ".done";
}

std::optional<Name> name_of(const std::string& path) {
  const std::string stem = fs::path(path).stem().string();
  std::uint64_t leg = 0;
  std::int64_t started = 0;
  const char* const end = stem.data() + stem.size();
  const auto dash = std::from_chars(stem.data(), end, leg).ptr;
  if (dash == end || *dash != '-' || std::from_chars(dash + 1, end, started).ptr != end) return std::nullopt;
  return Name{LegId{leg}, WallTime{std::chrono::milliseconds(started)}};
}

void Closing::FreeDigest::operator()(EVP_MD_CTX* digest) const { EVP_MD_CTX_free(digest); }

Closing::Closing(const std::string& folder, What what)
    : folder_(folder), what_(std::move(what)), names_(names_of(folder, what_.leg, what_.started)) {
  recorded_.leg = what_.leg;
  recorded_.started = what_.started;
  recorded_.repaired = what_.repaired;
  recorded_.error.assign(what_.error);
}

Closing::~Closing() {
  if (what_.descriptor >= 0) ::close(what_.descriptor);
}

void Closing::fail(const std::string& what) {
  if (recorded_.error.empty()) recorded_.error.assign(what);
}

// Cuts the file to what is good and writes its right header. From here on through the page cache: the header is
// shorter than what O_DIRECT may write on some disks, and the digest reads ahead.
void Closing::begin() {
  begun_ = true;
  buffer_.resize(kReadBytes);
  const int flags = ::fcntl(what_.descriptor, F_GETFL);
  (void)::fcntl(what_.descriptor, F_SETFL, flags & ~O_DIRECT);
  constexpr std::uint64_t kHeader = media::Former::kHeaderBytes;
  const std::uint64_t sound = what_.length > kHeader ? (what_.length - kHeader) / 4 * 4 : 0;
  const auto header = media::Former::header(sound);
  recorded_.size = kHeader + sound;
  recorded_.duration = std::chrono::milliseconds(sound / kBytesPerMs);
  if (::ftruncate(what_.descriptor, static_cast<off_t>(recorded_.size)) != 0) fail(reason("truncate"));
  if (::pwrite(what_.descriptor, header.data(), header.size(), 0) != static_cast<ssize_t>(header.size()))
    fail(reason("header"));
  digest_.reset(EVP_MD_CTX_new());
  CHECK(digest_ && EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr) == 1);
}

bool Closing::step(std::size_t bytes) {
  if (what_.descriptor < 0) return true;
  if (!begun_) begin();
  for (std::size_t done = 0; done < bytes;) {
    const auto got = ::pread(what_.descriptor, buffer_.data(), buffer_.size(), static_cast<off_t>(hashed_));
    if (got < 0) fail(reason("read back"));
    if (got <= 0) return true;
    EVP_DigestUpdate(digest_.get(), buffer_.data(), static_cast<std::size_t>(got));
    hashed_ += static_cast<std::uint64_t>(got);
    done += static_cast<std::size_t>(got);
  }
  return false;
}

void Closing::flush() {
  if (what_.descriptor >= 0 && ::fdatasync(what_.descriptor) != 0) fail(reason("flush"));
}

void Closing::finish() {
  if (what_.descriptor < 0) return;
  EVP_DigestFinal_ex(digest_.get(), recorded_.sha256.data(), nullptr);
  recorded_.size = hashed_;
  (void)::posix_fadvise(what_.descriptor, 0, 0, POSIX_FADV_DONTNEED);  // nobody will read it soon
  ::close(what_.descriptor);
  what_.descriptor = -1;
  std::error_code error;
  fs::create_directories(names_.day, error);
  // The marker first: from the rename on only it tells that the link thread does not know of this file yet.
  std::ofstream(names_.done) << (recorded_.repaired ? "repaired\n" : "closed\n") << recorded_.error.view() << '\n';
  const auto final_path = folder_ + "/" + names_.path;
  if (::rename(names_.part.c_str(), final_path.c_str()) == 0) {
    recorded_.path.assign(names_.path);
    return;
  }
  fail(reason("rename"));
  recorded_.path.assign(fs::path(names_.part).lexically_relative(folder_).string());
  ::unlink(names_.done.c_str());
}

std::optional<Recorded> read_back(const std::string& folder, const std::string& marker) {
  const auto name = name_of(marker);
  if (!name) return std::nullopt;
  const Names names = names_of(folder, name->leg, name->started);
  const std::string path = folder + "/" + names.path;

  Recorded recorded;
  recorded.leg = name->leg;
  recorded.started = name->started;
  recorded.path.assign(names.path);
  std::ifstream note(marker);
  std::string line;
  std::getline(note, line);
  recorded.repaired = line == "repaired";
  std::getline(note, line);
  recorded.error.assign(line);

  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  CHECK(digest && EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1);
  std::vector<char> buffer(kReadBytes);
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || file.gcount() > 0) {
    EVP_DigestUpdate(digest.get(), buffer.data(), static_cast<std::size_t>(file.gcount()));
    recorded.size += static_cast<std::uint64_t>(file.gcount());
  }
  EVP_DigestFinal_ex(digest.get(), recorded.sha256.data(), nullptr);
  if (recorded.size > media::Former::kHeaderBytes)
    recorded.duration = std::chrono::milliseconds((recorded.size - media::Former::kHeaderBytes) / kBytesPerMs);
  return recorded;
}

}  // namespace carillon::record
