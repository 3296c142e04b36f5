// Reads every #include of the product against DESIGN §2: arrows point one way and no room reaches into another.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

// Room → the rooms it may include, itself apart. A room is a folder; the longest name that matches a path wins.
const std::map<std::string, std::set<std::string>> kAllowed = {
    {"engine/base", {}},
    {"engine/io", {"engine/base"}},
    {"engine/net", {"engine/base", "engine/io"}},
    {"engine/stream", {"engine/base", "engine/sip"}},
    {"engine/sip", {"engine/base"}},
    {"engine/sdp", {"engine/base"}},
    {"engine/rtp", {"engine/base"}},
    {"engine/call", {"engine/base", "engine/sip", "engine/sdp", "engine/rtp", "media"}},
    {"engine/shard",
     {"engine/base", "engine/io", "engine/net", "engine/stream", "engine/sip", "engine/sdp", "engine/rtp",
      "engine/call", "engine/record", "media"}},
    {"engine/record", {"engine/base", "media"}},
    {"engine/link", {"engine/base", "engine/call", "media"}},
    {"engine/link/wire", {"engine/base", "engine/link/engine.pb.h"}},
    // the engine's own folder: main.cpp and what wires the rooms together
    {"engine",
     {"engine/base", "engine/io", "engine/net", "engine/stream", "engine/sip", "engine/sdp", "engine/rtp",
      "engine/call", "engine/shard", "engine/record", "engine/link", "engine/link/wire", "media"}},
    {"media", {"engine/base"}},
    {"dialer", {"engine/base"}},
    {"dialer/sim", {"engine/base", "dialer"}},
    {"control", {"engine/base", "dialer", "engine/link/wire", "engine/link/engine.pb.h", "engine/notify.h"}},
    {"control/cli", {"engine/base", "media", "control", "engine/link/wire", "engine/link/engine.pb.h"}},
};

std::string room_of(const std::string& path) {
  std::string best;
  for (const auto& [room, allowed] : kAllowed)
    if (path.starts_with(room + "/") && room.size() > best.size()) best = room;
  return best;
}

bool allowed(const std::string& room, const std::string& included) {
  const auto& may = kAllowed.at(room);
  if (may.contains(included)) return true;
  const std::string target = room_of(included);
  // the schema's generated header lies in engine/link but belongs to the wire
  if (room == "engine/link" && target == "engine/link/wire") return true;
  return target == room || may.contains(target);
}

struct Include {
  std::string file, included;
};

std::vector<Include> includes_of(const fs::path& root) {
  std::vector<Include> found;
  const std::regex pattern("^\\s*#\\s*include\\s*\"([^\"]+)\"");
  for (const char* top : {"engine", "media", "dialer", "control"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      if (entry.path().string().find("node_modules") != std::string::npos) continue;
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp") continue;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) {
        std::smatch match;
        if (std::regex_search(line, match, pattern))
          found.push_back({fs::relative(entry.path(), root).string(), match[1].str()});
      }
    }
  }
  return found;
}

// The first fault of one include line, or empty.
std::string fault(const Include& include) {
  const std::string room = room_of(include.file);
  if (room.empty()) return fmt::format("{}: in no room of DESIGN §2", include.file);
  if (room_of(include.included).empty())
    return fmt::format("{}: \"{}\" is not a path from the top of the repository", include.file, include.included);
  if (!allowed(room, include.included))
    return fmt::format("{}: {} may not include {}", include.file, room, include.included);
  return {};
}

TEST(Layering, EveryIncludeFollowsTheTable) {
  const auto includes = includes_of(CARILLON_SOURCE_DIR);
  ASSERT_GT(includes.size(), 10u);
  std::vector<std::string> faults;
  for (const auto& include : includes)
    if (auto text = fault(include); !text.empty()) faults.push_back(text);
  EXPECT_THAT(faults, testing::IsEmpty());
}

TEST(Layering, ForbiddenIncludesAreSeen) {
  EXPECT_NE(fault({"media/codec/g711.cpp", "engine/io/port.h"}), "");
  EXPECT_NE(fault({"dialer/pacing/pacer.h", "control/store/store.h"}), "");
  EXPECT_NE(fault({"dialer/pacing/pacer.h", "dialer/sim/caller.h"}), "");
  EXPECT_NE(fault({"control/api/server.cpp", "engine/call/leg.h"}), "");
  EXPECT_NE(fault({"engine/sip/message.cpp", "engine/rtp/packet.h"}), "");
  EXPECT_NE(fault({"engine/base/bytes.h", "engine/io/port.h"}), "");
  EXPECT_NE(fault({"engine/sip/message.cpp", "message.h"}), "");
  EXPECT_EQ(fault({"control/link/client.cpp", "engine/link/engine.pb.h"}), "");
  EXPECT_EQ(fault({"engine/call/leg.cpp", "media/prompt/prompt.h"}), "");
}

// The product's table itself has no way round: what a room may include never includes the room.
TEST(Layering, TableHasNoCircles) {
  for (const auto& [room, may] : kAllowed) {
    for (const auto& other : may) {
      const auto back = kAllowed.find(other);
      if (back == kAllowed.end()) continue;
      EXPECT_FALSE(back->second.contains(room)) << room << " and " << other;
    }
  }
}

}  // namespace
