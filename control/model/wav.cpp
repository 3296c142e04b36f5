#include "control/model/wav.h"

#include <fmt/format.h>

namespace carillon::control {
namespace {

std::uint32_t little(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

std::string fmt_fault(const WavFacts& facts) {
  const bool pcm = facts.format == 1 && (facts.bits == 8 || facts.bits == 16 || facts.bits == 24 || facts.bits == 32);
  const bool g711 = (facts.format == 6 || facts.format == 7) && facts.bits == 8;
  if (!pcm && !g711)
    return fmt::format("format {} with {} bits is not supported: PCM or G.711 is", facts.format, facts.bits);
  if (facts.channels == 0 || facts.channels > 2)
    return fmt::format("{} channels: one or two are supported", facts.channels);
  if (facts.rate < 8000 || facts.rate > 48000) return fmt::format("{} Hz: 8,000 to 48,000 are supported", facts.rate);
  return {};
}

}  // namespace

Result<WavFacts, std::string> wav_facts(std::string_view file) {
  if (file.size() < 12 || !file.starts_with("RIFF") || file.substr(8, 4) != "WAVE")
    return std::string("not a RIFF/WAVE file");
  WavFacts facts;
  bool has_format = false;
  for (std::size_t at = 12; at + 8 <= file.size();) {
    const auto name = file.substr(at, 4);
    const std::size_t size = little(file, at + 4, 4);
    const std::size_t body = at + 8;
    if (name == "fmt ") {
      if (size < 16 || body + 16 > file.size()) return std::string("its fmt chunk is cut short");
      facts.format = static_cast<std::uint16_t>(little(file, body, 2));
      facts.channels = static_cast<std::uint16_t>(little(file, body + 2, 2));
      facts.rate = little(file, body + 4, 4);
      facts.bits = static_cast<std::uint16_t>(little(file, body + 14, 2));
      if (facts.format == 0xFFFE && size >= 26 && body + 26 <= file.size())  // extensible: the real format follows
        facts.format = static_cast<std::uint16_t>(little(file, body + 24, 2));
      if (auto fault = fmt_fault(facts); !fault.empty()) return fault;
      has_format = true;
    } else if (name == "data") {
      if (!has_format) return std::string("its data comes before its format");
      const std::size_t bytes = std::min<std::size_t>(size, file.size() - body);
      const std::uint64_t per_second = std::uint64_t{facts.rate} * facts.channels * facts.bits / 8;
      facts.duration_ms = bytes * 1000 / per_second;
      if (facts.duration_ms == 0) return std::string("it holds no sound");
      return facts;
    }
    at = body + size + (size & 1);
  }
  return std::string("it has no data chunk");
}

}  // namespace carillon::control
