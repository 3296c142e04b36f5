#pragma once

#include <liburing.h>

#include <array>
#include <cstring>
#include <vector>

#include "engine/io/port.h"
#include "engine/io/socket.h"

namespace carillon::io {

/// What the sends of one batch of a ring point at until they are submitted.
class SendSlots {
 public:
  /// Up to here a payload is copied into one piece (all speech, most SIP): that costs less than what the kernel does
  /// to take in a msghdr and its two parts.
  static constexpr std::size_t kCopyMax = 448;

  explicit SendSlots(std::uint32_t count) : slots_(count) {}

  /// Fills the entry but for its file, flags and user_data. `peer` only where the socket is not connected to it.
  /// MSG_DONTWAIT: done or refused inside the submit, so the views are free when it returns.
  void prepare(std::size_t index, io_uring_sqe& entry, int descriptor, const Outgoing& out, bool is_connected) {
    Slot& slot = slots_[index];
    const std::size_t size = out.head.size() + out.body.size();
    const socklen_t peer_size = is_connected ? 0 : to_kernel(out.peer, slot.peer);
    if (size <= kCopyMax) {
      copy(out.head, slot.data.data());
      copy(out.body, slot.data.data() + out.head.size());
      io_uring_prep_send(&entry, descriptor, slot.data.data(), size, kFlags);
      if (!is_connected) io_uring_prep_send_set_addr(&entry, &slot.peer.any, static_cast<std::uint16_t>(peer_size));
      return;
    }
    slot.parts = {iovec{const_cast<std::byte*>(out.head.data()), out.head.size()},
                  iovec{const_cast<std::byte*>(out.body.data()), out.body.size()}};
    slot.header = {};
    slot.header.msg_name = is_connected ? nullptr : &slot.peer;
    slot.header.msg_namelen = peer_size;
    slot.header.msg_iov = slot.parts.data();
    slot.header.msg_iovlen = out.body.empty() ? 1 : 2;
    io_uring_prep_sendmsg(&entry, descriptor, &slot.header, kFlags);
  }

 private:
  static constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  struct Slot {
    SocketAddress peer;
    msghdr header;
    std::array<iovec, 2> parts;
    std::array<std::byte, kCopyMax> data;
  };
  static void copy(ByteView from, std::byte* to) {
    if (!from.empty()) std::memcpy(to, from.data(), from.size());
  }

  std::vector<Slot> slots_;
};

}  // namespace carillon::io
