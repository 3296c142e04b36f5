#include "engine/stream/streams.h"

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "engine/base/check.h"
#include "engine/base/ring.h"

namespace carillon::stream {
namespace {

constexpr std::size_t kReloadsWaiting = 16;

struct Reload {
  std::size_t context = 0;
  std::shared_ptr<const TlsContext> fresh;
};

}  // namespace

struct Streams::Parts {
  std::thread thread;
  std::atomic<bool> is_stopping{false};
  Ring<Reload*> reloads{kReloadsWaiting};
};

Result<std::unique_ptr<Streams>, std::string> Streams::make(StreamsConfig config, std::uint32_t shards, Seams seams) {
  auto hub = Hub::make(std::move(config), shards, std::move(seams));
  if (!hub) return hub.error();
  return std::unique_ptr<Streams>(new Streams(std::move(*hub)));
}

Streams::Streams(std::unique_ptr<Hub> hub) : hub_(std::move(hub)), parts_(std::make_unique<Parts>()) {}

Streams::~Streams() {
  stop();
  for (Reload* reload = nullptr; parts_->reloads.pop(reload);) delete reload;
}

void Streams::start() {
  CHECK(!parts_->thread.joinable());
  parts_->thread = std::thread([this] { run(); });
}

void Streams::stop() {
  if (!parts_->thread.joinable()) return;
  parts_->is_stopping.store(true, std::memory_order_release);
  hub_->wake();
  parts_->thread.join();
}

void Streams::run() {
  // TLS writes to sockets that the other side has reset
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  while (!parts_->is_stopping.load(std::memory_order_acquire)) {
    hub_->wait(hub_->sleep_time(MonoClock::now()));
    for (Reload* reload = nullptr; parts_->reloads.pop(reload);) {
      hub_->use(reload->context, std::move(reload->fresh));
      delete reload;
    }
    hub_->work(MonoClock::now());
  }
  hub_->work(MonoClock::now());  // what shards had sent last
  hub_->stop();
}

Result<bool, std::string> Streams::reload(std::size_t listener, const TlsServerConfig& config) {
  const auto& listeners = hub_->config().listeners;
  if (listener >= listeners.size() || !is_secure(listeners[listener].transport))
    return std::string("no such TLS listener");
  auto made = TlsContext::server(config);
  if (!made) return made.error();
  return post(listener, std::move(*made));
}

Result<bool, std::string> Streams::reload_client(const TlsClientConfig& config) {
  auto made = TlsContext::client(config);
  if (!made) return made.error();
  return post(hub_->config().listeners.size(), std::move(*made));
}

Result<bool, std::string> Streams::post(std::size_t context, std::shared_ptr<const TlsContext> fresh) {
  auto reload = std::make_unique<Reload>(context, std::move(fresh));
  if (!parts_->reloads.push(reload.get())) return std::string("too many reloads at once, try again");
  (void)reload.release();
  hub_->wake();
  return true;
}

std::uint64_t Streams::count(Count count) const {
  return count == Count::kFromShardFull ? hub_->refused_by_rings() : hub_->counters().of(count);
}

}  // namespace carillon::stream
