// carillon-control --config FILE: wires the rooms of the management plane together and serves until SIGTERM.

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

#include "control/api/plane.h"
#include "control/config.h"
#include "control/connector/webhooks.h"
#include "control/live/stored_leads.h"
#include "control/live/zones.h"
#include "engine/notify.h"

namespace carillon::control {
namespace {

// EngineLink as the registry sees it.
class LinkedEngine : public Engine {
 public:
  LinkedEngine(EngineLinkConfig config, EngineLinkHandlers handlers, Resume resume)
      : link_(std::move(config), std::move(handlers), std::move(resume)) {}
  void start() { link_.start(); }
  void stop() { link_.stop(); }
  bool connected() const override { return link_.health().connected; }
  std::uint64_t send(wire::ToEngine command) override { return link_.send(std::move(command)); }
  Result<wire::FromEngine, LinkFault> call(wire::ToEngine command, Duration timeout) override {
    return link_.call(std::move(command), timeout);
  }
  Result<wire::PromptState, LinkFault> upload_prompt(std::string_view sha256, std::string_view bytes) override {
    return link_.upload_prompt(sha256, bytes);
  }
  Result<std::uint64_t, LinkFault> fetch_recording(std::string_view path, std::string_view sha256,
                                                   const std::filesystem::path& file) override {
    return link_.fetch_recording(path, sha256, file);
  }
  LinkHealth health() const override { return link_.health(); }

 private:
  EngineLink link_;
};

std::shared_ptr<LinkedEngine> connect(Live& live, const EngineConfig& config) {
  EngineLinkConfig link;
  link.control = "carillon-control";
  link.address = config.link;
  link.tls = config.tls;
  const std::string name = config.name;
  EngineLinkHandlers handlers;
  handlers.event = [&live, name](const wire::FromEngine& event) { return live.on_event(name, event); };
  handlers.commit = [&live, name] { return live.on_commit(name); };
  handlers.connected = [&live, name](const wire::Welcome& welcome) { live.on_connected(name, welcome); };
  handlers.lost = [&live, name] { live.on_lost(name); };
  return std::make_shared<LinkedEngine>(link, handlers, live.resume(name));
}

// One control per data folder: a second one would tell the engines twice.
bool lock_folder(const std::string& folder) {
  const int file = ::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  return file >= 0 && ::flock(file, LOCK_EX | LOCK_NB) == 0;
}

int serve(const ControlConfig& config) {
  std::filesystem::create_directories(config.data_dir);
  std::filesystem::permissions(config.data_dir, std::filesystem::perms::owner_all);
  if (!lock_folder(config.data_dir)) {
    spdlog::error("{}: another carillon-control works here", config.data_dir);
    return 1;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread starts
  std::signal(SIGPIPE, SIG_IGN);

  const Notify notify = Notify::from_environment();
  const std::function<WallTime()> clock = wall_now;
  Store store(config.data_dir);
  const WallTime now = clock();
  store.prune((now - 24h).time_since_epoch().count(), (now - 7 * 24h).time_since_epoch().count());
  IdMaker ids(std::uint64_t{std::random_device{}()} << 32 | std::random_device{}());
  if (const auto path = first_start(store, ids, config.data_dir, now))
    spdlog::info("first start: the admin token lies in {}", *path);
  EventHub hub;
  Service service(store, ids, clock);
  Live live(store, ids, hub, config.data_dir, clock);
  Importer importer(store, ids, hub, config.data_dir, clock);
  service.spool_to(importer.folder());
  service.limit(config.rate_limit);
  StoredLeads leads(store.leads());
  const dialer::Zones zones = load_zones();
  HookStore hooks(config.data_dir);
  const auto client = make_http_client({.allow_private = config.webhooks_allow_private, .ca_file = config.webhooks_ca});
  Webhooks webhooks({store, hooks, ids, hub, clock, *client, std::random_device{}()},
                    {.allow_private = config.webhooks_allow_private});
  Campaigns campaigns({store, ids, hub, live, leads, zones, clock, MonoClock::now});
  const LeadEar ear(store.leads(), campaigns);
  Plane plane{store, ids, hub, live, service, clock, importer, &campaigns, &webhooks};
  add_operations(plane);

  std::vector<std::shared_ptr<LinkedEngine>> engines;
  for (const EngineConfig& engine : config.engines) {
    engines.push_back(connect(live, engine));
    live.add(engine.name, engines.back());
  }
  for (const auto& engine : engines) engine->start();
  importer.start();
  campaigns.start_thread();
  webhooks.start_thread();
  HttpServer server(config.http, service);
  const auto port = server.start();
  if (!port) {
    spdlog::error("{}", port.error());
    campaigns.stop_thread();
    webhooks.stop_thread();
    for (const auto& engine : engines) engine->stop();
    return 1;
  }
  const std::string url =
      fmt::format("{}://{}:{}", config.http.certificate.empty() ? "http" : "https", config.http.address, *port);
  fmt::print("ready {}\n", url);
  std::fflush(stdout);
  notify.send("READY=1\nSTATUS=" + url);
  // the driver turns every 250 ms though all is quiet
  notify.wait(signals, [&, seen = std::uint64_t{0}]() mutable {
    const std::uint64_t turns = campaigns.pulse().turn.count;
    return std::exchange(seen, turns) != turns;
  });
  spdlog::info("stopping");
  server.stop();
  importer.stop();
  campaigns.stop_thread();
  webhooks.stop_thread();
  for (const auto& engine : engines) engine->stop();
  return 0;
}

}  // namespace
}  // namespace carillon::control

int main(int argc, char** argv) {
  CLI::App app("Carillon's management plane");
  std::string file;
  app.add_option("--config", file, "configuration file (TOML)")->required()->check(CLI::ExistingFile);
  app.set_version_flag("--version", CARILLON_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("control"));
  std::ifstream in(file);
  if (!in) {
    spdlog::error("{}: cannot be read", file);
    return 2;
  }
  const auto config = carillon::control::parse_config(std::string(std::istreambuf_iterator<char>(in), {}));
  if (!config) {
    spdlog::error("{}: {}", file, config.error());
    return 2;
  }
  spdlog::set_level(spdlog::level::from_str(config->log_level));
  try {
    return carillon::control::serve(*config);
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    return 1;
  }
}
