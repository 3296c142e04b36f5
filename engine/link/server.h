#pragma once
// The link thread: what control says comes in here as frames and leaves as Commands on the shards' rings; what shards
// and the disk report leaves as frames and, where a CDR depends on it, goes through the journal. It is the only thread
// of the engine that parses protobuf, touches prompts' files or allocates Commands.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/link/ports.h"
#include "engine/link/wire/stream.h"

namespace carillon::link {

struct ServerConfig {
  std::string listen;                    ///< "unix:PATH" or "tcp:IP:PORT"
  TlsConfig tls;                         ///< needed for tcp on anything but loopback
  std::string data_dir;                  ///< journal and prompts; made when missing; one engine per folder
  std::string recordings_dir;            ///< what FetchRecording may read and DeleteRecording may remove
  std::string engine;                    ///< its name in Welcome
  std::string back_end;                  ///< "uring", "mmsg" …: Port::name(), shown in Welcome
  std::uint32_t legs_max = 20'000;       ///< per shard: room for snapshots
  Duration brain_grace = 1s;             ///< shards hear BrainState{false} after so long without control
  std::size_t journal_max = 256u << 20;  ///< bytes; beyond: Originate is refused
  std::size_t prompts_max = 1u << 30;    ///< bytes of prompt files kept
  std::size_t backlog_max = 64u << 20;   ///< bytes queued for a control that does not read: it is closed

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

class Server {
 public:
  /// Opens journal, prompts and socket; errors in words for the operator. Legs that the journal has as living are
  /// reported as ended ("engine restarted") when control comes.
  static Result<std::unique_ptr<Server>, std::string> make(ServerConfig config, std::vector<ShardPort> shards,
                                                           RecordedSource recorded);
  /// Stops the thread; commands still out with shards stay allocated until `reclaim` or exit.
  ~Server();

  /// Starts the thread. Call once.
  void start();
  /// Ends the thread: control is told nothing, the socket closes, the journal stays. Call after the shards have
  /// stopped: what they still had in their rings is journaled first.
  void stop();
  /// Where it listens, with the port the kernel chose.
  std::string address() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace carillon::link
