#include "engine/engine.h"

#include <fmt/format.h>

#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "engine/placement.h"
#include "engine/promise.h"

namespace carillon {
namespace {

constexpr Duration kDrainMax = 2s;

std::uint64_t seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

std::array<std::uint8_t, 32> secret() {
  std::random_device device;
  std::array<std::uint8_t, 32> key;
  for (auto& byte : key) byte = static_cast<std::uint8_t>(device());
  return key;
}

/// Processor time of the calling thread.
Duration thread_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// A shard that polls looks so often. Packets that came meanwhile are taken as one burst, whose memory is fetched
/// ahead; nothing in telephony hears the difference, and a processor that rests is cooler.
constexpr Duration kTurn = 25us;

TimePoint rest(TimePoint until, TimePoint now) {
  while (now < until) {
    __builtin_ia32_pause();
    now = MonoClock::now();
  }
  return now;
}

const std::string& first_of(const std::string& a, const std::string& b) { return a.empty() ? b : a; }

Endpoint endpoint(const std::string& address, std::uint16_t port) {
  return Endpoint::parse(address, port).value_or(Endpoint{});
}

link::Recorded for_link(const record::Recorded& from) {
  link::Recorded to;
  to.leg = from.leg;
  to.path.assign(from.path);
  to.duration = from.duration;
  to.size = from.size;
  to.repaired = from.repaired;
  to.started = from.started;
  std::string hex;
  for (const std::uint8_t byte : from.sha256) hex += fmt::format("{:02x}", byte);
  to.sha256.assign(hex);
  return to;
}

}  // namespace

Result<std::unique_ptr<Engine>, std::string> Engine::start(const EngineConfig& config) {
  if (const std::string fault = placement_fault(config); !fault.empty()) return fault;
  std::unique_ptr<Engine> engine(new Engine(config));
  for (const auto part : {&Engine::start_disk, &Engine::start_network, &Engine::start_shards, &Engine::start_link})
    if (const std::string fault = (engine.get()->*part)(); !fault.empty()) return fault;
  return engine;
}

Engine::Engine(const EngineConfig& config)
    : config_(config), mesh_(config.engine.shards, crossings_max(config)), nonce_key_(secret()) {}

/// Two beats of every leg of a shard, should all of them talk to the same other one.
std::size_t Engine::crossings_max(const EngineConfig& config) {
  return 256 + 2 * (config.engine.calls_max / config.engine.shards);
}

std::string Engine::start_disk() {
  record::DiskConfig disk;
  disk.folder = config_.engine.data_dir + "/recordings";
  disk.shards = config_.engine.shards;
  disk.blocks_per_shard = config_.record.blocks / config_.engine.shards;
  disk.recordings_per_shard = config_.engine.calls_max;
  disk.sync = config_.record.sync;
  std::error_code error;
  std::filesystem::create_directories(disk.folder, error);
  if (error) return fmt::format("engine.data_dir: {}: {}", disk.folder, error.message());
  if (const std::string fault = disk.fault(); !fault.empty()) return "record." + fault;
  auto started = record::Disk::start(disk, {});
  if (!started) return fmt::format("{}: recordings cannot be written there", disk.folder);
  disk_ = std::move(*started);
  return {};
}

std::string Engine::start_network() {
  auto made = Network::make(config_);
  if (!made) return made.error();
  network_ = std::move(*made);
  return {};
}

shard::ShardConfig Engine::shard_config(std::uint32_t index) const {
  const std::string& sip_advertised = first_of(config_.sip.advertised, config_.sip.address);
  const PortBlock block = network_->block(index);
  shard::ShardConfig shard;
  shard.index = index;
  shard.count = config_.engine.shards;
  shard.sip = endpoint(config_.sip.address, config_.sip.port);
  shard.sip_advertised = endpoint(sip_advertised, config_.sip.port);
  shard.rtp = endpoint(first_of(config_.rtp.address, config_.sip.address), 0);
  shard.rtp_advertised = endpoint(first_of(config_.rtp.advertised, sip_advertised), 0);
  if (config_.rtp.advertised.empty() && config_.sip.advertised.empty()) shard.rtp_advertised = shard.rtp;
  for (const std::string& address : config_.rtp.addresses) shard.rtp_more.push_back(endpoint(address, 0));
  shard.rtp_port_first = block.first;
  shard.rtp_pairs = block.pairs;
  shard.legs_max = (config_.engine.calls_max + config_.engine.shards - 1) / config_.engine.shards;
  shard.realm = config_.sip.realm;
  shard.offers_sha256 = config_.sip.offers_sha256;
  shard.nonce_key = nonce_key_;
  shard.admission.legs_promised = legs_promised_;
  // between us and the wire is the kernel's scheduler: its hiccups are no overload
  if (!network_->polls()) shard.admission.beat_late_max = 15ms;
  return shard;
}

/// By the configuration, else by the self-test of this machine and back end.
void Engine::take_promise() {
  const std::uint32_t shards = config_.engine.shards;
  if (config_.engine.calls_promised != 0) {
    legs_promised_ = (config_.engine.calls_promised + shards - 1) / shards;
    promise_ = fmt::format("{} legs per shard by engine.calls_promised", legs_promised_);
    return;
  }
  const std::string path = config_.engine.data_dir + "/self-test.json";
  std::ifstream in(path);
  const auto promise =
      in ? read_promise(std::string(std::istreambuf_iterator<char>(in), {}), cpu_model(), network_->name())
         : Result<Promise, std::string>(std::string("no self-test yet"));
  if (!promise) {
    promise_ = fmt::format("no limit but the measured headroom: {}: {} (carillon-engine --self-test --config FILE)",
                           path, promise.error());
    return;
  }
  legs_promised_ = promise->legs_per_shard;
  promise_ = fmt::format("{} legs per shard by the self-test of {} ({}, {:.0f} % of the core left)", legs_promised_,
                         promise->date, promise->back_end, 100 * kPromisedHeadroom);
}

std::string Engine::start_shards() {
  for (std::uint32_t index = 0; index < config_.engine.shards; ++index) {
    Core core;
    auto made = network_->port(index);
    if (!made) return made.error();
    core.port = std::move(*made);
    warning_ = network_->warning();
    if (index == 0) take_promise();  // the back end has a name now
    const shard::ShardConfig shard = shard_config(index);
    core.rings = std::make_unique<call::ShardRings>(4 * shard.legs_max + 4096);
    core.recorder = std::make_unique<shard::Recorder>(disk_->channel(index), shard.legs_max);
    mesh_.set_port(index, core.port.get());
    core.turns = std::make_unique<Turns>();
    const shard::ShardParts parts{*core.port, *core.rings, *core.recorder, trunks_, mesh_};
    core.shard = std::make_unique<shard::Shard>(shard, parts, seed(), MonoClock::now(), wall_now());
    if (const std::string fault = core.shard->open(); !fault.empty()) return fault;
    cores_.push_back(std::move(core));
  }
  for (std::size_t index = 0; index < cores_.size(); ++index)
    cores_[index].thread = std::thread([this, index] { run(index); });
  return {};
}

std::string Engine::start_link() {
  link::ServerConfig server;
  server.listen = first_of(config_.link.listen, "unix:" + config_.engine.data_dir + "/engine.sock");
  server.tls.certificate_file = config_.link.certificate;
  server.tls.key_file = config_.link.key;
  server.tls.ca_file = config_.link.ca;
  server.data_dir = config_.engine.data_dir;
  server.recordings_dir = config_.engine.data_dir + "/recordings";
  server.engine = config_.engine.name;
  server.back_end = network_->name();
  server.legs_max = (config_.engine.calls_max + config_.engine.shards - 1) / config_.engine.shards;
  if (const std::string fault = server.fault(); !fault.empty()) return "link." + fault;
  std::vector<link::ShardPort> shards;
  for (Core& core : cores_) {
    io::Port* const port = core.port.get();
    shards.push_back({core.rings.get(), [port] { port->wake(); }});
  }
  link::RecordedSource recorded;
  recorded.next = [this](link::Recorded& news) {
    record::Recorded finished;
    while (disk_->pop(finished)) {
      if (finished.path.empty()) continue;  // no file came of it
      news = for_link(finished);
      return true;
    }
    return false;
  };
  auto made = link::Server::make(std::move(server), std::move(shards), std::move(recorded));
  if (!made) return made.error();
  link_ = std::move(*made);
  link_->start();
  return {};
}

void Engine::run(std::size_t index) {
  Core& core = cores_[index];
  // cores that are named were tried at start; refused by `pin` alone, it runs where the kernel likes
  if (const auto number = core_of(config_, static_cast<std::uint32_t>(index))) (void)pin_here(*number);
  std::uint64_t turns = 0;
  TimePoint give_up = TimePoint::max(), now = MonoClock::now();
  const bool polls = network_->polls();
  Duration cpu_before = thread_time();
  for (;;) {
    if (give_up == TimePoint::max() && is_stopping_.load(std::memory_order_relaxed)) {
      core.shard->stop("engine stopped");
      give_up = now + kDrainMax;
    }
    const bool has_worked = core.shard->step(now, wall_now());
    core.turns->count.store(++turns, std::memory_order_relaxed);
    if (!polls) core.port->wait(std::min(core.shard->deadline(), now + 1s));
    const TimePoint after = MonoClock::now();
    // a thread that sleeps is judged by the processor time it took, the kernel's share of its waits included
    const Duration cpu = polls ? Duration{0} : thread_time();
    core.shard->note_step(polls ? after - now : cpu - cpu_before, has_worked, after);
    if (core.shard->is_silent() || now >= give_up) return;
    now = polls && !core.shard->has_more() ? rest(now + kTurn, after) : after;
    cpu_before = cpu;
  }
}

bool Engine::has_stepped() {
  bool has = true;
  for (Core& core : cores_) {
    const std::uint64_t count = core.turns->count.load(std::memory_order_relaxed);
    has = has && count != core.turns->seen;
    core.turns->seen = count;
  }
  return has;
}

Engine::~Engine() {
  is_stopping_ = true;
  for (Core& core : cores_) {
    core.port->wake();
    if (core.thread.joinable()) core.thread.join();
  }
  // every recording is closed and journaled before the link ends; a disk that hangs is not waited for longer
  std::uint64_t opened = 0;
  for (std::size_t index = 0; disk_ && index < cores_.size(); ++index)
    opened += disk_->channel(static_cast<std::uint32_t>(index)).counters().opened;
  const TimePoint give_up = MonoClock::now() + kDrainMax;
  while (disk_ && disk_->stats().recordings_closed < opened && MonoClock::now() < give_up)
    std::this_thread::sleep_for(10ms);
  if (link_) link_->stop();
  link_.reset();
  disk_.reset();
}

std::string Engine::description() const {
  return fmt::format("SIP {} ({}), {} shard{}, recordings by {}, link {}", cores_.front().shard->sip_address().text(),
                     network_->name(), cores_.size(), cores_.size() == 1 ? "" : "s", disk_->name(), link_->address());
}

}  // namespace carillon
