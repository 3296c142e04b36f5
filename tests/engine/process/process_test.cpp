// The real program over loopback, driven by control's own end of the link: two engines call each other.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>

#include "control/link/engine_link.h"
#include "engine/link/wire/digest.h"
#include "engine/promise.h"

namespace carillon {
namespace {

namespace fs = std::filesystem;
using control::EngineLink;
using wire::FromEngine;
using wire::ToEngine;

fs::path make_folder() {
  std::string name = (fs::temp_directory_path() / "carillon-XXXXXX").string();
  return mkdtemp(name.data());
}

/// carillon-engine as a child; killed at the end if it still runs.
class Process {
 public:
  Process(const fs::path& folder, const std::string& name, const std::string& more = "") : data_(folder / name) {
    const fs::path config = folder / (name + ".toml");
    std::random_device device;
    const unsigned rtp = 20000 + 2 * (device() % 19000);
    std::ofstream(config) << "[engine]\nname = \"" << name << "\"\ndata_dir = \"" << data_.string()
                          << "\"\ncalls_max = 50\n"
                          << more << "[sip]\nport = 0\n[rtp]\nport_min = " << rtp << "\nport_max = " << rtp + 999
                          << "\n";
    int out[2];
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], 1);
      execl(CARILLON_ENGINE, "carillon-engine", "--config", config.c_str(), nullptr);
      _exit(127);
    }
    close(out[1]);
    char letter = 0;
    while (read(out[0], &letter, 1) == 1 && letter != '\n') ready_ += letter;
    close(out[0]);
  }
  ~Process() { stop(SIGKILL); }
  /// The exit status, or minus the signal that ended it.
  int stop(int signal) {
    if (pid_ <= 0) return 0;
    kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string link() const { return "unix:" + (data_ / "engine.sock").string(); }
  std::uint32_t sip_port() const {
    const auto at = ready_.find("127.0.0.1:");
    return at == std::string::npos ? 0 : static_cast<std::uint32_t>(std::stoul(ready_.substr(at + 10)));
  }
  const std::string& ready() const { return ready_; }
  const fs::path& data() const { return data_; }

 private:
  fs::path data_;
  pid_t pid_ = 0;
  std::string ready_;
};

/// Control, as far as this test needs it: remembers what the engine tells.
class Hand {
 public:
  explicit Hand(const std::string& address, std::function<void(Hand&, const FromEngine&)> react = {})
      : react_(std::move(react)),
        link_({.control = "test", .address = address, .tls = {}},
              {.event = [this](const FromEngine& event) { return take(event); },
               .commit = {},
               .connected = [this](const wire::Welcome&) { connect(); },
               .lost = {}},
              {}) {
    link_.start();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [&] { return is_connected_; });
    EXPECT_TRUE(is_connected_);
  }
  ~Hand() { link_.stop(); }

  void send(const ToEngine& command) { EXPECT_NE(link_.send(command), 0u); }
  EngineLink& link() { return link_; }
  /// The first event that is so, now or within ten seconds.
  std::optional<FromEngine> wait(const std::function<bool(const FromEngine&)>& is_so) {
    std::unique_lock lock(mutex_);
    std::optional<FromEngine> found;
    changed_.wait_for(lock, 10s, [&] {
      for (const FromEngine& event : events_)
        if (is_so(event)) return found = event, true;
      return false;
    });
    return found;
  }
  std::optional<FromEngine> wait_state(std::uint64_t leg, wire::LegState::State state) {
    return wait([=](const FromEngine& event) {
      return event.has_leg() && event.leg().state() == state && (leg == 0 || event.leg().leg() == leg);
    });
  }

 private:
  bool take(const FromEngine& event) {
    if (react_) react_(*this, event);
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    changed_.notify_all();
    return true;
  }
  void connect() {
    const std::lock_guard lock(mutex_);
    is_connected_ = true;
    changed_.notify_all();
  }

  std::function<void(Hand&, const FromEngine&)> react_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<FromEngine> events_;
  bool is_connected_ = false;
  EngineLink link_;
};

/// 8 kHz 16-bit mono WAV of a 500 Hz tone.
std::string tone_wav(double seconds) {
  const auto samples = static_cast<std::uint32_t>(seconds * 8000);
  std::string wav = "RIFF....WAVEfmt ";
  const auto put = [&](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) wav += static_cast<char>(value >> (8 * i) & 0xFF);
  };
  for (const auto& [value, bytes] : {std::pair{16u, 4}, {1u, 2}, {1u, 2}, {8000u, 4}, {16000u, 4}, {2u, 2}, {16u, 2}})
    put(value, bytes);
  wav += "data";
  put(samples * 2, 4);
  for (std::uint32_t i = 0; i < samples; ++i)
    put(static_cast<std::uint16_t>(static_cast<std::int16_t>(8000 * std::sin(2 * M_PI * 500 * i / 8000.0))), 2);
  const std::uint32_t size = static_cast<std::uint32_t>(wav.size()) - 8;
  for (int i = 0; i < 4; ++i) wav[4 + static_cast<std::size_t>(i)] = static_cast<char>(size >> (8 * i) & 0xFF);
  return wav;
}

