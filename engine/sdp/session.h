#pragma once
// A session description (RFC 8866) as text sees it: one SIP body in, views into that body out. Runs on the shard that
// owns the leg. Open offer_answer.h for what two sides agree on.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/check.h"
#include "engine/base/result.h"

namespace carillon::sdp {

inline constexpr std::size_t kTextMax = 8192;  ///< bytes of a description; real ones are below 4 KiB
inline constexpr std::size_t kMediaMax = 8;
inline constexpr std::size_t kFormatsMax = 32;      ///< per media line
inline constexpr std::size_t kAttributesMax = 160;  ///< in the whole description; a browser's offer has about 90
inline constexpr std::size_t kTokenMax = 48;        ///< media kind, protocol, format, address, user name

enum class ParseError : std::uint8_t {
  kTooLong,     ///< more than kTextMax bytes
  kNotSdp,      ///< does not start with v=0
  kBadLine,     ///< a line that is not "x=…", or holds a NUL
  kBadOrigin,   ///< o= without its six fields
  kBadAddress,  ///< c= without its three fields
  kBadMedia,    ///< m= without port, protocol or format, or a number out of range
  kIncomplete,  ///< no o= line
  kTooMany,     ///< more media, formats or attributes than the bounds above
};
std::string_view name(ParseError error);

/// A list of at most kMax; push answers false when full.
template <class T, std::size_t kMax>
class Bounded {
 public:
  using value_type = T;
  using const_iterator = const T*;
  bool push(const T& value) {
    if (size_ == kMax) return false;
    items_[size_++] = value;
    return true;
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& operator[](std::size_t at) const {
    CHECK(at < size_);
    return items_[at];
  }
  T& back() {
    CHECK(size_ != 0);
    return items_[size_ - 1];
  }
  const T* begin() const { return items_.data(); }
  const T* end() const { return items_.data() + size_; }

 private:
  std::size_t size_ = 0;
  std::array<T, kMax> items_{};
};

/// "a=name" or "a=name:value".
struct Attribute {
  std::string_view name, value;
  friend bool operator==(const Attribute&, const Attribute&) = default;
};

/// "c=IN IP4 192.0.2.1": the address as text; it may be a name that we can't use.
struct Connection {
  std::string_view address_type, address;
  bool is_present() const { return !address.empty(); }
  friend bool operator==(const Connection&, const Connection&) = default;
};

struct Origin {
  std::string_view user, session_id, version, address_type, address;
  friend bool operator==(const Origin&, const Origin&) = default;
};

struct Media {
  std::string_view kind, protocol;  ///< "audio", "RTP/AVP"
  std::uint16_t port = 0;           ///< 0: rejected or unused
  Bounded<std::string_view, kFormatsMax> formats;
  Connection connection;
  std::uint16_t attributes_first = 0, attributes_count = 0;  ///< in Session::attributes
};

/// Views into the parsed text; about 10 KiB, meant for the stack.
struct Session {
  Origin origin;
  std::string_view subject;  ///< s=
  Connection connection;
  std::uint16_t attributes_count = 0;  ///< session-level ones come first in `attributes`
  Bounded<Media, kMediaMax> media;
  Bounded<Attribute, kAttributesMax> attributes;

  /// The first attribute of that name in the media section, or at session level, or null.
  const Attribute* find(const Media& media, std::string_view name) const;
  std::span<const Attribute> of(const Media& media) const;
  std::span<const Attribute> own() const;  ///< those at session level
};

/// Reads a description (RFC 8866 §5, §9), lines ended by CRLF, LF or CR. Lines that we have no use for (i, u, e, p, b,
/// t, r, z, k) are skipped.
///
/// text     one SIP body, untrusted; must outlive the Session
/// cost     no allocation; linear in the text
Result<Session, ParseError> parse(std::string_view text);

/// Writes what the Session holds, lines ended by CRLF; what parse skips is not there to write. Empty when it does not
/// fit. Reading the result back gives the same Session.
std::string_view write(const Session& session, std::span<char> out);

/// "a=name:value" read on: the number before the first blank, and what follows. Empty when there is none up to 65535.
struct Numbered {
  std::uint16_t number = 0;
  std::string_view rest;
};
std::optional<Numbered> numbered(std::string_view value);

}  // namespace carillon::sdp
