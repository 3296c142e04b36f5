// `carillon top`, the program: through a pipe as scripts see it, on a terminal of its own as engineers do.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <utmp.h>

#include <boost/json.hpp>
#include <csignal>
#include <vector>

#include "tests/control/cli/fake_server.h"

namespace carillon::cli {
namespace {

using testing::HasSubstr;

/// An engine whose one shard has counted once more at each request.
FakeServer::Answer engine(int number, const std::string&) {
  return {.body =
              R"({"data":[{"name":"engine-1","connected":true,"since":"2026-02-03T04:00:00.000Z","back_end":"uring",)"
              R"("error":"","memory_bytes":5000000,"shards":[{"shard":0,"counted_at":"2026-02-03T04:05:)" +
              std::to_string(10 + number % 50) + R"(.000Z","legs":)" + std::to_string(100 + number) +
              R"(,"packets_in":)" + std::to_string(5000 * number) +
              R"(,"packets_out":0,"headroom_rate":0.5,"refuses":false,"queues":[],"drops":{}}]}],)"
              R"("next_cursor":null})"};
}

struct Ended {
  int status = -1;
  std::string out;
};
Ended run(const std::string& arguments) {
  FILE* pipe = ::popen(fmt::format("{} {} 2>&1", CARILLON_CLI, arguments).c_str(), "re");
  Ended ended;
  char bytes[4096];
  for (std::size_t size; (size = std::fread(bytes, 1, sizeof bytes, pipe)) > 0;) ended.out.append(bytes, size);
  ended.status = WEXITSTATUS(::pclose(pipe));
  return ended;
}

TEST(Top, OncePrintsTheRatesOfOneInterval) {
  FakeServer server(engine);
  const auto ended = run(fmt::format("--url {} top --once --interval 0.1", server.url()));
  EXPECT_EQ(ended.status, 0) << ended.out;
  EXPECT_THAT(ended.out, HasSubstr("1 engine, 1 connected  101 legs"));
  EXPECT_THAT(ended.out, HasSubstr("   5000 ")) << "packets per second";
  EXPECT_THAT(ended.out, testing::Not(HasSubstr("\x1b"))) << "a pipe gets no colours";
}

TEST(Top, OnceWaitsForAShardToCountAgain) {
  FakeServer server([](int number, const std::string& head) { return engine(number / 3, head); });
  const auto ended = run(fmt::format("--url {} top --once --interval 0.1 --json", server.url()));
  EXPECT_EQ(ended.status, 0) << ended.out;
  const auto shard = boost::json::parse(ended.out).at("engines").at(0).at("shards").at(0);
  EXPECT_DOUBLE_EQ(shard.at("rates").at("packets_in").as_double(), 5000);
}

TEST(Top, AsksWithItsToken) {
  FakeServer server([](int number, const std::string& head) {
    if (head.find("Authorization: Bearer secret\r\n") == std::string::npos)
      return FakeServer::Answer{401, R"({"code":"unauthorized","detail":"a token is needed"})"};
    EXPECT_TRUE(head.starts_with("GET /v1/engines HTTP/1.1\r\n")) << head;
    return engine(number, head);
  });
  const auto refused = run(fmt::format("--url {} top --once", server.url()));
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.out, HasSubstr("a token is needed"));
  ::setenv("CARILLON_TOKEN", "secret", 1);
  EXPECT_EQ(run(fmt::format("--url {} top --once --interval 0.1", server.url())).status, 0);
  ::unsetenv("CARILLON_TOKEN");
}

TEST(Top, SaysWhenNobodyAnswers) {
  std::string url;
  { url = FakeServer(engine).url(); }
  const auto ended = run(fmt::format("--url {} top", url));
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.out, HasSubstr(url));
  EXPECT_EQ(run("top --interval 0").status, 2);
}

