#include "control/link/engine_link.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "control/link/command_queue.h"
#include "control/link/inbox.h"
#include "engine/base/check.h"
#include "engine/link/wire/frame.h"

namespace carillon::control {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr Duration kWelcomeTime = 5s;
constexpr Duration kRetryAfter = 100ms;      // the owner could not commit
constexpr std::size_t kWaitingMax = 10'000;  // events; beyond, the engine keeps them
constexpr std::size_t kQueuedMax = 4u << 20;
constexpr std::size_t kReceiveMost = 1u << 20;
constexpr int kWaitMs = 20;

// Ids grow with the wall clock, so those of a restarted control do not repeat.
std::uint64_t first_id() { return static_cast<std::uint64_t>(wall_now().time_since_epoch().count()) << 20 | 1; }

// The engine would refuse the whole connection for a frame that it cannot read, and the command would come again with
// the next one.
bool can_travel(const wire::ToEngine& message) {
  const std::string bytes = message.SerializeAsString();
  return bytes.size() <= link::kFrameMax && wire::ToEngine().ParseFromString(bytes);
}

wire::FromEngine refusal(std::uint64_t id, const char* why) {
  wire::FromEngine answer;
  answer.set_answers(id);
  answer.set_wall_ms(wall_now().time_since_epoch().count());
  answer.mutable_done()->set_error(why);
  return answer;
}

}  // namespace

std::string EngineLinkConfig::fault() const {
  if (const auto parsed = link::parse_address(address); !parsed) return "address: " + parsed.error();
  if (auto fault = tls.fault(); !fault.empty()) return "tls/" + fault;
  if (back_off_min <= Duration{0} || back_off_max < back_off_min) return "back_off_max: at least back_off_min, above 0";
  if (commands_max == 0) return "commands_max: at least 1";
  return {};
}

struct EngineLink::Parts {
  Parts(EngineLinkConfig c, EngineLinkHandlers h, Resume resume)
      : config(std::move(c)),
        handlers(std::move(h)),
        commands(first_id(), config.commands_max),
        inbox(resume.sequence),
        epoch(std::move(resume.epoch)),
        wake_fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    CHECK(wake_fd >= 0);
    health.since = wall_now();
    health.error = "not started";
  }
  ~Parts() { ::close(wake_fd); }

  void run();
  void wait();
  void connect(TimePoint now);
  void serve(TimePoint now);
  void on_message(wire::FromEngine message, TimePoint now);
  void on_welcome(const wire::Welcome& welcome);
  void deliver(TimePoint now);
  void send_commands();
  void acknowledge(TimePoint now);
  void lose(TimePoint now, std::string why);
  void show(const std::vector<wire::FromEngine>& answers);
  void send_now(const wire::ToEngine& message);
  void wake();
  void set_state(bool is_connected, std::string error);

  const EngineLinkConfig config;
  const EngineLinkHandlers handlers;
  CommandQueue commands;

  // The link's thread only.
  Inbox inbox;
  std::string epoch, boot;
  std::unique_ptr<link::TlsContext> tls;
  std::unique_ptr<link::Stream> stream;
  link::FrameReader frames;
  bool is_welcomed = false;
  TimePoint connect_at{}, welcome_by{}, deliver_at{}, acknowledged_at{};
  Duration back_off{0};
  std::uint64_t acknowledged = 0;

  mutable std::mutex mutex;  // of `health`
  LinkHealth health;
  std::atomic<bool> is_open = false, stopping = false;
  int wake_fd;
  std::thread thread;
};

void EngineLink::Parts::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_fd, &one, sizeof one);
}

void EngineLink::Parts::set_state(bool is_connected, std::string error) {
  is_open = is_connected;
  const std::lock_guard lock(mutex);
  if (health.connected != is_connected) health.since = wall_now();
  health.connected = is_connected;
  health.error = std::move(error);
}

void EngineLink::Parts::wait() {
  pollfd waiting[2] = {{wake_fd, POLLIN, 0}, {-1, 0, 0}};
  if (stream) {
    waiting[1].fd = stream->fd();
    waiting[1].events = stream->wants();
    if (inbox.waiting() > kWaitingMax) waiting[1].events = static_cast<short>(waiting[1].events & ~POLLIN);
  }
  ::poll(waiting, 2, stream && stream->has_more() ? 0 : kWaitMs);
  std::uint64_t ignored = 0;
  (void)!::read(wake_fd, &ignored, sizeof ignored);
}

