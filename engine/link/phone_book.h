#pragma once

#include <map>
#include <optional>
#include <string>

#include "engine/base/time.h"
#include "engine/call/command.h"

namespace carillon::link {

/// Where registered phones are reached, kept across a restart: phones register anew only when their time is nearly
/// over, and until then nobody could be put through to them.
///
/// One thread. The file is written by save(), at most once per tick of its owner, beside the old one and renamed: a
/// kill leaves the old or the new one. What a kill takes away comes again with the phone's next REGISTER.
/// full  kEntriesMax phones; further ones are not kept
class PhoneBook {
 public:
  static constexpr std::size_t kEntriesMax = 10'000;

  /// Reads `path`: lines of expiry, id, username, source and contact. What cannot be read is left out.
  PhoneBook(std::string path, WallTime now);
  /// Control names a phone: where it is reached, if it still is and has kept its username.
  std::optional<call::Bound> put(const std::string& id, const std::string& username, WallTime now);
  void remove(const std::string& id);
  /// A phone has registered, or no longer is. Only phones that control has named are kept.
  void note(const call::EndpointState& state, WallTime now);
  /// Writes the file when anything has changed. False: it could not be written, the next call tries again.
  bool save();

 private:
  struct Entry {
    std::string username, contact;
    Endpoint source = {};
    WallTime expires{};  ///< at the epoch: not registered
  };
  std::string path_;
  std::map<std::string, Entry> entries_;
  bool is_changed_ = false;
};

}  // namespace carillon::link
