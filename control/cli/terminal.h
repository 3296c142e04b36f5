#pragma once
// The terminal for a live view: its own screen, no echo, keys at once. Plain ANSI (ECMA-48) and termios.

#include <termios.h>

#include <chrono>
#include <string>
#include <vector>

#include "control/cli/top_view.h"

namespace carillon::cli {

/// ANSI text of a whole screen: overwrites what was there without clearing first, so that nothing flickers.
std::string screen_text(const std::vector<Line>& lines, bool has_colours);

/// Takes the terminal over, and gives it back as it was at its end. Signals that end a program (and SIGWINCH) are taken
/// by wait(), so that Ctrl-C gives it back, too. One at a time, in a program of one thread.
class Terminal {
 public:
  /// Is standard output one?
  static bool is_there();

  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  enum class Event : std::uint8_t { kTime, kResized, kQuit };
  /// Until `until`, the key q, a signal that ends, or the end of input.
  Event wait(std::chrono::steady_clock::time_point until);
  ScreenSize size() const;
  void paint(const std::vector<Line>& lines);

 private:
  bool has_keys_ = false, has_colours_ = false;
  termios before_{};
  sigset_t mask_before_{};
  int signals_ = -1;
};

}  // namespace carillon::cli