void EngineLink::Parts::run() {
  link::block_broken_pipe_signal();
  while (!stopping.load(std::memory_order_acquire)) {
    wait();
    const TimePoint now = MonoClock::now();
    if (!stream && now >= connect_at) connect(now);
    if (stream) serve(now);
    if (now >= deliver_at) deliver(now);
    show(commands.expire(now, config.unsent_max, wall_now()));
  }
  if (stream && is_welcomed) acknowledge(acknowledged_at + config.acknowledge_every);
  if (stream) (void)stream->flush();
  stream.reset();
}

void EngineLink::Parts::connect(TimePoint now) {
  if (config.tls.is_set() && !tls) {
    auto made = link::TlsContext::make(config.tls, link::TlsContext::Role::kClient);
    if (!made) return lose(now, made.error());
    tls = std::move(*made);
  }
  auto made = link::Stream::connect(*link::parse_address(config.address), tls.get());
  if (!made) return lose(now, made.error());
  stream = std::move(*made);
  frames = {};
  is_welcomed = false;
  welcome_by = now + kWelcomeTime;
  wire::ToEngine hello;
  hello.mutable_hello()->set_control(config.control);
  hello.mutable_hello()->set_acknowledged(inbox.committed());
  hello.mutable_hello()->set_engine_epoch(epoch);
  hello.mutable_hello()->set_version(kVersion);
  send_now(hello);
}

void EngineLink::Parts::lose(TimePoint now, std::string why) {
  const bool was_welcomed = std::exchange(is_welcomed, false);
  stream.reset();
  back_off = was_welcomed ? config.back_off_min : std::clamp(back_off * 2, config.back_off_min, config.back_off_max);
  connect_at = now + back_off;
  set_state(false, std::move(why));
  if (was_welcomed && handlers.lost) handlers.lost();
}

void EngineLink::Parts::send_now(const wire::ToEngine& message) {
  std::string frame;
  if (link::append_frame(frame, message)) stream->queue(frame);
}

// Reads what has come, answers first, then sends what is to be sent.
void EngineLink::Parts::serve(TimePoint now) {
  std::string bytes;
  const auto result = inbox.waiting() > kWaitingMax ? link::Stream::Io::kAgain : stream->receive(bytes, kReceiveMost);
  const std::string why = result == link::Stream::Io::kFailed ? stream->error() : "the engine closed the connection";
  frames.push(bytes_of(bytes));
  for (;;) {
    const auto frame = frames.next();
    if (!frame) return lose(now, "the engine sent a frame longer than 16 MiB");
    if (!*frame) break;
    wire::FromEngine message;
    if (!message.ParseFromArray((*frame)->data(), static_cast<int>((*frame)->size())))
      return lose(now, "the engine sent a frame that holds no FromEngine message");
    if (!is_welcomed && !message.has_welcome())
      return lose(now, message.has_done() ? "refused: " + message.done().error() : "the engine did not say Welcome");
    on_message(std::move(message), now);
  }
  if (result == link::Stream::Io::kClosed || result == link::Stream::Io::kFailed) return lose(now, why);
  if (!is_welcomed && now >= welcome_by) return lose(now, "no Welcome in time");
  if (is_welcomed) {
    send_commands();
    acknowledge(now);
  }
  const auto sent = stream->flush();
  if (sent == link::Stream::Io::kFailed) return lose(now, stream->error());
  if (sent == link::Stream::Io::kClosed) lose(now, "the engine closed the connection");
}

void EngineLink::Parts::on_message(wire::FromEngine message, TimePoint now) {
  if (message.has_welcome()) return on_welcome(message.welcome());
  if (message.sequence() != 0) return inbox.add(std::move(message));
  if (message.answers() == 0) {
    if (handlers.event) (void)handlers.event(message);
    return;
  }
  // A leg that a Snapshot lacks has ended: the owner hears of that first.
  if (message.has_snapshot() && now >= deliver_at) deliver(now);
  if (auto shown = commands.answered(std::move(message))) show({std::move(*shown)});
}

