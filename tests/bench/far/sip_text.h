#pragma once
// Just enough of SIP to answer an engine whose messages we know: one pass over the header lines, no copy, no compact
// forms, no folding.

#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::bench {

enum class Method : std::uint8_t { kInvite, kAck, kBye, kCancel, kOptions, kOther };

/// A request's lines as they stand, each with its name and without its line end. Borrows the message.
struct Request {
  Method method = Method::kOther;
  std::string_view vias;  ///< all Via lines, CRLF between them
  std::string_view from, to, call_id, cseq;
  std::string_view body;
  bool has_to_tag() const { return to.find(";tag=") != std::string_view::npos; }
};

/// Nothing when it is a response, or lacks one of the five lines.
std::optional<Request> read_request(std::string_view message);

/// Where an SDP offer wants its audio.
struct Target {
  std::uint32_t address = 0;  ///< host order
  std::uint16_t port = 0;
};
std::optional<Target> read_target(std::string_view sdp);

}  // namespace carillon::bench
