#pragma once
// HTTP without a socket: what a handler gets and gives. The server turns these into bytes, tests use them directly.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::control {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;  ///< "GET"
  std::string target;  ///< "/v1/calls?limit=5", as it came
  HeaderList headers = {};
  std::string body = {};
  std::string peer = {};       ///< address of the client
  std::string body_file = {};  ///< where Admission::spool had the body written, instead of `body`

  /// The first header of that name in any case, or empty.
  std::string_view header(std::string_view name) const;
};

/// A part of a file as a body.
struct FilePart {
  std::string path;
  std::uint64_t offset = 0, length = 0;
};

/// A body without end. `next` is called from one thread at a time; an empty answer means nothing new, then the server
/// waits until the stream calls back or 15 s have passed.
class EventStream {
 public:
  virtual ~EventStream() = default;
  virtual std::string next() = 0;
  /// `wake` may be called from any thread, until the stream is destroyed.
  virtual void on_ready(std::function<void()> wake) = 0;
};

/// A body in pieces whose length nobody knows yet; sent chunked. `next` is called from one thread at a time and may
/// wait for the store; an empty piece is the end. One that throws cuts the connection, so that the client sees a broken
/// body and not a short one.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual std::string next() = 0;
};

struct Response {
  int status = 200;
  HeaderList headers = {};
  std::string body = {};
  std::optional<FilePart> file = {};              ///< instead of `body`
  std::shared_ptr<EventStream> stream = nullptr;  ///< instead of `body`
  std::shared_ptr<BodySource> source = nullptr;   ///< instead of `body`

  void set(std::string_view name, std::string_view value);
  std::string_view header(std::string_view name) const;
};

/// What the server asks once it has read a request's head: how large a body it may take, or the refusal at once.
struct Admission {
  std::size_t body_max = 0;
  std::string spool = {};  ///< the body goes into this file; whoever handles the request may move it away
  std::optional<Response> refusal = {};
};

class Handler {
 public:
  virtual ~Handler() = default;
  /// Any thread; cheap.
  virtual Admission admit(const Request& head) = 0;
  /// Any thread; may wait for the store.
  virtual Response handle(const Request& request) = 0;
  /// An answer where HTTP itself is wrong: "bad_request", "body_too_large", "headers_too_large", "timeout".
  virtual Response refuse(std::string_view code) = 0;
};

/// Path and query of a target, percent-decoded; nothing for a target that is not one.
struct Target {
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;
};
std::optional<Target> parse_target(std::string_view target);

}  // namespace carillon::control
