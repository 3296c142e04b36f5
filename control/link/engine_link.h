#pragma once
// Control's end of the engine link: one EngineLink per engine, with a thread of its own that connects, comes back after
// a break, sends commands until they are answered, and delivers events in order.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/link/engine.pb.h"
#include "engine/link/wire/stream.h"

namespace carillon::control {

enum class LinkError : std::uint8_t {
  kNotConnected,  ///< not connected now, or the connection broke before the answer
  kTimeout,
  kRefused,  ///< the engine answered Done{ok: false}; see text
  kFull,     ///< too many commands wait
  kCorrupt,  ///< what came does not hash to its name
  kDisk,     ///< our own file could not be written
  kStopped,
};
/// The Done of a command that an engine took with it: whether it was performed is told by its journal.
inline constexpr const char* kEngineRestarted = "engine restarted";
struct LinkFault {
  LinkError error = LinkError::kNotConnected;
  std::string text;
};

/// Up to where the owner has committed, and of which journal. Empty at first contact.
struct Resume {
  std::string epoch;
  std::uint64_t sequence = 0;
};

struct EngineLinkConfig {
  std::string control = "control";  ///< our name, for the engine's logs
  std::string address;              ///< "unix:PATH" or "tcp:IP:PORT"
  link::TlsConfig tls;
  Duration back_off_min = 50ms, back_off_max = 2s;
  /// A command that could not be sent within this is answered by us with Done{ok: false, "engine not connected"}:
  /// a call that was decided long ago must not be placed when the engine returns.
  Duration unsent_max = 5s;
  std::size_t commands_max = 100'000;  ///< waiting for their answer; send() returns 0 beyond
  Duration acknowledge_every = 50ms;

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

/// All are called on the link's thread. None may call EngineLink::call, fetch_recording, upload_prompt or stop.
struct EngineLinkHandlers {
  /// Every message from the engine: events (sequence > 0) in order and once per sequence within one EngineLink, answers
  /// (`answers` names the command; may come before or after the events that the command caused, except that a Snapshot
  /// comes after everything that it reflects) and Stats. For LegState ENDED and RecordDone true means committed; false
  /// means not now: it and what follows is delivered again after a pause. The value does not matter for the rest.
  std::function<bool(const wire::FromEngine&)> event;
  /// If set: true means that every event delivered so far is committed; called once per batch before it is
  /// acknowledged, so that a store can commit in groups. On false the batch is delivered again.
  std::function<bool()> commit;
  /// Connected and welcomed; before replayed events. The owner sends PutTrunk, PutEndpoint, HavePrompts, Snapshot here.
  std::function<void(const wire::Welcome&)> connected;
  std::function<void()> lost;
};

struct LinkHealth {
  bool connected = false;
  WallTime since{};  ///< of the present state
  std::string engine, back_end, epoch;
  std::string error;  ///< why not connected, in words
  std::uint64_t acknowledged = 0;
  std::size_t commands_waiting = 0;
};

class EngineLink {
 public:
  EngineLink(EngineLinkConfig config, EngineLinkHandlers handlers, Resume resume);
  ~EngineLink();
  EngineLink(const EngineLink&) = delete;
  EngineLink& operator=(const EngineLink&) = delete;

  /// Starts the thread. Call once.
  void start();
  void stop();

  /// Queues a command and returns its id (chosen here when `command.id()` is 0), or 0 when full. Any thread. It is
  /// answered by exactly one Done through `event`: by the engine, or by us ("engine restarted", "engine not
  /// connected").
  std::uint64_t send(wire::ToEngine command);
  /// Sends and waits for the answer that carries data (SnapshotState, TraceText, RecordingChunk, PromptState) or, for
  /// other commands, Done. Snapshots in several frames come as one. Any thread but the link's.
  Result<wire::FromEngine, LinkFault> call(wire::ToEngine command, Duration timeout);

  /// Sends a WAV file unless the engine has it; returns when the engine has checked its SHA-256 and read it.
  Result<wire::PromptState, LinkFault> upload_prompt(std::string_view sha256, std::string_view bytes,
                                                     Duration timeout = 30s);
  /// Fetches a recording into `file`, going on at the size of `file`.part if an earlier try left one, checks `sha256`
  /// (empty: unchecked) and renames it into place, flushed to disk. Returns the size. Each chunk has `timeout`.
  Result<std::uint64_t, LinkFault> fetch_recording(std::string_view path, std::string_view sha256,
                                                   const std::filesystem::path& file, Duration timeout = 10s);

  LinkHealth health() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace carillon::control
