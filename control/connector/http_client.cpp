// The socket side of webhooks. The only outgoing HTTP of control, so Beast's client is seen nowhere else.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <thread>

#include "control/connector/transport.h"

namespace carillon::control {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kNoThrow = [](error_code& error) { return asio::redirect_error(asio::use_awaitable, error); };
constexpr int kInterimMax = 4;  // answers 1xx before the real one

bool is_public(const asio::ip::address& address) {
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return is_public_address(bytes);
  }
  const auto bytes = address.to_v6().to_bytes();
  return is_public_address(bytes);
}

// One exchange; everything it needs, it owns or borrows from the client.
class Exchange {
 public:
  Exchange(asio::io_context& io, asio::ssl::context& tls, const HttpClientConfig& config, HookRequest request)
      : io_(io), tls_(tls), config_(config), request_(std::move(request)) {}

  asio::awaitable<void> run(HookAnswer& answer) {
    deadline_ = std::chrono::steady_clock::now() + config_.timeout;
    const auto endpoints = co_await addresses(answer);
    if (endpoints.empty()) co_return;
    beast::tcp_stream stream(io_);
    stream.expires_at(deadline_);
    error_code error;
    co_await stream.async_connect(endpoints, kNoThrow(error));
    if (error) co_return fail(answer, "connect", error);
    if (!request_.url.is_tls) co_return co_await exchange(stream, answer);
    beast::ssl_stream<beast::tcp_stream> secure(std::move(stream), tls_);
    if (!is_public_literal(request_.url.host))  // a name (RFC 6066 §3)
      SSL_set_tlsext_host_name(secure.native_handle(), request_.url.host.c_str());
    secure.set_verify_callback(asio::ssl::host_name_verification(request_.url.host), error);
    co_await secure.async_handshake(asio::ssl::stream_base::client, kNoThrow(error));
    if (error) co_return fail(answer, "tls", error);
    co_await exchange(secure, answer);
  }

 private:
  static void fail(HookAnswer& answer, const char* stage, const error_code& error) {
    const bool is_late = error == beast::error::timeout || error == asio::error::operation_aborted;
    answer.error = std::string(stage) + ": " + (is_late ? std::string("timed out") : error.message());
  }

  // Those of the host that may be reached; the check is made on what will be connected to. The system's resolver cannot
  // be interrupted: where name servers are silent, an exchange lasts until it gives up, and names wait for each other.
  asio::awaitable<std::vector<tcp::endpoint>> addresses(HookAnswer& answer) {
    tcp::resolver resolver(io_);
    asio::steady_timer alarm(io_, deadline_);
    alarm.async_wait([&resolver](error_code cancelled) {
      if (!cancelled) resolver.cancel();
    });
    error_code error;
    const auto service = std::to_string(request_.url.port);
    const auto found = co_await resolver.async_resolve(request_.url.host, service, kNoThrow(error));
    alarm.cancel();
    std::vector<tcp::endpoint> allowed;
    if (error) {
      fail(answer, "resolve", error);
      co_return allowed;
    }
    for (const auto& entry : found)
      if (config_.allow_private || is_public(entry.endpoint().address())) allowed.push_back(entry.endpoint());
    if (allowed.empty()) answer.error = "address: the host leads to no address of the public internet";
    if (allowed.size() > 4) allowed.resize(4);
    co_return allowed;
  }

  template <class Stream>
  asio::awaitable<void> exchange(Stream& stream, HookAnswer& answer) {
    http::request<http::string_body> message{http::verb::post, request_.url.target, 11};
    for (const auto& [name, value] : request_.headers) message.set(name, value);
    message.set(http::field::host, request_.url.host_header);
    message.set(http::field::connection, "close");
    message.body() = std::move(request_.body);
    message.prepare_payload();
    error_code error;
    co_await http::async_write(stream, message, kNoThrow(error));
    if (error) co_return fail(answer, "send", error);
    beast::flat_buffer buffer(32 * 1024);
    for (int interim = 0; interim <= kInterimMax; ++interim) {
      http::response_parser<http::buffer_body> parser;  // a string would reserve what the length promises
      parser.header_limit(16 * 1024);
      parser.body_limit(boost::none);
      co_await http::async_read_header(stream, buffer, parser, kNoThrow(error));
      if (error) co_return fail(answer, "answer", error);
      if (parser.get().result_int() / 100 == 1) continue;
      answer.status = static_cast<int>(parser.get().result_int());
      for (const auto& field : parser.get())
        answer.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
      answer.body.resize(config_.answer_max);
      auto& body = parser.get().body();
      body.data = answer.body.data();
      body.size = answer.body.size();
      co_await http::async_read(stream, buffer, parser, kNoThrow(error));  // the status says it all: it may break
      answer.body.resize(answer.body.size() - body.size);
      co_return;
    }
    answer.error = "answer: only interim ones";
  }

  asio::io_context& io_;
  asio::ssl::context& tls_;
  const HttpClientConfig& config_;
  HookRequest request_;
  std::chrono::steady_clock::time_point deadline_;
};

class HttpClient : public HookTransport {
 public:
  explicit HttpClient(const HttpClientConfig& config) : config_(config) {
    tls_.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                     asio::ssl::context::no_tlsv1_1);
    tls_.set_default_verify_paths();
    if (!config_.ca_file.empty()) tls_.load_verify_file(config_.ca_file);
    tls_.set_verify_mode(asio::ssl::verify_peer);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~HttpClient() override {
    io_.stop();
    thread_.join();
  }

  void send(HookRequest request, std::function<void(HookAnswer)> done) override {
    asio::co_spawn(io_, perform(std::move(request), std::move(done)), [](std::exception_ptr) {});
  }

 private:
  // Parameters live in the coroutine's frame.
  asio::awaitable<void> perform(HookRequest request, std::function<void(HookAnswer)> done) {
    HookAnswer answer;
    const auto began = std::chrono::steady_clock::now();
    Exchange exchange(io_, tls_, config_, std::move(request));
    try {
      co_await exchange.run(answer);
    } catch (const std::exception& error) {
      answer.error = error.what();
    }
    answer.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    done(std::move(answer));
  }

  const HttpClientConfig config_;
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<HookTransport> make_http_client(const HttpClientConfig& config) {
  return std::make_unique<HttpClient>(config);
}

}  // namespace carillon::control
