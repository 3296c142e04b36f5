#include "control/api/http_server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/file_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

namespace carillon::control {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

std::string HttpConfig::fault() const {
  error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  if (error) return "http.address: not an IP address";
  if (certificate.empty() != key.empty()) return "http.certificate: certificate and key go together";
  if (certificate.empty() && !parsed.is_loopback() && !insecure)
    return "http.address: beyond loopback HTTPS is needed: give certificate and key, or say insecure = true";
  if (workers == 0 || workers > 256) return "http.workers: 1 to 256";
  if (connections_max == 0) return "http.connections_max: at least 1";
  return {};
}

namespace {

using Task = asio::awaitable<void>;
using Parser = http::request_parser<http::string_body>;
constexpr auto kNoThrow = [](error_code& error) { return asio::redirect_error(asio::use_awaitable, error); };
constexpr std::size_t kLargeBody = 1 << 20;

// g++ 12 destroys temporaries twice when they are part of a co_await expression (GCC bug 99576): here such arguments
// are named, or references.

// What connections share.
struct Shared {
  const HttpConfig& config;
  Handler& handler;
  asio::thread_pool& pool;
  std::atomic<std::uint32_t> connections{0}, large_bodies{0};
};

struct Counted {
  std::atomic<std::uint32_t>& count;
  explicit Counted(std::atomic<std::uint32_t>& count) : count(count) { ++count; }
  ~Counted() { --count; }
};

Request request_of(const Parser& parser, const std::string& peer) {
  const auto& message = parser.get();
  Request request{
      .method = std::string(message.method_string()), .target = std::string(message.target()), .peer = peer};
  for (const auto& field : message)
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  return request;
}

template <class Stream>
class Connection {
 public:
  Connection(Stream stream, Shared& shared, std::string peer)
      : stream_(std::move(stream)), shared_(shared), peer_(std::move(peer)) {}

  beast::tcp_stream& socket() { return beast::get_lowest_layer(stream_); }
  Stream& stream() { return stream_; }

  Task serve() {
    bool keep = true;
    for (bool first = true; keep; first = false) {
      socket().expires_after(first ? shared_.config.head_timeout : 4 * shared_.config.head_timeout);
      keep = co_await one_request();
    }
    socket().socket().shutdown(tcp::socket::shutdown_both, ignored_);
  }

 private:
  // True: another request may follow.
  asio::awaitable<bool> one_request() {
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(shared_.config.header_max));
    parser.body_limit(boost::none);
    error_code error;
    co_await http::async_read_header(stream_, buffer_, parser, kNoThrow(error));
    if (error) co_return co_await refuse_head(error);

    Request request = request_of(parser, peer_);
    version_ = parser.get().version();
    Admission admission = shared_.handler.admit(request);
    const auto length = parser.content_length();
    if (admission.refusal) co_return co_await answer(*admission.refusal, false, false);
    if (length && *length > admission.body_max) co_return co_await refuse("body_too_large");
    const bool large = admission.body_max > kLargeBody && (!length || *length > kLargeBody);
    if (large && shared_.large_bodies >= shared_.config.large_bodies_max)
      co_return co_await refuse("too_many_requests");
    std::optional<Counted> counted;
    if (large) counted.emplace(shared_.large_bodies);

    if (!admission.spool.empty()) co_return co_await one_upload(parser, request, admission);
    parser.body_limit(admission.body_max);
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on{http::status::continue_, 11};
      co_await http::async_write(stream_, go_on, kNoThrow(error));
    }
    socket().expires_after(shared_.config.body_timeout);
    co_await http::async_read(stream_, buffer_, parser, kNoThrow(error));
    if (error == http::error::body_limit) co_return co_await refuse("body_too_large");
    if (error == beast::error::timeout) co_return false;
    if (error) co_return co_await refuse("bad_request");
    const bool keep = parser.get().keep_alive();
    const bool head_only = parser.get().method() == http::verb::head;
    request.body = std::move(parser.get().body());
    co_return co_await handle(request, head_only, keep);
  }