ToEngine trunk(const std::string& id, std::uint32_t port) {
  ToEngine command;
  auto& put = *command.mutable_put_trunk();
  put.set_id(id);
  auto& gateway = *put.add_gateways();
  gateway.set_address("127.0.0.1");
  gateway.set_port(port);
  return command;
}

/// Answers what comes in, records it.
void answer_and_record(Hand& hand, const FromEngine& event) {
  if (!event.has_leg() || event.leg().state() != wire::LegState::INCOMING) return;
  ToEngine command;
  command.mutable_answer()->set_leg(event.leg().leg());
  command.mutable_answer()->mutable_plan()->set_record(true);
  hand.send(command);
}

ToEngine originate(std::uint64_t leg, const std::string& prompt, std::uint32_t loops) {
  ToEngine command;
  auto& dial = *command.mutable_originate();
  dial.set_leg(leg);
  dial.add_trunks("far");
  dial.set_from("+4930555");
  dial.set_to("+4930123");
  auto& plan = *dial.mutable_plan();
  plan.set_record(true);
  auto& message = *plan.add_states();
  message.set_name("message");
  message.mutable_play()->add_prompts(prompt);
  message.mutable_play()->set_loops(loops);
  auto& done = *message.add_on();
  done.set_event(wire::DONE);
  done.set_next(1);
  auto& over = *plan.add_states();
  over.set_name("over");
  over.set_mark("message_played");
  over.mutable_hangup()->set_cause(16);
  return command;
}

class EngineProcess : public testing::Test {
 protected:
  EngineProcess() : folder_(make_folder()) {}
  ~EngineProcess() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(EngineProcess, PlacesAnswersPlaysRecordsAndEndsCleanly) {
  Process near(folder_, "near"), far(folder_, "far");
  ASSERT_THAT(near.ready(), testing::StartsWith("ready SIP 127.0.0.1:"));
  {
    Hand far_hand(far.link(), answer_and_record);
    Hand hand(near.link());
    ASSERT_TRUE(far_hand.link().call(trunk("near", near.sip_port()), 5s));
    hand.send(trunk("far", far.sip_port()));
    const std::string wav = tone_wav(1.0), name = link::sha256_hex(bytes_of(wav));
    ASSERT_TRUE(hand.link().upload_prompt(name, wav));
    hand.send(originate(42, name, 1));
    const auto ended = hand.wait_state(42, wire::LegState::ENDED);
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->leg().sip_status(), 200u);
    EXPECT_EQ(ended->leg().ended_by(), wire::LegState::PLAN);
    EXPECT_EQ(ended->leg().last_mark(), "message_played");
    EXPECT_NEAR(static_cast<double>(ended->leg().ended_ms() - ended->leg().answered_ms()), 1120, 200);

    ToEngine ask;
    ask.mutable_trace()->set_leg(42);
    const auto trace = hand.link().call(ask, 5s);
    ASSERT_TRUE(trace);
    EXPECT_THAT(trace->trace().text(), testing::HasSubstr("INVITE sip:+4930123@127.0.0.1"));

    for (Hand* side : {&hand, &far_hand}) {
      const auto done = side->wait([](const FromEngine& event) { return event.has_record_done(); });
      ASSERT_TRUE(done);
      EXPECT_NEAR(static_cast<double>(done->record_done().duration_ms()), 1120, 200);
      const auto size = side->link().fetch_recording(done->record_done().path(), done->record_done().sha256(),
                                                     folder_ / "fetched.wav");
      ASSERT_TRUE(size);
      EXPECT_EQ(*size, done->record_done().size());
      fs::remove(folder_ / "fetched.wav");
    }
  }
  EXPECT_EQ(near.stop(SIGTERM), 0);
  EXPECT_EQ(far.stop(SIGTERM), 0);
}

