#include "control/cli/top.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <thread>

#include "control/cli/terminal.h"
#include "control/cli/top_view.h"

namespace carillon::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kPath = "/v1/engines";
constexpr int kLooksMore = 12;  // shards count each second, and what they counted is told within another one
constexpr ScreenSize kPaper{.columns = 1000, .rows = 0};

void refresh(Client& client, TopView& view) {
  try {
    view.take(client.get(kPath));
  } catch (const Failure& failure) {
    view.fail(failure.what());
  }
}

void print(const TopView& view, bool as_json) {
  if (as_json) {
    fmt::print("{}\n", boost::json::serialize(view.json()));
  } else {
    for (const auto& line : view.lines(kPaper)) fmt::print("{}\n", line.text);
    fmt::print("\n");
  }
  std::fflush(stdout);  // a pipe's reader wants it now
}

void show_live(Client& client, TopView& view, Clock::duration interval) {
  Terminal terminal;
  for (auto next = Clock::now() + interval;;) {
    terminal.paint(view.lines(terminal.size()));
    switch (terminal.wait(next)) {
      case Terminal::Event::kQuit:
        return;
      case Terminal::Event::kResized:
        continue;
      case Terminal::Event::kTime:
        refresh(client, view);
        next = std::max(next + interval, Clock::now());  // a server that answers slowly is not asked twice at once
    }
  }
}

}  // namespace

void top(Client& client, const TopOptions& options) {
  const auto interval = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.interval_s));
  client.set_time_max(std::chrono::seconds(5));  // q must be heard
  TopView view;
  view.take(client.get(kPath));
  if (!options.once && !options.json && Terminal::is_there()) return show_live(client, view, interval);
  if (options.once) {
    std::this_thread::sleep_for(interval);
    view.take(client.get(kPath));
    for (int i = 0; i < kLooksMore && !view.has_rates(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(250));
      view.take(client.get(kPath));
    }
    return print(view, options.json);
  }
  for (;;) {
    print(view, options.json);
    std::this_thread::sleep_for(interval);
    refresh(client, view);
  }
}

}  // namespace carillon::cli