// Blocks, or lines of JSON, until the reader goes; a refresh that fails in between is told and not the end.
TEST(Top, ThroughAPipeItPrintsBlocks) {
  FakeServer server([](int number, const std::string& head) {
    return number == 1 ? FakeServer::Answer{500, R"({"code":"internal","detail":"a fault"})"} : engine(number, head);
  });
  const auto blocks = run(fmt::format("--url {} top --interval 0.1 | head -n 18", server.url()));
  EXPECT_THAT(blocks.out, HasSubstr("1 engine, 1 connected  100 legs"));
  EXPECT_THAT(blocks.out, HasSubstr("not refreshed: 500 internal: a fault"));
  EXPECT_THAT(blocks.out, HasSubstr("1 engine, 1 connected  102 legs"));
  const auto lines = run(fmt::format("--url {} top --interval 0.1 --json | head -n 2", server.url()));
  EXPECT_TRUE(boost::json::parse(lines.out.substr(0, lines.out.find('\n'))).is_object());
}

/// The program on a terminal of 100 columns and 20 rows.
class OnATerminal : public testing::Test {
 protected:
  OnATerminal() {
    winsize size{.ws_row = 20, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(::openpty(&main_, &side_, nullptr, nullptr, &size), 0);
    ::tcgetattr(side_, &before_);
    child_ = ::fork();
    if (child_ == 0) {
      ::setenv("TERM", "xterm", 1);
      ::unsetenv("NO_COLOR");
      ::login_tty(side_);
      ::execl(CARILLON_CLI, CARILLON_CLI, "--url", server_.url().c_str(), "top", "--interval", "0.1", nullptr);
      ::_exit(127);
    }
  }
  ~OnATerminal() override {
    if (child_ > 0) ::kill(child_, SIGKILL), ::waitpid(child_, nullptr, 0);
    ::close(main_);
    ::close(side_);
  }
  /// Reads until `mark` was seen; false after 20 s.
  bool sees(const std::string& mark) {
    pollfd source{main_, POLLIN, 0};
    while (seen_.find(mark) == std::string::npos) {
      char bytes[4096];
      if (::poll(&source, 1, 20'000) <= 0) return false;
      const auto size = ::read(main_, bytes, sizeof bytes);
      if (size <= 0) return false;
      seen_.append(bytes, static_cast<std::size_t>(size));
    }
    return true;
  }
  void type(char key) { EXPECT_EQ(::write(main_, &key, 1), 1); }
  /// Gone with that status, and the terminal is as it was.
  void expect_restored() {
    EXPECT_TRUE(sees("\x1b[?25h\x1b[?1049l")) << "the former screen and its cursor";
    int status = -1;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    child_ = -1;
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    termios after{};
    ::tcgetattr(side_, &after);
    EXPECT_EQ(after.c_lflag, before_.c_lflag);
    EXPECT_EQ(after.c_cc[VSUSP], before_.c_cc[VSUSP]);
  }

  FakeServer server_{engine};
  int main_ = -1, side_ = -1;
  pid_t child_ = -1;
  termios before_{};
  std::string seen_;
};

TEST_F(OnATerminal, RefreshesUntilQ) {
  EXPECT_TRUE(sees("\x1b[?1049h"));
  EXPECT_TRUE(sees("1 engine, 1 connected  100 legs"));
  EXPECT_TRUE(sees("1 engine, 1 connected  103 legs"));
  type('x');  // means nothing
  EXPECT_TRUE(sees("1 engine, 1 connected  106 legs"));
  type('q');
  expect_restored();
}

TEST_F(OnATerminal, CtrlCGivesTheTerminalBack) {
  EXPECT_TRUE(sees("100 legs"));
  type('\x03');
  expect_restored();
}

TEST_F(OnATerminal, FollowsTheWindowsSize) {
  EXPECT_TRUE(sees("longest step"));
  winsize size{.ws_row = 3, .ws_col = 30, .ws_xpixel = 0, .ws_ypixel = 0};
  ::ioctl(main_, TIOCSWINSZ, &size);
  EXPECT_TRUE(sees("… 3 lines more"));
  type('q');
  expect_restored();
}

}  // namespace
}  // namespace carillon::cli
