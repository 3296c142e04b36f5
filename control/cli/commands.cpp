#include "control/cli/commands.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "control/cli/words.h"

namespace carillon::cli {

namespace bj = boost::json;

namespace {

void print_call(const bj::value& call) {
  fmt::print("{}  {:<8} {:<9} {} -> {}  {} {}\n", text_of(call, "id"), text_of(call, "direction"),
             text_of(call, "state"), text_of(call, "from"), text_of(call, "to"), text_of(call, "sip_status"),
             text_of(call, "reason"));
}

}  // namespace

void status(Client& client) {
  const auto health = client.get("/health");
  fmt::print("{}  store {}\n", text_of(health, "status"), text_of(health, "store"));
  for (const auto& engine : health.at("engines").as_array())
    fmt::print("engine {}  {}  {}  legs {}  {}\n", text_of(engine, "name"),
               engine.at("connected").as_bool() ? "connected" : "not connected", text_of(engine, "back_end"),
               text_of(engine, "legs"), text_of(engine, "error"));
  if (text_of(health, "status") != "ok") throw Failure(Exit::kServer, "no call can be placed now");
}

void calls(Client& client, const std::string& state) {
  const auto page = client.get("/v1/calls?limit=100" + (state.empty() ? "" : "&state=" + escaped(state)));
  for (const auto& item : page.at("data").as_array()) print_call(item);
}

void call(Client& client, const std::string& id) {
  const auto shown = client.get("/v1/calls/" + escaped(id));
  for (const auto& [name, value] : shown.as_object())
    fmt::print("{:<22} {}\n", std::string(name), text_of(shown, std::string(name)));
}

std::string import_prompt(Client& client, const std::string& file, std::string name) {
  const std::string bytes = read_file(file);
  if (name.empty())
    name = fmt::format("{} {:08x}", std::filesystem::path(file).stem().string(),
                       std::hash<std::string>{}(bytes)&0xFFFFFFFF);
  const auto made = client.upload("/v1/prompts?name=" + escaped(name), bytes, "audio/wav");
  return made.is_null() ? by_name(client, "/v1/prompts", "prompt_", name) : text_of(made, "id");
}

void dial(Client& client, const DialOptions& options) {
  bj::object body{{"to", options.to}, {"from", options.from}, {"record", options.record}, {"detect", options.detect}};
  body["trunk"] = by_name(client, "/v1/trunks", "trunk_", options.trunk);
  if (!options.message.empty()) {
    const bool is_file = std::filesystem::is_regular_file(options.message);
    const auto prompt = is_file ? import_prompt(client, options.message, "") : options.message;
    body["plan"] = bj::object{{"type", "message"}, {"prompt", prompt}, {"on_machine", options.on_machine}};
  }
  const auto placed = client.post("/v1/calls", body, new_key());
  const std::string id = text_of(placed, "id");
  fmt::print("{}\n", id);
  if (!options.wait) return;
  for (;;) {
    const auto now = client.get("/v1/calls/" + id);
    if (text_of(now, "state") == "ended") {
      print_call(now);
      if (text_of(now, "answered_at") == "-")
        throw Failure(Exit::kRefused,
                      fmt::format("not answered: {} {}", text_of(now, "sip_status"), text_of(now, "reason")));
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
}

void hangup(Client& client, const std::string& id) {
  client.post("/v1/calls/" + escaped(id) + "/actions/hangup", bj::object{}, new_key());
}

void trace(Client& client, const std::string& id) {
  const auto shown = client.get("/v1/calls/" + escaped(id));
  fmt::print("{}\n", client.text("/v1/calls/" + escaped(id) + "/trace"));
  print_call(shown);
  if (text_of(shown, "error") != "-") fmt::print("error: {}\n", text_of(shown, "error"));
}

void prompts(Client& client) {
  for (const auto& item : client.all("/v1/prompts"))
    fmt::print("{}  {:>8} ms  {:<7} {}\n", text_of(item, "id"), text_of(item, "duration_ms"), text_of(item, "state"),
               text_of(item, "name"));
}

void trunks(Client& client) {
  for (const auto& item : client.all("/v1/trunks")) {
    const auto& state = item.at("state");
    fmt::print("{}  {:<20} {}\n", text_of(item, "id"), text_of(item, "name"),
               state.is_object() ? (state.at("reachable").as_bool() ? "reachable" : "not reachable") : "unknown");
  }
}

void add_trunk(Client& client, const TrunkOptions& options) {
  bj::array gateways;
  for (const auto& text : options.gateways) {
    const bool is_v4 = std::count(text.begin(), text.end(), ':') == 1;
    const auto colon = is_v4 ? text.find(':') : std::string::npos;
    bj::object gateway{{"address", text.substr(0, colon)}};
    if (is_v4) {
      int port = 0;
      const auto digits = text.substr(colon + 1);
      std::from_chars(digits.data(), digits.data() + digits.size(), port);
      gateway["port"] = port;
    }
    gateways.push_back(gateway);
  }
  bj::object body{{"name", options.name}, {"gateways", gateways}, {"register", options.registers}};
  if (!options.username.empty()) body["username"] = options.username;
  if (!options.password_file.empty()) {
    std::string password = read_file(options.password_file);
    while (password.ends_with('\n') || password.ends_with('\r')) password.pop_back();
    body["password"] = password;
  }
  fmt::print("{}\n", text_of(client.post("/v1/trunks", body, new_key()), "id"));
}

void recordings(Client& client) {
  const auto page = client.get("/v1/recordings?limit=100");
  for (const auto& item : page.at("data").as_array())
    fmt::print("{}  {:<8} {:>8} ms  {}\n", text_of(item, "id"), text_of(item, "state"), text_of(item, "duration_ms"),
               text_of(item, "call"));
}

void get_recording(Client& client, const std::string& id, std::string file) {
  if (file.empty()) file = id + ".wav";
  const auto audio = client.text("/v1/recordings/" + escaped(id) + "/audio");
  std::ofstream out(file, std::ios::binary);
  out << audio;
  if (!out.flush()) throw Failure(Exit::kUsage, file + ": cannot be written");
  fmt::print("{}\n", file);
}

}  // namespace carillon::cli
