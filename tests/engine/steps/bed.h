#pragma once
// An engine on memif and another at its other end, which is this program again: CARILLON_STEPS_PEER names its socket.

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>

#include "engine/record/disk.h"
#include "engine/shard/recorder.h"
#include "media/prompt/prompt.h"
#include "tests/engine/steps/node.h"

namespace carillon::steps {

/// Plays it for ever.
call::Plan playing(const media::Prompt& prompt);

/// What that program does: answers every call, speaks, presses a key, and ends calls to a number that ends in 7 itself.
int run_peer(const std::string& socket);

class Peer {
 public:
  explicit Peer(const std::string& socket);
  ~Peer();
  Peer(const Peer&) = delete;

 private:
  pid_t pid_ = 0;
};

struct Folder {
  Folder();
  ~Folder();
  const std::filesystem::path path;
};

/// The tests of this program share one: there is one EAL.
struct Bed {
  Bed();
  const Folder folder;
  const media::Prompt prompt;
  std::unique_ptr<record::Disk> disk;
  std::unique_ptr<shard::Recorder> recorder;
  std::unique_ptr<Node> node;  ///< trunk "far" leads to the peer
  std::unique_ptr<Peer> peer;
};
Bed& the_bed();

}  // namespace carillon::steps
