#include "engine/sip/steer.h"

#include "engine/sip/field.h"
#include "engine/sip/label.h"
#include "engine/sip/text.h"

namespace carillon::sip {
namespace {

struct Lines {
  std::string_view rest;

  // The next line with its folds; empty at the end of the headers.
  std::string_view next() {
    std::size_t end = 0;
    for (;;) {
      end = rest.find('\n', end);
      if (end == rest.npos) return {};
      ++end;
      if (end > 2 && end < rest.size() && (rest[end] == ' ' || rest[end] == '\t')) continue;
      break;
    }
    const auto line = trim(rest.substr(0, end));
    rest.remove_prefix(end);
    return line;
  }
};

std::string_view value_of(std::string_view line, std::string_view name, char compact) {
  const auto colon = line.find(':');
  if (colon == line.npos) return {};
  const auto found = trim(line.substr(0, colon));
  const bool is_it = found.size() == 1 ? lower(found[0]) == compact : equals_ignoring_case(found, name);
  return is_it ? trim(line.substr(colon + 1)) : std::string_view{};
}

std::optional<std::uint32_t> shard_in(std::string_view label, std::uint32_t shards) {
  const auto parsed = Label::parse(label);
  if (!parsed || parsed->shard >= shards) return std::nullopt;
  return parsed->shard;
}

std::string_view without_leading_space(ByteView datagram) {
  auto text = text_of(datagram);
  while (!text.empty() && (text.front() == '\r' || text.front() == '\n')) text.remove_prefix(1);
  return text;
}

}  // namespace

std::uint32_t shard_for(std::string_view text, std::uint32_t shards) {
  std::uint64_t hash = 0xCBF2'9CE4'8422'2325u;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3u;
  hash ^= hash >> 32;
  return static_cast<std::uint32_t>((hash * 0x9E37'79B9'7F4A'7C15u >> 32) * shards >> 32);
}

std::optional<std::uint32_t> steer(ByteView datagram, std::uint32_t shards) {
  Lines lines{without_leading_space(datagram)};
  const bool is_response = lines.rest.starts_with("SIP/2.0 ");
  if (lines.next().empty()) return std::nullopt;
  std::string_view call_id, tag;
  for (auto line = lines.next(); !line.empty(); line = lines.next()) {
    if (is_response) {
      auto vias = value_of(line, "via", 'v');
      if (vias.empty()) continue;
      const auto via = Via::parse(next_element(vias));
      if (!via || !via->branch.starts_with(kBranchCookie)) return std::nullopt;
      return shard_in(via->branch.substr(kBranchCookie.size()), shards);
    }
    if (const auto to = value_of(line, "to", 't'); !to.empty() && tag.empty()) {
      if (const auto address = NameAddress::parse(to)) tag = address->tag();
      if (!tag.empty()) return shard_in(tag, shards);
    }
    if (call_id.empty()) call_id = value_of(line, "call-id", 'i');
  }
  if (call_id.empty()) return std::nullopt;
  return shard_for(call_id, shards);
}

std::string_view call_id_of(ByteView datagram) {
  Lines lines{without_leading_space(datagram)};
  if (lines.next().empty()) return {};
  for (auto line = lines.next(); !line.empty(); line = lines.next())
    if (const auto call_id = value_of(line, "call-id", 'i'); !call_id.empty()) return call_id;
  return {};
}

}  // namespace carillon::sip
