// carillon-engine --config FILE: the data plane. Prints one line "ready …" on standard output when calls can come.

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include "engine/engine.h"
#include "engine/notify.h"

int main(int argc, char** argv) {
  CLI::App app{"Carillon's media engine: SIP, RTP, prompts, recordings, detection"};
  std::string path;
  app.add_option("--config", path, "configuration file (TOML)")->required()->check(CLI::ExistingFile);
  app.set_version_flag("--version", CARILLON_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("engine"));

  // before any thread starts, so that only Notify::wait() sees them
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  std::ifstream in(path);
  const auto config = carillon::parse_config({std::istreambuf_iterator<char>(in), {}});
  if (!config) {
    spdlog::error("{}: {}", path, config.error());
    return 2;
  }
  const auto notify = carillon::Notify::from_environment();
  auto engine = carillon::Engine::start(*config);
  if (!engine) {
    spdlog::error("{}", engine.error());
    return 1;
  }
  if (!(*engine)->warning().empty()) spdlog::warn("{}", (*engine)->warning());
  spdlog::info("{}", (*engine)->description());
  std::printf("ready %s\n", (*engine)->description().c_str());
  std::fflush(stdout);

  notify.send("READY=1\nSTATUS=" + (*engine)->description());
  const int signal = notify.wait(signals, [&] { return (*engine)->has_stepped(); });
  spdlog::info("signal {}: ending all calls", signal);
  engine->reset();
  spdlog::info("stopped");
  return 0;
}