  // A body too large for memory goes into a file; what the handler leaves of it is removed.
  asio::awaitable<bool> one_upload(Parser& head, Request& request, const Admission& admission) {
    struct Remover {
      const std::string& path;
      ~Remover() {
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
      }
    };
    const Remover remover{admission.spool};
    http::request_parser<http::file_body> parser{std::move(head)};
    parser.body_limit(admission.body_max);
    error_code error;
    parser.get().body().open(admission.spool.c_str(), beast::file_mode::write, error);
    if (error) co_return co_await refuse("store_unavailable");
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on{http::status::continue_, 11};
      co_await http::async_write(stream_, go_on, kNoThrow(error));
    }
    while (!error && !parser.is_done()) {
      socket().expires_after(shared_.config.body_timeout);  // for each piece
      co_await http::async_read_some(stream_, buffer_, parser, kNoThrow(error));
    }
    if (error == http::error::body_limit) co_return co_await refuse("body_too_large");
    if (error == beast::error::timeout) co_return false;
    if (error) co_return co_await refuse("bad_request");
    const bool keep = parser.get().keep_alive();
    parser.get().body().close();
    request.body_file = admission.spool;
    co_return co_await handle(request, false, keep);
  }

  asio::awaitable<bool> handle(Request& request, bool head_only, bool keep) {
    socket().expires_never();
    Response response;
    const auto work = [this, &request, &response]() -> Task {  // on the pool: the handler may wait
      response = shared_.handler.handle(request);
      co_return;
    };
    co_await asio::co_spawn(shared_.pool, work, asio::use_awaitable);
    co_return co_await answer(response, head_only, keep);
  }

  asio::awaitable<bool> refuse_head(const error_code& error) {
    if (error == http::error::header_limit) co_return co_await refuse("headers_too_large");
    const bool malformed = error.category() == make_error_code(http::error::bad_version).category() &&
                           error != http::error::end_of_stream && error != http::error::partial_message;
    if (malformed) co_return co_await refuse("bad_request");
    co_return false;
  }

  asio::awaitable<bool> refuse(const char* code) {
    Response response = shared_.handler.refuse(code);
    co_return co_await answer(response, false, false);
  }

  template <class Message>
  void fill_head(Message& message, const Response& response, bool keep) {
    message.version(11);
    message.result(static_cast<unsigned>(response.status));
    for (const auto& [name, value] : response.headers) message.set(name, value);
    message.keep_alive(keep);
  }

  asio::awaitable<bool> answer(Response& response, bool head_only, bool keep) {
    socket().expires_after(shared_.config.body_timeout);
    if (response.stream && !head_only) co_return co_await stream_events(response);
    if (response.file && !head_only) co_return co_await send_file(response, keep);
    if (response.source && !head_only) co_return co_await send_pieces(response, keep);
    error_code error;
    http::response<http::string_body> message;
    fill_head(message, response, keep);
    const bool bodiless = response.status == 204 || response.status == 304;
    if (head_only) {
      http::response<http::empty_body> head;
      fill_head(head, response, keep);
      if (response.source)
        head.chunked(true);
      else
        head.content_length(response.file ? response.file->length : response.body.size());
      co_await http::async_write(stream_, head, kNoThrow(error));
      co_return error ? false : keep;
    }
    message.body() = std::move(response.body);
    if (!bodiless) message.prepare_payload();
    co_await http::async_write(stream_, message, kNoThrow(error));
    co_return error ? false : keep;
  }

  asio::awaitable<bool> send_file(const Response& response, bool keep) {
    std::ifstream file(response.file->path, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(response.file->offset));
    http::response<http::buffer_body> message;
    fill_head(message, response, keep);
    message.content_length(response.file->length);
    message.body().data = nullptr;
    message.body().more = true;
    http::response_serializer<http::buffer_body> serializer(message);
    error_code error;
    co_await http::async_write_header(stream_, serializer, kNoThrow(error));
    std::vector<char> piece(64 * 1024);
    for (std::uint64_t left = response.file->length; !error && left > 0;) {
      const auto count = static_cast<std::streamsize>(std::min<std::uint64_t>(left, piece.size()));
      if (!file.read(piece.data(), count)) co_return false;  // it shrank: the length promised cannot be kept
      left -= static_cast<std::uint64_t>(count);
      message.body().data = piece.data();
      message.body().size = static_cast<std::size_t>(count);
      message.body().more = left > 0;
      socket().expires_after(shared_.config.body_timeout);
      co_await http::async_write(stream_, serializer, kNoThrow(error));
      if (error == http::error::need_buffer) error = {};
    }
    co_return error ? false : keep;
  }

  // Chunked; a client of HTTP/1.0 gets it plain, ended by the connection.
  asio::awaitable<bool> send_pieces(const Response& response, bool keep) {
    const bool is_chunked = version_ >= 11;
    http::response<http::empty_body> message;
    fill_head(message, response, keep && is_chunked);
    message.chunked(is_chunked);
    http::response_serializer<http::empty_body> serializer(message);
    error_code error;
    co_await http::async_write_header(stream_, serializer, kNoThrow(error));
    const auto source = response.source;
    while (!error) {
      std::string piece;
      const auto make = [&source, &piece]() -> Task {
        piece = source->next();
        co_return;
      };
      socket().expires_never();
      co_await asio::co_spawn(shared_.pool, make, asio::use_awaitable);
      socket().expires_after(shared_.config.body_timeout);
      if (piece.empty()) break;
      const auto bytes = asio::buffer(piece);
      if (is_chunked) {
        const auto chunk = http::make_chunk(bytes);
        co_await asio::async_write(stream_, chunk, kNoThrow(error));
      } else {
        co_await asio::async_write(stream_, bytes, kNoThrow(error));
      }
    }
    if (!error && is_chunked) {
      const auto last = http::make_chunk_last();
      co_await asio::async_write(stream_, last, kNoThrow(error));
    }
    co_return error || !is_chunked ? false : keep;
  }

  // Server-sent events end with the connection, so the body has no length.
  asio::awaitable<bool> stream_events(const Response& response) {
    http::response<http::empty_body> message;
    fill_head(message, response, false);
    http::response_serializer<http::empty_body> serializer(message);
    error_code error;
    co_await http::async_write_header(stream_, serializer, kNoThrow(error));
    const auto executor = co_await asio::this_coro::executor;
    struct Knock {
      asio::steady_timer timer;
      bool news = false;
    };
    const auto knock = std::make_shared<Knock>(Knock{.timer = asio::steady_timer(executor)});
    const auto source = response.stream;
    source->on_ready([executor, weak = std::weak_ptr(knock)] {
      asio::post(executor, [weak] {
        const auto waiting = weak.lock();
        if (!waiting) return;
        waiting->news = true;
        waiting->timer.cancel();
      });
    });
    while (!error) {
      knock->news = false;  // before looking: what comes now is not missed
      std::string text;
      const auto look = [&source, &text]() -> Task {
        text = source->next();
        co_return;
      };
      co_await asio::co_spawn(shared_.pool, look, asio::use_awaitable);
      if (text.empty() && !knock->news) {
        error_code cancelled;
        knock->timer.expires_after(std::chrono::seconds(15));
        co_await knock->timer.async_wait(kNoThrow(cancelled));
      }
      if (text.empty() && knock->news) continue;
      if (text.empty()) text = ": still here\n\n";
      socket().expires_after(shared_.config.body_timeout);
      co_await asio::async_write(stream_, asio::buffer(text), kNoThrow(error));
    }
    co_return false;
  }

  Stream stream_;
  Shared& shared_;
  std::string peer_;
  unsigned version_ = 11;  ///< of the request at hand
  beast::flat_buffer buffer_{64 * 1024};
  error_code ignored_;
};

