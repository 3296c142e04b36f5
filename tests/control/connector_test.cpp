// The pure parts of webhooks, and their HTTP client over loopback.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "control/api/http_server.h"
#include "control/connector/backoff.h"
#include "control/connector/signature.h"
#include "control/connector/transport.h"
#include "tests/control/folder.h"

namespace carillon::control {
namespace {

using testing::HasSubstr;

// The vector of the reference libraries of Standard Webhooks.
TEST(Signature, IsThatOfStandardWebhooks) {
  const std::vector<std::string> secrets = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
  EXPECT_EQ(sign(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1'614'265'330, R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Signature, OneForEachSecret) {
  const std::vector<std::string> secrets = {make_secret(), make_secret()};
  const auto both = sign(secrets, "evt_1", 5, "{}");
  EXPECT_EQ(both, sign(std::span(secrets).first(1), "evt_1", 5, "{}") + " " +
                      sign(std::span(secrets).last(1), "evt_1", 5, "{}"));
  EXPECT_NE(secrets[0], secrets[1]);
  EXPECT_EQ(secret_key(secrets[0])->size(), 32u);
  EXPECT_FALSE(secret_key("whsec_"));
  EXPECT_FALSE(secret_key("whsec_abc"));
  EXPECT_FALSE(secret_key("whsec_a!bc"));
  EXPECT_FALSE(secret_key("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
}

TEST(HookAddress, UrlsAreReadAsTheyAreConnectedTo) {
  const auto url = parse_hook_url("https://CRM.example.com:8443/in/a%20b?key=1&x=%2F");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->is_tls);
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->host_header, url->host + ":8443");
  EXPECT_EQ(url->target, "/in/a%20b?key=1&x=%2F");
  EXPECT_EQ(parse_hook_url("http://a.example")->target, "/");
  EXPECT_EQ(parse_hook_url("http://a.example?x")->target, "/?x");
  EXPECT_EQ(parse_hook_url("https://[2606:4700::1]/")->host_header, "[2606:4700::1]");
  for (const char* wrong :
       {"", "a.example", "//a.example/", "ftp://a.example/", "https:///x", "https://u@a.example/",
        "https://a.example/#x", "https://a.example:0/", "https://a.example:70000/", "https://a%0d%0ab.example/",
        "https://a example/", "https://[v1.a]/", "javascript:alert(1)", "http:a.example"})
    EXPECT_FALSE(parse_hook_url(wrong)) << wrong;
}

TEST(HookAddress, OnlyThePublicInternetIsPublic) {
  for (const char* inside : {"127.0.0.1",
                             "127.255.0.1",
                             "10.1.2.3",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.168.0.1",
                             "169.254.169.254",
                             "100.64.0.1",
                             "100.127.255.255",
                             "0.0.0.0",
                             "0.1.2.3",
                             "192.0.0.8",
                             "192.0.2.1",
                             "198.18.0.1",
                             "198.19.255.1",
                             "198.51.100.7",
                             "203.0.113.7",
                             "224.0.0.1",
                             "239.1.1.1",
                             "240.0.0.1",
                             "255.255.255.255",
                             "::",
                             "::1",
                             "fe80::1",
                             "febf::1",
                             "fc00::1",
                             "fd12::1",
                             "ff02::1",
                             "::ffff:127.0.0.1",
                             "::ffff:10.0.0.1",
                             "::10.0.0.1",
                             "64:ff9b::a00:1",
                             "2002:a00:1::",
                             "2002:7f00:1::1",
                             "2001::1",
                             "2001:db8::1",
                             "100::1",
                             "3fff::1",
                             "5f00::1"})
    EXPECT_EQ(is_public_literal(inside), false) << inside;
  for (const char* outside : {"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "11.0.0.1",
                              "192.169.0.1", "198.20.0.1", "223.255.255.1", "2606:4700:4700::1111", "2a00:1450::1",
                              "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"})
    EXPECT_EQ(is_public_literal(outside), true) << outside;
  for (const char* name : {"localhost", "example.com", "127.1", "0x7f000001", "2130706433"})
    EXPECT_FALSE(is_public_literal(name).has_value()) << name;  // looked at when it is resolved
}

TEST(Backoff, GrowsToEightHoursAndIsNeverTheSame) {
  Random random(1);
  for (int n = 1; n < 30; ++n) {
    const double plain = std::min(8.0 * 3600e3, 5000.0 * std::pow(3.0, n - 1));
    const auto wait = static_cast<double>(backoff(n, random).count());
    EXPECT_GE(wait, plain * 0.749);
    EXPECT_LE(wait, plain * 1.251);
  }
  EXPECT_NE(backoff(3, random), backoff(3, random));
  EXPECT_EQ(rest_after(1), 1s);
  EXPECT_EQ(rest_after(4), 8s);
  EXPECT_EQ(rest_after(1000), 5min);
}

// ------------------------------------------------------------------ over loopback

HookAnswer ask(HookTransport& client, const std::string& url, std::string body = "{}") {
  std::promise<HookAnswer> promise;
  auto future = promise.get_future();
  client.send({.url = *parse_hook_url(url),
               .headers = {{"Content-Type", "application/json"}, {"webhook-id", "evt_1"}},
               .body = std::move(body)},
              [&promise](HookAnswer answer) { promise.set_value(std::move(answer)); });
  EXPECT_EQ(future.wait_for(60s), std::future_status::ready);
  return future.get();
}

// Accepts one connection after another and writes what the test says, whatever it is asked.
class RawServer {
 public:
  explicit RawServer(std::string answer) : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port) + "/in"; }
  std::uint16_t port = 0;

 private:
  void serve() {
    for (;;) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      char piece[8192];
      (void)!::recv(peer, piece, sizeof piece, 0);
      if (answer_.empty()) (void)!::recv(peer, piece, sizeof piece, 0);  // silent until the client goes
      (void)!::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      ::close(peer);
    }
  }
  std::string answer_;
  int listener_;
  std::thread thread_;
};

TEST(HookClient, SendsAPostAndReadsTheAnswer) {
  class Taker : public Handler {
   public:
    Admission admit(const Request&) override { return {.body_max = 1 << 20}; }
    Response handle(const Request& request) override {
      seen = request;
      Response response{.status = ++count == 1 ? 500 : 200, .body = "thanks"};
      response.set("X-Mine", "yes");
      return response;
    }
    Response refuse(std::string_view) override { return {.status = 400}; }
    Request seen;
    int count = 0;
  } taker;
  HttpConfig config;
  config.port = 0;
  HttpServer server(config, taker);
  const auto port = server.start();
  ASSERT_TRUE(port);
  const auto client = make_http_client({.allow_private = true});
  const std::string url = "http://localhost:" + std::to_string(*port) + "/in?key=1";
  EXPECT_EQ(ask(*client, url).status, 500);
  const auto answer = ask(*client, url, std::string(100'000, 'x'));
  EXPECT_EQ(answer.status, 200) << answer.error;
  EXPECT_EQ(answer.body, "thanks");
  EXPECT_THAT(answer.headers, testing::Contains(testing::Pair("X-Mine", "yes")));
  EXPECT_EQ(taker.seen.method, "POST");
  EXPECT_EQ(taker.seen.target, "/in?key=1");
  EXPECT_EQ(taker.seen.body.size(), 100'000u);
  EXPECT_EQ(taker.seen.header("Host"), "localhost:" + std::to_string(*port));
  EXPECT_EQ(taker.seen.header("webhook-id"), "evt_1");
}

TEST(HookClient, ReachesNothingInsideUnlessAllowed) {
  RawServer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const auto client = make_http_client({});
  for (const std::string host : {"127.0.0.1", "localhost", "127.1"}) {
    const auto answer = ask(*client, "http://" + host + ":" + std::to_string(server.port) + "/");
    EXPECT_EQ(answer.status, 0);
    EXPECT_THAT(answer.error, HasSubstr("no address of the public internet"));
  }
}

TEST(HookClient, AnswersThatAreNone) {
  const auto client = make_http_client({.allow_private = true, .timeout = 300ms, .answer_max = 1000});
  RawServer silent("");
  EXPECT_EQ(ask(*client, silent.url()).error, "answer: timed out");
  RawServer garbage("SSH-2.0-OpenSSH_9\r\n\r\n");
  EXPECT_THAT(ask(*client, garbage.url()).error, HasSubstr("answer: "));
  std::uint16_t closed = 0;
  {
    RawServer gone("x");
    closed = gone.port;
  }
  EXPECT_THAT(ask(*client, "http://127.0.0.1:" + std::to_string(closed) + "/").error, HasSubstr("connect: "));
}

TEST(HookClient, BoundsAnswersAndFollowsNothing) {
  const auto client = make_http_client({.allow_private = true, .answer_max = 1000});
  RawServer huge("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  const auto answer = ask(*client, huge.url());
  EXPECT_EQ(answer.status, 200);  // it was taken, whatever else is said
  EXPECT_LE(answer.body.size(), 1000u);
  RawServer boaster("HTTP/1.1 200 OK\r\nContent-Length: 4000000000000000000\r\n\r\nhello");
  EXPECT_EQ(ask(*client, boaster.url()).body, "hello");
  RawServer chunked("HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(ask(*client, chunked.url()).body, "hello");
  RawServer wordy("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(ask(*client, wordy.url()).status, 0);
  RawServer elsewhere("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(ask(*client, elsewhere.url()).status, 302);
  RawServer interim("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(ask(*client, interim.url()).status, 204);
  RawServer patient(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(ask(*client, patient.url()).status, 0);
}

// A self-signed certificate for `name`.
void write_certificate(const std::string& folder, const char* name) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, (std::string("DNS:") + name).c_str());
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, EVP_sha256());
  FILE* file = std::fopen((folder + "/cert.pem").c_str(), "w");
  PEM_write_X509(file, certificate);
  std::fclose(file);
  file = std::fopen((folder + "/key.pem").c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

TEST(HookClient, ChecksCertificateAndName) {
  class Taker : public Handler {
   public:
    Admission admit(const Request&) override { return {.body_max = 1000}; }
    Response handle(const Request&) override { return {.status = 200}; }
    Response refuse(std::string_view) override { return {.status = 400}; }
  } taker;
  Folder folder;
  write_certificate(folder.path(), "localhost");
  HttpConfig config;
  config.port = 0;
  config.certificate = folder.path() + "/cert.pem";
  config.key = folder.path() + "/key.pem";
  HttpServer server(config, taker);
  const auto port = server.start();
  ASSERT_TRUE(port) << port.error();
  const std::string rest = ":" + std::to_string(*port) + "/";
  const auto trusting = make_http_client({.allow_private = true, .ca_file = folder.path() + "/cert.pem"});
  const auto right = ask(*trusting, "https://localhost" + rest);
  EXPECT_EQ(right.status, 200) << right.error;
  EXPECT_THAT(ask(*trusting, "https://127.0.0.1" + rest).error, HasSubstr("tls: "));  // another name
  const auto strict = make_http_client({.allow_private = true});
  EXPECT_THAT(ask(*strict, "https://localhost" + rest).error, HasSubstr("tls: "));  // an unknown authority
  EXPECT_EQ(ask(*trusting, "http://localhost" + rest).status, 0);                   // no TLS where TLS is
}

}  // namespace
}  // namespace carillon::control
