#include "engine/engine.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>

#include "engine/io/make_port.h"
#include "engine/io/socket.h"

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

const std::string& first_of(const std::string& a, const std::string& b) { return a.empty() ? b : a; }

Endpoint endpoint(const std::string& address, std::uint16_t port) {
  return Endpoint::parse(address, port).value_or(Endpoint{});
}

// Shards share the SIP port (SO_REUSEPORT); a second engine would share it as well and be given half of all messages.
// Empty when nobody has it.
std::string taken(const Endpoint& sip) {
  io::SocketAddress address;
  const socklen_t length = io::to_kernel(sip, address);
  const int descriptor = ::socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return {};
  const bool is_bound = ::bind(descriptor, &address.any, length) == 0;
  const int error = errno;
  ::close(descriptor);
  if (is_bound) return {};
  return fmt::format("sip.port: {}: {}", sip.text(), std::strerror(error));
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
  std::unique_ptr<Engine> engine(new Engine(config));
  for (const auto part : {&Engine::start_disk, &Engine::start_shards, &Engine::start_link})
    if (const std::string fault = (engine.get()->*part)(); !fault.empty()) return fault;
  return engine;
}

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

std::string Engine::start_shards() {
  const std::uint32_t count = config_.engine.shards;
  const std::string& rtp_address = first_of(config_.rtp.address, config_.sip.address);
  const std::string& sip_advertised = first_of(config_.sip.advertised, config_.sip.address);
  const std::string& rtp_advertised = first_of(config_.rtp.advertised, sip_advertised);
  const std::uint32_t first = (config_.rtp.port_min + 1u) & ~1u;
  const std::uint32_t pairs = (config_.rtp.port_max + 1u - first) / 2 / count;
  const auto nonce_key = secret();
  io::PortConfig port;
  port.back_end = config_.io.back_end == "uring"  ? io::BackEnd::kUring
                  : config_.io.back_end == "mmsg" ? io::BackEnd::kMmsg
                                                  : io::BackEnd::kAutomatic;
  const Endpoint sip = endpoint(config_.sip.address, config_.sip.port);
  if (const std::string fault = taken(sip); !fault.empty()) return fault;
  port.sockets_max = 4 * pairs + 32;  // RTP on a further address too; SIP: the engine's and that of such trunks

  for (std::uint32_t index = 0; index < count; ++index) {
    Core core;
    auto made = io::make_port(port);
    if (!made) return fmt::format("io.back_end {}: {}", config_.io.back_end, io::text(made.error()));
    core.port = std::move(made->port);
    warning_ = made->why_not_uring;
    const std::uint32_t legs = (config_.engine.calls_max + count - 1) / count;
    core.rings = std::make_unique<call::ShardRings>(4 * legs + 4096);
    core.recorder = std::make_unique<shard::Recorder>(disk_->channel(index), legs);
    mesh_.set_port(index, core.port.get());
    shard::ShardConfig shard;
    shard.index = index;
    shard.count = count;
    shard.sip = sip;
    shard.sip_advertised = endpoint(sip_advertised, config_.sip.port);
    shard.rtp = endpoint(rtp_address, 0);
    shard.rtp_advertised = endpoint(rtp_advertised, 0);
    shard.rtp_port_first = static_cast<std::uint16_t>(first + 2 * pairs * index);
    shard.rtp_pairs = pairs;
    shard.legs_max = legs;
    shard.realm = config_.sip.realm;
    shard.offers_sha256 = config_.sip.offers_sha256;
    shard.nonce_key = nonce_key;
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
  server.back_end = cores_.front().port->name();
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
  if (config_.engine.pin) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(index % std::max(1u, std::thread::hardware_concurrency()), &cpus);
    pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);  // refused: it runs where the kernel likes
  }
  TimePoint give_up = TimePoint::max();
  for (;;) {
    const TimePoint now = MonoClock::now();
    if (give_up == TimePoint::max() && is_stopping_.load(std::memory_order_relaxed)) {
      core.shard->stop("engine stopped");
      give_up = now + kDrainMax;
    }
    core.shard->step(now, wall_now());
    core.shard->note_busy(MonoClock::now() - now);
    if (core.shard->is_silent() || now >= give_up) return;
    core.port->wait(std::min(core.shard->deadline(), now + 1s));
  }
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
                     cores_.front().port->name(), cores_.size(), cores_.size() == 1 ? "" : "s", disk_->name(),
                     link_->address());
}

}  // namespace carillon
