// carillon-engine --config FILE: the data plane. Prints one line "ready …" on standard output when calls can come.
// carillon-engine --self-test [--config FILE]: what this box may promise, and no calls.

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include "engine/engine.h"
#include "engine/notify.h"
#include "engine/placement.h"
#include "engine/self_test/self_test.h"

namespace carillon {
namespace {

/// Prints the figures and leaves the promise where the engine looks for it.
int test_box(const EngineConfig& config, const std::string& json_path) {
  if (const std::string fault = placement_fault(config); !fault.empty()) {
    spdlog::error("{}", fault);
    return 1;
  }
  const std::string& folder = config.engine.data_dir;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    spdlog::error("engine.data_dir: {}: {}", folder, error.message());
    return 1;
  }
  self_test::Options options;
  options.version = CARILLON_VERSION;
  options.progress = [](std::string_view what) { fmt::print(stderr, "self-test: {} ...\n", what); };
  const self_test::Report report = self_test::measure(config, options);
  fmt::print("{}", report.text());
  const std::string kept = folder + "/self-test.json";
  for (const std::string& path : {kept, json_path}) {
    if (path.empty()) continue;
    if (const std::string fault = self_test::write_file(path, report.json()); !fault.empty()) {
      spdlog::error("{}", fault);
      return 1;
    }
  }
  fmt::print("kept in {}; the engine holds new calls to it from its next start on\n", kept);
  return report.promises.empty() ? 1 : 0;
}

int serve(const EngineConfig& config, const sigset_t& signals) {
  const Notify notify = Notify::from_environment();
  auto engine = Engine::start(config);
  if (!engine) {
    spdlog::error("{}", engine.error());
    return 1;
  }
  if (!(*engine)->warning().empty()) spdlog::warn("{}", (*engine)->warning());
  spdlog::info("{}", (*engine)->description());
  spdlog::info("new calls: {}", (*engine)->promise());
  std::printf("ready %s\n", (*engine)->description().c_str());
  std::fflush(stdout);
  notify.send("READY=1\nSTATUS=" + (*engine)->description());
  const int signal = notify.wait(signals, [&] { return (*engine)->has_stepped(); });
  spdlog::info("signal {}: ending all calls", signal);
  engine->reset();
  spdlog::info("stopped");
  return 0;
}

}  // namespace
}  // namespace carillon

int main(int argc, char** argv) {
  CLI::App app{"Carillon's media engine: SIP, RTP, prompts, recordings, detection"};
  std::string path, json_path;
  bool tests = false;
  auto* const config_option = app.add_option("--config", path, "configuration file (TOML)")->check(CLI::ExistingFile);
  auto* const test_option = app.add_flag("--self-test", tests,
                                         "measure this box for the configuration (without: the defaults), say what it "
                                         "may promise and end; takes about 8 s");
  app.add_option("--json", json_path, "with --self-test: the figures as JSON, beside DATA_DIR/self-test.json")
      ->needs(test_option);
  app.footer(
      "exit status: 0 ended by a signal or tested, 1 could not start or nothing to promise, 2 usage or configuration");
  app.set_version_flag("--version", CARILLON_VERSION);
  try {
    app.parse(argc, argv);
    if (!tests && config_option->count() == 0) throw CLI::RequiredError("--config");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("engine"));

  carillon::EngineConfig config;
  if (!path.empty()) {
    std::ifstream in(path);
    auto read = carillon::parse_config({std::istreambuf_iterator<char>(in), {}});
    if (!read) {
      spdlog::error("{}: {}", path, read.error());
      return 2;
    }
    config = std::move(*read);
  }
  if (tests) return carillon::test_box(config, json_path);

  // before any thread starts, so that only Notify::wait() sees them
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return carillon::serve(config, signals);
}
