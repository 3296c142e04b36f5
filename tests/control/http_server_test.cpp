// The server over loopback: bytes on a socket in, bytes out. Limits are shortened so that nothing waits long.

#include "control/api/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "tests/control/folder.h"

namespace carillon::control {
namespace {

// So many pieces; a negative count breaks instead of ending.
class Pieces : public BodySource {
 public:
  explicit Pieces(int count) : left_(std::abs(count)), breaks_(count < 0) {}
  std::string next() override {
    if (left_ == 0 && breaks_) throw std::runtime_error("the store fails");
    return left_-- > 0 ? "piece\n" : "";
  }

 private:
  int left_;
  bool breaks_;
};

class Echo : public Handler {
 public:
  Admission admit(const Request& head) override {
    if (head.target == "/secret") return {.body_max = 0, .refusal = Response{.status = 401, .body = "who?"}};
    if (head.target == "/upload") return {.body_max = 2 << 20, .spool = spool};
    return {.body_max = 1000};
  }
  Response handle(const Request& request) override {
    if (request.target == "/file") return {.status = 206, .file = FilePart{file, 10, 300'000}};
    if (request.target == "/events") return {.stream = events};
    if (request.target == "/pieces") return {.source = std::make_shared<Pieces>(3)};
    if (request.target == "/broken") return {.source = std::make_shared<Pieces>(-2)};
    if (request.target == "/upload") {
      spooled = std::filesystem::file_size(request.body_file);
      return {.body = "took " + std::to_string(spooled) + " " + request.body};
    }
    Response response{.body = request.method + " " + request.target + " " + request.body};
    response.set("Content-Type", "text/plain");
    return response;
  }
  Response refuse(std::string_view code) override { return {.status = 400, .body = std::string(code)}; }

  std::string file, spool;
  std::uintmax_t spooled = 0;
  std::shared_ptr<EventStream> events;
};

class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    timeval wait{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  }
  ~Client() { ::close(socket_); }
  Client& send(std::string_view text) {
    EXPECT_EQ(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    return *this;
  }
  /// Reads until `enough` or the end.
  std::string read(const std::function<bool(const std::string&)>& enough = [](const std::string&) { return false; }) {
    std::string text;
    char piece[4096];
    while (!enough(text)) {
      const auto count = ::recv(socket_, piece, sizeof piece, 0);
      if (count <= 0) break;
      text.append(piece, static_cast<std::size_t>(count));
    }
    return text;
  }
  std::string until(const std::string& what) {
    return read([&](const std::string& text) { return text.find(what) != std::string::npos; });
  }
  int fd() const { return socket_; }
  bool connected = false;

 private:
  int socket_;
};

class Server : public testing::Test {
 protected:
  std::uint16_t serve(HttpConfig config = {}) {
    config.port = 0;
    server = std::make_unique<HttpServer>(config, handler);
    const auto port = server->start();
    EXPECT_TRUE(port) << (port ? "" : port.error());
    return port.value_or(0);
  }
  Echo handler;
  std::unique_ptr<HttpServer> server;
};

TEST_F(Server, KeepsAConnectionForSeveralRequests) {
  Client client(serve());
  client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(client.until("hello"), testing::HasSubstr("POST /a hello"));
  client.send("GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read(), testing::HasSubstr("GET /b "));
}

TEST_F(Server, SendsABodyOfUnknownLengthInChunks) {
  Client client(serve());
  client.send("GET /pieces HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.until("\r\n0\r\n\r\n");
  EXPECT_THAT(answer, testing::HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n6\r\npiece\n\r\n6\r\npiece\n\r\n6\r\npiece\n\r\n0\r\n\r\n"));
  client.send("GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read(), testing::HasSubstr("GET /b "));
}

TEST_F(Server, ABodyThatBreaksDoesNotLookWhole) {
  Client client(serve());
  client.send("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.read();
  EXPECT_THAT(answer, testing::HasSubstr("piece\n"));
  EXPECT_THAT(answer, testing::Not(testing::HasSubstr("\r\n0\r\n")));
}

TEST_F(Server, AClientOfHttp10GetsPiecesPlain) {
  Client client(serve());
  client.send("GET /pieces HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read(), testing::EndsWith("\r\n\r\npiece\npiece\npiece\n"));
}

TEST_F(Server, AnswersHeadWithoutABody) {
  Client client(serve());
  client.send("HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto answer = client.read();
  EXPECT_THAT(answer, testing::HasSubstr("Content-Length: 8\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(Server, RefusesWhatIsTooLargeOrNotAdmitted) {
  const auto port = serve();
  EXPECT_THAT(Client(port).send("POST /a HTTP/1.1\r\nContent-Length: 1001\r\n\r\n").read(),
              testing::HasSubstr("body_too_large"));
  EXPECT_THAT(Client(port).send("POST /secret HTTP/1.1\r\nContent-Length: 5\r\n\r\n").read(),
              testing::HasSubstr("401"));
  EXPECT_THAT(Client(port)
                  .send("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x'))
                  .read(),
              testing::HasSubstr("body_too_large"));
  EXPECT_THAT(Client(port).send("GET /a HTTP/1.1\r\nX: " + std::string(17'000, 'x')).read(),
              testing::HasSubstr("headers_too_large"));
  EXPECT_THAT(Client(port).send("SPLAT\r\n\r\n").read(), testing::HasSubstr("bad_request"));
}

TEST_F(Server, WritesALargeBodyIntoAFileAndRemovesWhatIsLeft) {
  Folder folder;
  handler.spool = folder.path() + "/upload.part";
  const auto port = serve();
  const std::string body(1'500'000, 'x');
  Client client(port);
  client.send("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1500000\r\n\r\n" + body);
  EXPECT_THAT(client.until("took"), testing::HasSubstr("200 OK"));
  EXPECT_EQ(handler.spooled, body.size());
  client.send("GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");  // the connection goes on
  EXPECT_THAT(client.read(), testing::HasSubstr("GET /b "));
  EXPECT_FALSE(std::filesystem::exists(handler.spool));
  EXPECT_THAT(Client(port).send("POST /upload HTTP/1.1\r\nContent-Length: 2097153\r\n\r\n").read(),
              testing::HasSubstr("body_too_large"));
  Client cut(port);  // gone in the middle of its body
  cut.send("POST /upload HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc");
  ::shutdown(cut.fd(), SHUT_WR);
  cut.read();
  EXPECT_FALSE(std::filesystem::exists(handler.spool));
}

TEST_F(Server, CutsOffASlowHead) {
  HttpConfig config;
  config.head_timeout = 200ms;
  Client client(serve(config));
  client.send("GET /a HT");
  EXPECT_EQ(client.read(), "");
}

TEST_F(Server, CutsOffASlowBody) {
  HttpConfig config;
  config.body_timeout = 200ms;
  Client client(serve(config));
  client.send("POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe");
  EXPECT_EQ(client.read(), "");
}

TEST_F(Server, TakesNoMoreConnectionsThanItsBound) {
  HttpConfig config;
  config.connections_max = 2;
  const auto port = serve(config);
  Client first(port), second(port);
  first.send("GET /a HTTP/1.1\r\n\r\n").until("/a");
  second.send("GET /a HTTP/1.1\r\n\r\n").until("/a");
  Client third(port);
  EXPECT_EQ(third.read(), "");
}

TEST_F(Server, SendsPartsOfFiles) {
  Folder folder;
  handler.file = folder.path() + "/f";
  std::string content;
  for (int i = 0; i < 400'000; ++i) content += static_cast<char>('a' + i % 26);
  std::ofstream(handler.file) << content;
  Client client(serve());
  client.send("GET /file HTTP/1.1\r\nConnection: close\r\n\r\n");
  const auto answer = client.read();
  EXPECT_EQ(answer.substr(answer.find("\r\n\r\n") + 4), content.substr(10, 300'000));
}

// An event arrives at a reader who was already waiting.
TEST_F(Server, StreamsEventsAsTheyCome) {
  struct Stream : EventStream {
    std::string next() override {
      const std::lock_guard lock(mutex);
      return std::exchange(text, "");
    }
    void on_ready(std::function<void()> wake) override {
      const std::lock_guard lock(mutex);
      knock = std::move(wake);
      ready.set_value();
    }
    std::mutex mutex;
    std::string text;
    std::function<void()> knock;
    std::promise<void> ready;
  };
  const auto stream = std::make_shared<Stream>();
  handler.events = stream;
  Client client(serve());
  client.send("GET /events HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.until("\r\n\r\n"), testing::HasSubstr("200"));
  stream->ready.get_future().wait();
  for (const char* news : {"data: one\n\n", "data: two\n\n"}) {
    {
      const std::lock_guard lock(stream->mutex);
      stream->text = news;
    }
    stream->knock();
    EXPECT_EQ(client.until(news), news);
  }
  server.reset();  // with a reader still there
}

TEST_F(Server, SpeaksTls) {
  Folder folder;
  const std::string key = folder.path() + "/key.pem", certificate = folder.path() + "/cert.pem";
  const std::string make =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
      "-keyout " +
      key + " -out " + certificate + " 2>/dev/null";
  ASSERT_EQ(std::system(make.c_str()), 0);
  HttpConfig config;
  config.certificate = certificate;
  config.key = key;
  Client client(serve(config));
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_load_verify_locations(context, certificate.c_str(), nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL* tls = SSL_new(context);
  SSL_set_fd(tls, client.fd());
  ASSERT_EQ(SSL_connect(tls), 1);
  const std::string_view text = "GET /a HTTP/1.1\r\nConnection: close\r\n\r\n";
  SSL_write(tls, text.data(), static_cast<int>(text.size()));
  char answer[2048] = {};
  EXPECT_GT(SSL_read(tls, answer, sizeof answer - 1), 0);
  EXPECT_THAT(std::string(answer), testing::HasSubstr("200 OK"));
  SSL_free(tls);
  SSL_CTX_free(context);
}

TEST(HttpConfig, RefusesPlainHttpBeyondLoopback) {
  HttpConfig config;
  EXPECT_EQ(config.fault(), "");
  config.address = "0.0.0.0";
  EXPECT_THAT(config.fault(), testing::StartsWith("http.address"));
  config.insecure = true;
  EXPECT_EQ(config.fault(), "");
  config.certificate = "x";
  EXPECT_THAT(config.fault(), testing::StartsWith("http.certificate"));
}

}  // namespace
}  // namespace carillon::control
