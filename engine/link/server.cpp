#include "engine/link/server.h"

#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iterator>
#include <thread>

#include "engine/base/check.h"
#include "engine/link/connection.h"
#include "engine/link/desk.h"
#include "engine/link/event_book.h"
#include "engine/link/journal.h"
#include "engine/link/prompts.h"

namespace carillon::link {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kNewcomersMax = 8;  // connections that have not said Hello; more are closed at once
constexpr Duration kHelloTime = 5s;
constexpr std::size_t kReceiveMost = 256u << 10;
constexpr Duration kTellEvery = 1s;
constexpr Duration kBeatEvery = 50ms;
constexpr int kBusyWaitMs = 2, kIdleWaitMs = 10;  // between two looks at the rings

std::string boot_name() {
  std::uint64_t word = 0;
  CHECK(::getrandom(&word, sizeof word, 0) == sizeof word);
  return fmt::format("{:016x}", word);
}

}  // namespace

std::string ServerConfig::fault() const {
  if (const auto address = parse_address(listen); !address) return "listen: " + address.error();
  if (auto fault = tls.fault(); !fault.empty()) return "tls/" + fault;
  if (data_dir.empty()) return "data_dir: empty";
  if (recordings_dir.empty()) return "recordings_dir: empty";
  if (legs_max == 0) return "legs_max: at least 1";
  if (brain_grace < Duration{0}) return "brain_grace: not negative";
  return {};
}

struct Server::Parts {
  ServerConfig config;
  RecordedSource recorded;
  std::unique_ptr<TlsContext> tls;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<PromptStore> prompts;
  std::unique_ptr<PhoneBook> phones;
  std::unique_ptr<EventBook> book;
  std::unique_ptr<Desk> desk;
  std::unique_ptr<Listener> listener;
  std::string boot = boot_name();

  std::unique_ptr<Connection> active;
  std::vector<wire::FromEngine> answers;  // for `active`, once it has the events that came before
  std::vector<std::unique_ptr<Connection>> newcomers;
  bool brain_present = true;  // shards begin with a brain; they hear otherwise after the grace
  TimePoint brain_seen{}, beat_at{}, second_at{}, refused_told{};
  std::uint64_t refused = 0;  // connections since start that never got as far as a good Hello

  std::thread thread;
  std::atomic<bool> stopping = false;
  int wake_fd = -1;

  ~Parts() {
    if (wake_fd >= 0) ::close(wake_fd);
  }
  std::string open(std::vector<ShardPort> shards);
  void run();
  void wait();
  void accept(TimePoint now);
  void serve_newcomers(TimePoint now);
  bool greet(std::unique_ptr<Connection>& newcomer, const wire::ToEngine& first, TimePoint now);
  void serve_active(TimePoint now);
  bool gather();
  void tell_active();
  void keep_time(TimePoint now);
};

// The first thing that cannot be opened, or empty.
std::string Server::Parts::open(std::vector<ShardPort> shards) {
  std::error_code fault;
  std::filesystem::create_directories(config.data_dir, fault);
  if (fault) return fmt::format("{}: {}", config.data_dir, fault.message());
  auto opened_journal = Journal::open({.path = config.data_dir + "/journal", .size_max = config.journal_max});
  if (!opened_journal) return opened_journal.error();
  journal = std::move(*opened_journal);
  if (journal->damaged()) spdlog::error("link: {}/journal was no journal; kept as journal.damaged", config.data_dir);
  auto opened_prompts = PromptStore::open({.folder = config.data_dir + "/prompts", .bytes_max = config.prompts_max});
  if (!opened_prompts) return opened_prompts.error();
  prompts = std::move(*opened_prompts);
  if (config.tls.is_set()) {
    auto made = TlsContext::make(config.tls, TlsContext::Role::kServer);
    if (!made) return made.error();
    tls = std::move(*made);
  }
  auto listening = Listener::listen(*parse_address(config.listen), tls != nullptr);
  if (!listening) return listening.error();
  listener = std::move(*listening);
  wake_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd < 0) return "eventfd: no file descriptor left";

  phones = std::make_unique<PhoneBook>(config.data_dir + "/phones", wall_now());
  book = std::make_unique<EventBook>(*journal);
  if (journal->living() != 0) spdlog::warn("link: {} legs ended with the last process", journal->living());
  book->end_orphans(wall_now());
  desk = std::make_unique<Desk>(std::move(shards), *journal, *book, *prompts, *phones,
                                Recordings(config.recordings_dir), config.legs_max);
  return {};
}

void Server::Parts::wait() {
  std::vector<pollfd> waiting{{wake_fd, POLLIN, 0}, {listener->fd(), POLLIN, 0}};
  bool has_more = false;
  const auto add = [&](const Connection& one) {
    waiting.push_back({one.fd(), one.wants(), 0});
    has_more |= one.has_more();
  };
  if (active) add(*active);
  for (const auto& newcomer : newcomers) add(*newcomer);
  const int timeout = has_more ? 0 : desk->is_idle() ? kIdleWaitMs : kBusyWaitMs;
  ::poll(waiting.data(), waiting.size(), timeout);
}

void Server::Parts::run() {
  block_broken_pipe_signal();
  brain_seen = second_at = MonoClock::now();
  while (!stopping.load(std::memory_order_acquire)) {
    wait();
    const TimePoint now = MonoClock::now();
    accept(now);
    serve_newcomers(now);
    serve_active(now);
    gather();
    tell_active();
    keep_time(now);
  }
}

