// Runs a fuzz target over saved inputs under any compiler, and over each of them cut short and with single bytes
// changed, so that every ctest visits at least these. Arguments: folders or files. A missing folder is a failure:
// each fuzz target has a corpus.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void replay(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<std::uint8_t> bytes((std::istreambuf_iterator<char>(in)), {});
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  const std::size_t step = bytes.size() / 64 + 1;
  for (std::size_t cut = 0; cut < bytes.size(); cut += step) {
    const std::vector<std::uint8_t> shorter(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    LLVMFuzzerTestOneInput(shorter.data(), shorter.size());
  }
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const std::uint8_t kept = bytes[at];
    bytes[at] = static_cast<std::uint8_t>(kept ^ 0x80);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    bytes[at] = kept;
  }
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::exists(argv[i])) {
      std::fprintf(stderr, "%s: no such corpus\n", argv[i]);
      return 1;
    }
    if (std::filesystem::is_regular_file(argv[i])) {
      replay(argv[i]);
      ++count;
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i]))
      if (entry.is_regular_file()) {
        replay(entry.path());
        ++count;
      }
  }
  std::printf("%d inputs replayed\n", count);
  return count == 0;
}