Task serve_plain(beast::tcp_stream stream, Shared& shared, std::string peer) {
  const Counted counted(shared.connections);
  Connection connection(std::move(stream), shared, std::move(peer));
  co_await connection.serve();
}

Task serve_tls(beast::tcp_stream stream, asio::ssl::context& tls, Shared& shared, std::string peer) {
  const Counted counted(shared.connections);
  Connection connection(beast::ssl_stream<beast::tcp_stream>(std::move(stream), tls), shared, std::move(peer));
  error_code error;
  connection.socket().expires_after(shared.config.head_timeout);
  co_await connection.stream().async_handshake(asio::ssl::stream_base::server, kNoThrow(error));
  if (error) co_return;
  co_await connection.serve();
}

}  // namespace

struct HttpServer::Parts {
  HttpConfig config;
  Handler& handler;
  asio::thread_pool pool;
  Shared shared{config, handler, pool};
  asio::ssl::context tls{asio::ssl::context::tls_server};
  asio::io_context io{1};  // goes before what its coroutines refer to
  tcp::acceptor acceptor{io};
  std::thread thread;

  Parts(HttpConfig config, Handler& handler)
      : config(std::move(config)), handler(handler), pool(this->config.workers) {}

  Task accept() {
    for (;;) {
      error_code error;
      tcp::socket socket = co_await acceptor.async_accept(kNoThrow(error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // out of descriptors: let some connections end
        asio::steady_timer pause(io, std::chrono::milliseconds(50));
        co_await pause.async_wait(asio::use_awaitable);
        continue;
      }
      if (shared.connections >= config.connections_max) continue;  // closed at once
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      const auto peer = socket.remote_endpoint(ignored).address().to_string();
      beast::tcp_stream stream(std::move(socket));
      const auto over = [](std::exception_ptr fault) {
        try {
          if (fault) std::rethrow_exception(fault);
        } catch (const std::exception& error) {
          spdlog::debug("connection: {}", error.what());
        }
      };
      if (config.certificate.empty())
        asio::co_spawn(io, serve_plain(std::move(stream), shared, peer), over);
      else
        asio::co_spawn(io, serve_tls(std::move(stream), tls, shared, peer), over);
    }
  }
};

HttpServer::HttpServer(HttpConfig config, Handler& handler)
    : parts_(std::make_unique<Parts>(std::move(config), handler)) {}

HttpServer::~HttpServer() { stop(); }

Result<std::uint16_t, std::string> HttpServer::start() {
  Parts& parts = *parts_;
  if (auto fault = parts.config.fault(); !fault.empty()) return fault;
  error_code error;
  if (!parts.config.certificate.empty()) {
    parts.tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                          asio::ssl::context::no_tlsv1_1);
    parts.tls.use_certificate_chain_file(parts.config.certificate, error);
    if (error) return fmt::format("http.certificate: {}: {}", parts.config.certificate, error.message());
    parts.tls.use_private_key_file(parts.config.key, asio::ssl::context::pem, error);
    if (error) return fmt::format("http.key: {}: {}", parts.config.key, error.message());
  }
  const tcp::endpoint endpoint(asio::ip::make_address(parts.config.address), parts.config.port);
  parts.acceptor.open(endpoint.protocol(), error);
  if (!error) parts.acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) parts.acceptor.bind(endpoint, error);
  if (!error) parts.acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fmt::format("http: {} port {}: {}", parts.config.address, parts.config.port, error.message());
  asio::co_spawn(parts.io, parts.accept(), asio::detached);
  parts.thread = std::thread([&parts] { parts.io.run(); });
  return parts.acceptor.local_endpoint().port();
}

void HttpServer::stop() {
  if (!parts_ || !parts_->thread.joinable()) return;
  parts_->io.stop();
  parts_->thread.join();
  parts_->pool.join();
}

}  // namespace carillon::control