void Server::Parts::accept(TimePoint now) {
  for (int fd = listener->accept(); fd >= 0; fd = listener->accept()) {
    auto stream = Stream::accepted(fd, tls.get());
    if (stream && newcomers.size() < kNewcomersMax)
      newcomers.push_back(std::make_unique<Connection>(std::move(*stream), now + kHelloTime));
  }
}

void Server::Parts::serve_newcomers(TimePoint now) {
  for (auto& newcomer : newcomers) {
    newcomer->receive(kReceiveMost);
    newcomer->flush();
    wire::ToEngine first;
    if (newcomer->next(first) && greet(newcomer, first, now)) continue;
    if (!newcomer->is_over(now)) continue;
    ++refused;
    if (now - refused_told >= kTellEvery) {  // a scanner must not fill the log
      spdlog::warn("link: connection {} was refused: {}", refused,
                   newcomer->why().empty() ? "no Hello" : newcomer->why());
      refused_told = now;
    }
    newcomer.reset();
  }
  std::erase(newcomers, nullptr);
}

// True when the newcomer is the active connection now.
bool Server::Parts::greet(std::unique_ptr<Connection>& newcomer, const wire::ToEngine& first, TimePoint now) {
  if (!first.has_hello()) {
    newcomer->refuse(first.id(), "the first message must be Hello", now);
    return false;
  }
  const wire::Hello& hello = first.hello();
  if (hello.version() != kVersion) {
    newcomer->refuse(first.id(), fmt::format("Hello has version {}, this engine speaks {}", hello.version(), kVersion),
                     now);
    return false;
  }
  const bool is_known = hello.engine_epoch() == journal->epoch();
  const std::uint64_t committed = is_known ? std::min(hello.acknowledged(), journal->last_sequence()) : 0;
  book->acknowledge(committed);

  wire::FromEngine message;
  message.set_answers(first.id());
  message.set_wall_ms(wall_now().time_since_epoch().count());
  wire::Welcome& welcome = *message.mutable_welcome();
  welcome.set_engine(config.engine);
  welcome.set_epoch(journal->epoch());
  welcome.set_last_sequence(journal->last_sequence());
  welcome.set_version(kVersion);
  welcome.set_back_end(config.back_end);
  welcome.set_boot(boot);
  welcome.set_gap(book->dropped() > committed);

  spdlog::info("link: control \"{}\" has connected{}", hello.control(),
               active ? "; the older connection is closed" : "");
  active = std::move(newcomer);
  answers.clear();  // those of the older connection: asked for again if still wanted
  active->greeted(committed, book->dropped());
  active->send(message);
  brain_seen = now;
  return true;
}

void Server::Parts::serve_active(TimePoint now) {
  if (!active) return;
  active->receive(kReceiveMost);
  for (wire::ToEngine message; active->next(message);) {
    if (message.has_ack()) {
      book->acknowledge(message.ack().sequence());
    } else if (message.has_hello()) {
      active->refuse(message.id(), "Hello is said once", now);
    } else {
      desk->perform(message, wall_now());
    }
  }
}

// Rings and recordings into the book and the desk.
bool Server::Parts::gather() {
  bool is_any = desk->collect();
  Recorded done;
  for (int i = 0; i < 1000 && recorded.next && recorded.next(done); ++i) {
    desk->add_recorded(done, wall_now());
    if (recorded.journaled) recorded.journaled(done);
    is_any = true;
  }
  return is_any;
}

void Server::Parts::tell_active() {
  std::ranges::move(desk->take_answers(), std::back_inserter(answers));
  if (!active) return answers.clear();  // whoever repeats the command is answered then
  active->send_events(*book);
  if (!active->is_behind(*book)) {  // a Snapshot must not overtake the end of a leg that it lacks
    for (const auto& answer : answers) active->send(answer);
    answers.clear();
  }
  active->flush();
  const TimePoint now = MonoClock::now();
  if (active->queued() > config.backlog_max || active->has_lost(*book))
    active->refuse(0, "control reads too slowly; connect anew and take a Snapshot", now);
  if (!active->is_over(now)) return;
  spdlog::warn("link: control is gone: {}", active->why());
  active.reset();
}

void Server::Parts::keep_time(TimePoint now) {
  if (active) brain_seen = now;
  const bool is_present = now - brain_seen <= config.brain_grace;
  if (is_present != brain_present) {
    brain_present = is_present;
    desk->set_brain(is_present);
  }
  if (now - beat_at >= kBeatEvery) {
    beat_at = now;
    journal->beat(wall_now());
  }
  if (now - second_at < 1s) return;
  second_at = now;
  journal->start_write_back();
  if (!phones->save()) spdlog::warn("link: {}/phones cannot be written", config.data_dir);
  if (active) active->send(desk->stats(wall_now()));
}

Result<std::unique_ptr<Server>, std::string> Server::make(ServerConfig config, std::vector<ShardPort> shards,
                                                          RecordedSource recorded) {
  if (auto fault = config.fault(); !fault.empty()) return fault;
  auto parts = std::make_unique<Parts>();
  parts->config = std::move(config);
  parts->recorded = std::move(recorded);
  if (auto fault = parts->open(std::move(shards)); !fault.empty()) return fault;
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() { stop(); }

void Server::start() {
  CHECK(!parts_->thread.joinable());
  parts_->thread = std::thread([parts = parts_.get()] { parts->run(); });
}

void Server::stop() {
  if (!parts_->thread.joinable()) return;
  parts_->stopping.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  (void)!::write(parts_->wake_fd, &one, sizeof one);
  parts_->thread.join();
  while (parts_->gather()) {  // what the shards and the disk had left
  }
  parts_->active.reset();
  parts_->newcomers.clear();
}

std::string Server::address() const { return parts_->listener->address().text(); }

}  // namespace carillon::link
