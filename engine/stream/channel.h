#pragma once
// Between the stream thread and one shard: a ring of descriptors each way (boost::lockfree::spsc_queue) over bytes that
// the writer fills and the reader gives back in the same order. No lock, no allocation, no system call on either side.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "engine/base/bytes.h"
#include "engine/base/endpoint.h"
#include "engine/base/fixed_text.h"
#include "engine/base/pool.h"
#include "engine/base/ring.h"
#include "engine/base/time.h"
#include "engine/stream/transport.h"

namespace carillon::stream {

/// Names one connection; of one that has ended it names nothing (RFC 5626 "flow").
using Flow = Handle;
using ServerName = FixedText<126>;

/// What the stream thread tells a shard.
struct Incoming {
  enum class Kind : std::uint8_t {
    kMessage,      ///< `bytes` is one message
    kRefused,      ///< `bytes` is the head of one that cannot be framed: answer 400, or 513 where `reason` is kTooLong;
                   ///< the connection takes nothing more and closes a moment later
    kUndelivered,  ///< the message sent with `tag` did not leave whole; `bytes` says why in words, for the operator
    kClosed,       ///< `flow`, on which this shard had messages, is gone
  };
  Kind kind = Kind::kMessage;
  CloseReason reason = CloseReason::kNone;
  Transport transport = Transport::kTcp;
  bool is_verified = false;   ///< the other side showed a certificate that we believe
  bool is_ours = false;       ///< we connected
  std::uint8_t listener = 0;  ///< index into StreamsConfig::listeners, unless ours
  Flow flow{};
  std::uint64_t tag = 0;
  TimePoint arrival{};
  Endpoint peer{}, local{};
  FixedText<62> domain{};  ///< the first one in the other side's certificate, when verified (RFC 5922)
  ByteView bytes{};        ///< valid until the next receive()
};

/// Where a message goes for which there is no flow: an open connection of ours to the same place, else a new one.
struct Target {
  Transport transport = Transport::kTcp;  ///< kTcp or kTls
  Endpoint peer{};                        ///< port 0: nowhere
  ServerName name{};                      ///< kTls: the domain that was looked up (RFC 5922), or the address
  friend bool operator==(const Target&, const Target&) = default;
};

/// What a shard wants sent.
struct Outgoing {
  Flow flow{};            ///< tried first
  Target target{};        ///< used when the flow is gone (RFC 3261 §18.2.2) or empty
  std::uint64_t tag = 0;  ///< comes back with kUndelivered; 0: not told
  bool close = false;     ///< closes the flow when all that was queued for it has left
};

/// Bytes in a circle: one thread reserves and commits, another releases in the same order.
class ByteCircle {
 public:
  explicit ByteCircle(std::size_t capacity) : capacity_(capacity), bytes_(new std::byte[capacity]) {}

  struct Place {
    std::byte* bytes = nullptr;
    std::uint64_t end = 0;  ///< release() this when done
  };
  /// Writer. A place of `size` bytes in one piece, or nothing when there is no room.
  std::optional<Place> reserve(std::size_t size) {
    const std::size_t at = written_ % capacity_;
    const std::size_t skipped = size > capacity_ - at ? capacity_ - at : 0;
    if (written_ + skipped + size - released_.load(std::memory_order_acquire) > capacity_) return std::nullopt;
    return Place{&bytes_[skipped ? 0 : at], written_ + skipped + size};
  }
  void commit(const Place& place) { written_ = place.end; }
  /// Reader.
  void release(std::uint64_t end) { released_.store(end, std::memory_order_release); }

 private:
  const std::size_t capacity_;
  std::unique_ptr<std::byte[]> bytes_;
  std::uint64_t written_ = 0;
  alignas(64) std::atomic<std::uint64_t> released_{0};
};

/// Descriptors with their bytes, one writer and one reader.
template <class Item>
class Post {
 public:
  Post(std::size_t items, std::size_t bytes) : ring_(items), circle_(bytes) {}

  /// Writer. False: full, nothing happened.
  bool push(const Item& item, ByteView bytes) {
    const auto place = circle_.reserve(bytes.size());
    if (!place) return false;
    std::copy(bytes.begin(), bytes.end(), place->bytes);
    if (!ring_.push({item, place->bytes, bytes.size(), place->end})) return false;
    circle_.commit(*place);
    return true;
  }
  /// Reader. The next, or null; gives back the bytes of the one before.
  const Item* pop(ByteView& bytes) {
    if (present_.end != 0) circle_.release(present_.end);
    present_.end = 0;
    if (!ring_.pop(present_)) return nullptr;
    bytes = {present_.bytes, present_.size};
    return &present_.item;
  }

 private:
  struct Letter {
    Item item;
    const std::byte* bytes = nullptr;
    std::size_t size = 0;
    std::uint64_t end = 0;
  };
  Ring<Letter> ring_;
  ByteCircle circle_;
  Letter present_{};
};

/// A shard's end and the stream thread's end. The shard calls receive() and send() only, from its one thread.
///
/// full   receive direction: the stream thread drops and counts (Counters::to_shard_full); it never waits.
///        send direction: send() answers false and counts; the shard treats it as a transport error.
class Channel {
 public:
  Channel(std::size_t items, std::size_t bytes) : in_(items, bytes), out_(items, bytes) {}

  /// Shard. The next thing, or null. What it returned before is void.
  const Incoming* receive() {
    ByteView bytes;
    const Incoming* next = in_.pop(bytes);
    if (!next) return nullptr;
    received_ = *next;
    received_.bytes = bytes;
    return &received_;
  }
  /// Shard. Copies `message`; `send.close` may come with none.
  bool send(const Outgoing& send, ByteView message) {
    if (out_.push(send, message)) return true;
    refused_.store(refused_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return false;
  }
  /// Any thread.
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

  /// Stream thread.
  bool hand_over(const Incoming& incoming, ByteView bytes) { return in_.push(incoming, bytes); }
  const Outgoing* next_to_send(ByteView& bytes) { return out_.pop(bytes); }

 private:
  Post<Incoming> in_;
  Post<Outgoing> out_;
  Incoming received_;                      // the shard's
  std::atomic<std::uint64_t> refused_{0};  // written by the shard
};

}  // namespace carillon::stream