TEST_F(EngineProcess, KilledInACallItReportsItsEndAndTheRepairedRecordingAtTheNextStart) {
  Process far(folder_, "far");
  Hand far_hand(far.link(), answer_and_record);
  auto near = std::make_unique<Process>(folder_, "near");
  {
    Hand hand(near->link());
    ASSERT_TRUE(far_hand.link().call(trunk("near", near->sip_port()), 5s));
    hand.send(trunk("far", far.sip_port()));
    const std::string wav = tone_wav(1.0), name = link::sha256_hex(bytes_of(wav));
    ASSERT_TRUE(hand.link().upload_prompt(name, wav));
    hand.send(originate(43, name, 100));
    ASSERT_TRUE(hand.wait_state(43, wire::LegState::ANSWERED));
    // two seconds of sound: statistics come once a second
    ASSERT_TRUE(
        hand.wait([](const FromEngine& event) { return event.has_stats() && event.stats().packets_out() > 100; }));
    EXPECT_EQ(near->stop(SIGKILL), -SIGKILL);
  }
  near = std::make_unique<Process>(folder_, "near");
  Hand hand(near->link());
  const auto ended = hand.wait_state(43, wire::LegState::ENDED);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->leg().reason(), "engine restarted");
  EXPECT_NE(ended->leg().answered_ms(), 0);
  const auto recorded = hand.wait([](const FromEngine& event) { return event.has_record_done(); });
  ASSERT_TRUE(recorded);
  EXPECT_TRUE(recorded->record_done().repaired());
  EXPECT_EQ(recorded->record_done().leg(), 43u);
  EXPECT_GT(recorded->record_done().duration_ms(), 1000u);
}

/// One call that lives and another: why `near` does not take the second, or empty.
std::string refusal_of_second_call(const Process& near, const Process& far) {
  Hand far_hand(far.link(), answer_and_record);
  Hand hand(near.link());
  EXPECT_TRUE(far_hand.link().call(trunk("near", near.sip_port()), 5s));
  hand.send(trunk("far", far.sip_port()));
  const std::string wav = tone_wav(1.0), name = link::sha256_hex(bytes_of(wav));
  EXPECT_TRUE(hand.link().upload_prompt(name, wav));
  hand.send(originate(51, name, 100));
  EXPECT_TRUE(hand.wait_state(51, wire::LegState::ANSWERED));
  const auto second = hand.link().call(originate(52, name, 1), 5s);
  return second ? "" : second.error().text;
}

TEST_F(EngineProcess, ACallBeyondThePromiseIsRefused) {
  Process near(folder_, "near", "calls_promised = 1\n"), far(folder_, "far");
  EXPECT_EQ(refusal_of_second_call(near, far), "engine overloaded: more calls than promised");
}

// The file of --self-test: a machine of another kind promised it, so it does not count; then ours.
TEST_F(EngineProcess, ThePromiseOfTheSelfTestHoldsOnTheMachineThatGaveIt) {
  Process far(folder_, "far");
  for (const std::string& cpu : {std::string("abacus"), cpu_model()}) {
    fs::create_directories(folder_ / "near");
    std::ofstream(folder_ / "near/self-test.json") << "{\"date\":\"2026-01-02T03:04:05.678Z\",\"cpu\":\"" << cpu
                                                   << "\",\"promises\":[{\"back_end\":\"uring\",\"legs_per_shard\":1},"
                                                      "{\"back_end\":\"mmsg\",\"legs_per_shard\":1}]}";
    const Process near(folder_, "near");
    EXPECT_EQ(refusal_of_second_call(near, far), cpu == cpu_model() ? "engine overloaded: more calls than promised" : "");
    fs::remove_all(folder_ / "near");
  }
}

TEST_F(EngineProcess, AFaultyConfigurationIsRefusedByName) {
  const fs::path config = folder_ / "bad.toml", log = folder_ / "log";
  std::ofstream(config) << "[rtp]\nport_mn = 20000\n";
  const std::string command = std::string(CARILLON_ENGINE) + " --config " + config.string() + " 2> " + log.string();
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 2);
  std::ifstream in(log);
  const std::string said{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(said, testing::HasSubstr("rtp.port_mn: unknown key"));
}

TEST_F(EngineProcess, ASecondEngineOnTheSamePortIsRefused) {
  const Process first(folder_, "first");
  const fs::path config = folder_ / "second.toml", log = folder_ / "log";
  std::ofstream(config) << "[engine]\ndata_dir = \"" << (folder_ / "second").string()
                        << "\"\n[sip]\nport = " << first.sip_port() << "\n";
  const std::string command = std::string(CARILLON_ENGINE) + " --config " + config.string() + " 2> " + log.string();
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
  std::ifstream in(log);
  const std::string said{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(said, testing::HasSubstr("sip.port: 127.0.0.1:" + std::to_string(first.sip_port())));
  EXPECT_THAT(said, testing::HasSubstr("in use"));
}

}  // namespace
}  // namespace carillon
