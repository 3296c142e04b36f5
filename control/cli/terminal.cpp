#include "control/cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string_view>

namespace carillon::cli {
namespace {

constexpr std::string_view kOwnScreen = "\x1b[?1049h\x1b[?25l", kFormerScreen = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H", kRestOfLine = "\x1b[K", kRestOfScreen = "\x1b[J", kPlain = "\x1b[0m";

std::string_view colour(Line::Mark mark) {
  switch (mark) {
    case Line::Mark::kTitle:
      return "\x1b[1m";
    case Line::Mark::kWarning:
      return "\x1b[33m";
    case Line::Mark::kAlarm:
      return "\x1b[1;31m";
    case Line::Mark::kPlain:
      break;
  }
  return {};
}

// A terminal that is gone takes nothing; the next wait() hears of it.
void write_all(std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string screen_text(const std::vector<Line>& lines, bool has_colours) {
  std::string text(kHome);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i != 0) text += "\r\n";  // none behind the last: it would scroll a full screen
    const auto begin = has_colours ? colour(lines[i].mark) : std::string_view();
    text += begin;
    text += lines[i].text;
    if (!begin.empty()) text += kPlain;
    text += kRestOfLine;
  }
  text += kRestOfScreen;
  return text;
}

bool Terminal::is_there() { return ::isatty(STDOUT_FILENO) != 0; }

Terminal::Terminal() {
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) sigaddset(&ours, signal);
  sigprocmask(SIG_BLOCK, &ours, &mask_before_);
  signals_ = ::signalfd(-1, &ours, SFD_CLOEXEC);
  has_keys_ = ::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &before_) == 0;
  const char* no_colour = std::getenv("NO_COLOR");  // no-color.org
  has_colours_ = no_colour == nullptr || *no_colour == '\0';
  if (has_keys_) {
    termios ours_now = before_;
    ours_now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ours_now.c_cc[VMIN] = 1;
    ours_now.c_cc[VTIME] = 0;
    ours_now.c_cc[VSUSP] = _POSIX_VDISABLE;  // Ctrl-Z would leave our screen up
    ::tcsetattr(STDIN_FILENO, TCSANOW, &ours_now);
  }
  write_all(kOwnScreen);
}

Terminal::~Terminal() {
  write_all(kFormerScreen);
  if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  if (signals_ >= 0) ::close(signals_);
  sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

Terminal::Event Terminal::wait(std::chrono::steady_clock::time_point until) {
  using namespace std::chrono;
  for (;;) {
    const auto left = ceil<milliseconds>(until - steady_clock::now());
    if (left.count() <= 0) return Event::kTime;
    pollfd sources[] = {{signals_, POLLIN, 0}, {has_keys_ ? STDIN_FILENO : -1, POLLIN, 0}};
    const int ready = ::poll(sources, 2, static_cast<int>(left.count()));
    if (ready == 0) return Event::kTime;
    if (ready < 0) continue;
    if (sources[0].revents != 0) {
      signalfd_siginfo signal{};
      const bool is_read = ::read(signals_, &signal, sizeof signal) == sizeof signal;
      return is_read && signal.ssi_signo == SIGWINCH ? Event::kResized : Event::kQuit;
    }
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q') return Event::kQuit;
  }
}

ScreenSize Terminal::size() const {
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {80, 24};
  return {window.ws_col, window.ws_row};
}

void Terminal::paint(const std::vector<Line>& lines) { write_all(screen_text(lines, has_colours_)); }

}  // namespace carillon::cli
