#pragma once
// Reads one SIP message where it lies. A Message is a table of offsets into the wire; nothing is copied or unfolded.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/result.h"

namespace carillon::sip {

enum class Method : std::uint8_t {
  kInvite,
  kAck,
  kBye,
  kCancel,
  kRegister,
  kOptions,
  kInfo,
  kPrack,
  kUpdate,
  kSubscribe,
  kNotify,
  kRefer,
  kMessage,
  kPublish,
  kOther  ///< a token that we do not know
};
Method method_of(std::string_view token);
std::string_view name_of(Method method);

enum class HeaderId : std::uint8_t {
  kOther,
  kVia,
  kFrom,
  kTo,
  kCallId,
  kCSeq,
  kContact,
  kMaxForwards,
  kRoute,
  kRecordRoute,
  kContentType,
  kContentLength,
  kExpires,
  kMinExpires,
  kAuthorization,
  kProxyAuthorization,
  kWwwAuthenticate,
  kProxyAuthenticate,
  kRequire,
  kSupported,
  kUnsupported,
  kAllow,
  kUserAgent,
  kServer,
  kRetryAfter,
  kReason,
  kPAssertedIdentity,
  kCount
};

/// Why a datagram is not a SIP message at all: it is dropped and counted.
enum class ParseError : std::uint8_t {
  kKeepAlive,       ///< only CR, LF or NUL (RFC 5626 §4.4.1 and its imitations)
  kTooLong,         ///< over 65,535 bytes
  kStartLine,       ///< neither a request line, however broken, nor a status line
  kHeader,          ///< a line without a colon, a name that is no token, a bare CR, NUL that is not escaped
  kTooManyHeaders,  ///< over Message::kHeadersMax
  kNoEnd            ///< no empty line after the headers
};

/// Why a message that could be read must not be obeyed. A request with one is answered, a response dropped. The parser
/// finds what its lines show; those after kMaxForwards are found by validate() of validate.h.
enum class Fault : std::uint8_t {
  kNone,
  kVersion,        ///< not SIP/2.0: 505
  kRequestLine,    ///< not "method SP URI SP version": white space or brackets too many
  kMissing,        ///< Via, From, To, Call-ID or CSeq is not there
  kDuplicate,      ///< From, To, Call-ID, CSeq, Content-Length or Max-Forwards twice
  kContentLength,  ///< not a number, or more than the datagram holds (RFC 3261 §18.3)
  kCSeq,           ///< not a number below 2^31 and a method
  kMethod,         ///< CSeq has another method than the request line
  kMaxForwards,    ///< not a number up to 255
  kRequestUri,     ///< of a scheme that we know, but broken or with headers (§19.1.1)
  kScheme,         ///< of another scheme: 416
  kUriTooLong,     ///< Request-URI over kRequestUriMax: 414
  kTooMany,        ///< over kValuesMax values of one list (Via, Contact): 513
  kVia,
  kFrom,
  kTo,
  kContact
};
std::string_view name_of(Fault fault);

/// One SIP message (RFC 3261 §7), request or response. Lives as long as the bytes it was parsed from; trivially
/// copyable. Header values may contain folds (CR LF SP): take them apart with text.h and field.h, which treat these as
/// white space, and write them with Writer, which unfolds.
class Message {
 public:
  static constexpr std::size_t kHeadersMax = 96;
  static constexpr std::size_t kBytesMax = 0xFFFF;

  /// wire     one UDP payload, untrusted; bytes behind Content-Length are ignored (§18.3)
  /// returns  a message whose views lie inside `wire`; look at fault() before using it
  /// cost     one pass, no allocation
  static Result<Message, ParseError> parse(ByteView wire);

  bool is_request() const { return status_ == 0; }
  Method method() const { return method_; }  ///< of a response: from its CSeq
  std::string_view method_text() const { return view(method_text_); }
  std::string_view request_uri() const { return view(target_); }
  int status() const { return status_; }
  std::string_view reason() const { return view(target_); }
  std::string_view body() const { return view(body_); }
  Fault fault() const { return fault_; }
  std::uint32_t cseq() const { return cseq_; }

  /// Value of the first such header; nothing if there is none.
  std::optional<std::string_view> find(HeaderId id) const;
  std::string_view value(HeaderId id) const { return find(id).value_or(std::string_view{}); }
  std::optional<std::string_view> find(std::string_view name) const;

  std::size_t size() const { return count_; }
  HeaderId id(std::size_t index) const { return headers_[index].id; }
  std::string_view name(std::size_t index) const { return view(headers_[index].name); }
  std::string_view value(std::size_t index) const { return view(headers_[index].value); }
  std::string_view wire() const { return {base_, wire_size_}; }

  /// The same message over a copy of its bytes.
  Message moved_to(const char* copy) const;

 private:
  struct Piece {
    std::uint16_t at, size;
  };
  struct Header {
    HeaderId id;
    Piece name, value;
  };
  friend class MessageParser;

  Message() {}  // the table is not cleared
  std::string_view view(Piece piece) const { return {base_ + piece.at, piece.size}; }

  const char* base_ = nullptr;
  std::uint32_t wire_size_ = 0;
  std::uint32_t cseq_ = 0;
  std::uint16_t status_ = 0;
  Method method_ = Method::kOther;
  Fault fault_ = Fault::kNone;
  Piece method_text_{}, target_{}, body_{};
  std::uint8_t count_ = 0;
  std::array<std::uint8_t, static_cast<std::size_t>(HeaderId::kCount)> first_;  // index + 1
  std::array<Header, kHeadersMax> headers_;
};

}  // namespace carillon::sip