void EngineLink::Parts::on_welcome(const wire::Welcome& welcome) {
  if (welcome.epoch() != epoch) inbox.new_epoch();
  epoch = welcome.epoch();
  boot = welcome.boot();
  acknowledged = inbox.committed();
  back_off = Duration{0};
  is_welcomed = true;
  {
    const std::lock_guard lock(mutex);
    health.engine = welcome.engine();
    health.back_end = welcome.back_end();
    health.epoch = epoch;
  }
  set_state(true, "");
  show(commands.connected(boot, wall_now()));
  if (handlers.connected) handlers.connected(welcome);
}

void EngineLink::Parts::deliver(TimePoint now) {
  if (inbox.waiting() == 0) return;
  const auto owner = [this](const wire::FromEngine& event) { return !handlers.event || handlers.event(event); };
  if (!inbox.deliver(owner, handlers.commit)) deliver_at = now + kRetryAfter;
}

void EngineLink::Parts::show(const std::vector<wire::FromEngine>& answers) {
  if (handlers.event)
    for (const auto& answer : answers) (void)handlers.event(answer);
}

void EngineLink::Parts::send_commands() {
  while (stream->queued() < kQueuedMax) {
    const auto command = commands.next_to_send(boot);
    if (!command) return;
    if (can_travel(*command)) {
      send_now(*command);
    } else if (auto shown = commands.answered(refusal(command->id(), "the command is too long or holds no UTF-8"))) {
      show({std::move(*shown)});
    }
  }
}

void EngineLink::Parts::acknowledge(TimePoint now) {
  if (inbox.committed() <= acknowledged || now - acknowledged_at < config.acknowledge_every) return;
  acknowledged = inbox.committed();
  acknowledged_at = now;
  wire::ToEngine message;
  message.mutable_ack()->set_sequence(acknowledged);
  send_now(message);
  const std::lock_guard lock(mutex);
  health.acknowledged = acknowledged;
}

EngineLink::EngineLink(EngineLinkConfig config, EngineLinkHandlers handlers, Resume resume)
    : parts_(std::make_unique<Parts>(std::move(config), std::move(handlers), std::move(resume))) {
  CHECK(parts_->config.fault().empty());
}

EngineLink::~EngineLink() { stop(); }

void EngineLink::start() {
  CHECK(!parts_->thread.joinable());
  parts_->thread = std::thread([parts = parts_.get()] { parts->run(); });
}

void EngineLink::stop() {
  if (!parts_->thread.joinable()) return;
  parts_->stopping.store(true, std::memory_order_release);
  parts_->commands.close();
  parts_->wake();
  parts_->thread.join();
  parts_->set_state(false, "stopped");
}

std::uint64_t EngineLink::send(wire::ToEngine command) {
  const std::uint64_t id = parts_->commands.add(std::move(command), MonoClock::now(), false);
  if (id != 0) parts_->wake();
  return id;
}

Result<wire::FromEngine, LinkFault> EngineLink::call(wire::ToEngine command, Duration timeout) {
  CHECK(std::this_thread::get_id() != parts_->thread.get_id());
  if (parts_->stopping) return LinkFault{LinkError::kStopped, "the link is stopped"};
  if (!parts_->is_open) return LinkFault{LinkError::kNotConnected, health().error};
  const std::uint64_t id = parts_->commands.add(std::move(command), MonoClock::now(), true);
  if (id == 0) return LinkFault{LinkError::kFull, "too many commands wait for the engine"};
  parts_->wake();
  auto answer = parts_->commands.wait(id, timeout);
  if (!answer && parts_->stopping) return LinkFault{LinkError::kStopped, "the link is stopped"};
  if (!answer && !parts_->is_open) return LinkFault{LinkError::kNotConnected, health().error};
  if (!answer) return LinkFault{LinkError::kTimeout, "the engine did not answer in time"};
  if (answer->has_done() && !answer->done().ok()) return LinkFault{LinkError::kRefused, answer->done().error()};
  return std::move(*answer);
}

LinkHealth EngineLink::health() const {
  const std::lock_guard lock(parts_->mutex);
  LinkHealth shown = parts_->health;
  shown.commands_waiting = parts_->commands.size();
  return shown;
}

}  // namespace carillon::control
