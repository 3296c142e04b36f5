// carillon: the command line for engineers, thin over the REST API.

#include <curl/curl.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>

#include "control/cli/campaign_commands.h"
#include "control/cli/commands.h"
#include "control/cli/top.h"

namespace carillon::cli {
namespace {

std::string token_from(const std::string& file) {
  if (file.empty()) {
    const char* token = std::getenv("CARILLON_TOKEN");
    return token != nullptr ? token : "";
  }
  std::ifstream in(file);
  std::string token;
  if (!std::getline(in, token)) throw Failure(Exit::kUsage, file + ": no token can be read");
  return token;
}

int run(int argc, char** argv) {
  CLI::App app("Carillon's command line. Exit: 0 done, 1 refused, 2 usage, 3 not reachable, 4 server failing");
  app.require_subcommand(1);
  app.set_version_flag("--version", CARILLON_VERSION);
  std::string url = "http://127.0.0.1:8080", token_file, ca_file;
  bool trust_any = false;
  app.add_option("--url", url, "where carillon-control serves")->envname("CARILLON_URL");
  app.add_option("--token-file", token_file, "file with the token; else CARILLON_TOKEN");
  app.add_option("--ca", ca_file, "certificate authority for https");
  app.add_flag("--insecure", trust_any, "accept any certificate");

  std::function<void(Client&)> command;
  const auto add = [&](CLI::App* parent, const char* name, const char* about, std::function<void(Client&)> work) {
    auto* sub = parent->add_subcommand(name, about);
    sub->callback([&command, work] {
      if (!command) command = work;  // a command within a command comes first
    });
    return sub;
  };
  std::string id, state, file, name, output;
  add(&app, "status", "health of control, store and engines", [](Client& client) { status(client); });
  TopOptions to_watch;
  auto* watch = add(&app, "top", "load of every engine and core, live; q ends it",
                    [&](Client& client) { top(client, to_watch); });
  watch->add_option("--interval", to_watch.interval_s, "seconds between two looks")->check(CLI::Range(0.1, 3600.0));
  watch->add_flag("--once", to_watch.once, "prints the rates of one interval and ends");
  watch->add_flag("--json", to_watch.json, "a line of JSON instead, for scripts");
  add(&app, "calls", "calls, newest first", [&](Client& client) {
    calls(client, state);
  })->add_option("--state", state, "dialing, ringing, answered, ended");
  add(&app, "call", "all that is known of a call", [&](Client& client) { call(client, id); })
      ->add_option("call", id)
      ->required();
  add(&app, "hangup", "ends a call", [&](Client& client) { hangup(client, id); })->add_option("call", id)->required();
  add(&app, "trace", "the SIP ladder of a call and why it failed", [&](Client& client) { trace(client, id); })
      ->add_option("call", id)
      ->required();

  DialOptions to_dial;
  auto* dialer = add(&app, "dial", "places a call", [&](Client& client) { dial(client, to_dial); });
  dialer->add_option("--trunk", to_dial.trunk, "id or name")->required();
  dialer->add_option("--to", to_dial.to, "number")->required();
  dialer->add_option("--from", to_dial.from, "caller's number")->required();
  dialer->add_option("--message", to_dial.message, "WAV file or prompt id");
  dialer->add_option("--on-machine", to_dial.on_machine, "leave_message, hang_up, play_now");
  dialer->add_flag("--record", to_dial.record, "record both sides");
  dialer->add_flag("--detect", to_dial.detect, "hear who answered");
  dialer->add_flag("--wait", to_dial.wait, "until it has ended");

  auto* prompt = add(&app, "prompts", "lists prompts", [](Client& client) { prompts(client); });
  auto* import = add(prompt, "import", "imports a WAV file",
                     [&](Client& client) { fmt::print("{}\n", import_prompt(client, file, name)); });
  import->add_option("file", file)->required();
  import->add_option("--name", name);

  TrunkOptions to_add;
  auto* trunk = add(&app, "trunks", "lists trunks", [](Client& client) { trunks(client); });
  auto* trunk_add = add(trunk, "add", "adds a trunk", [&](Client& client) { add_trunk(client, to_add); });
  trunk_add->add_option("--name", to_add.name)->required();
  trunk_add->add_option("--gateway", to_add.gateways, "ADDRESS or ADDRESS:PORT, in order")->required();
  trunk_add->add_option("--username", to_add.username);
  trunk_add->add_option("--password-file", to_add.password_file, "passwords do not belong on a command line");
  trunk_add->add_flag("--register", to_add.registers);

  auto* recording = add(&app, "recordings", "lists recordings", [](Client& client) { recordings(client); });
  auto* fetch =
      add(recording, "get", "fetches a recording", [&](Client& client) { get_recording(client, id, output); });
  fetch->add_option("recording", id)->required();
  fetch->add_option("--output", output, "file; ID.wav when missing");

  ImportOptions to_import;
  auto* list = add(&app, "lists", "lists of leads", [](Client& client) { lists(client); });
  auto* leads =
      add(list, "import", "imports leads from a CSV file", [&](Client& client) { import_leads(client, to_import); });
  leads->add_option("file", to_import.file)->required();
  leads->add_option("--list", to_import.list, "id or name")->required();
  leads->add_flag("--create", to_import.creates, "makes the list if there is none of that name");
  leads->add_option("--region", to_import.region, "for numbers without a country code, as US");
  leads->add_option("--delimiter", to_import.delimiter, "comma, semicolon, bar or tab; found out when missing");
  leads->add_option("--map", to_import.mapping, "FIELD=HEADER, as phone=Mobile");
  leads->add_flag("--dry-run", to_import.dry_run, "reads and checks, keeps nothing");
  leads->add_flag("--update", to_import.updates, "updates leads that are there already");

  bool hangs_up = false;
  auto* campaign = add(&app, "campaigns", "lists campaigns", [](Client& client) { campaigns(client); });
  for (const auto& [action, about] : {std::pair{"start", "begins, or goes on"},
                                      {"pause", "no new call from now on"},
                                      {"stop", "pauses and gives its leads back"}})
    add(campaign, action, about, [&name, action](Client& client) { campaign_action(client, name, action); })
        ->add_option("campaign", name, "id or name")
        ->required();
  add(campaign, "status", "what it does now, and why", [&](Client& client) { campaign_status(client, name); })
      ->add_option("campaign", name, "id or name")
      ->required();
  add(&app, "stop-all", "pauses every campaign at once", [&](Client& client) {
    stop_all(client, hangs_up);
  })->add_flag("--hang-up", hangs_up, "and hangs up what rings");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::kUsage);
  }
  Client client(url, token_from(token_file), ca_file, trust_any);
  command(client);
  return 0;
}

}  // namespace
}  // namespace carillon::cli

int main(int argc, char** argv) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  try {
    return carillon::cli::run(argc, argv);
  } catch (const carillon::cli::Failure& failure) {
    fmt::print(stderr, "carillon: {}\n", failure.what());
    return static_cast<int>(failure.exit);
  } catch (const std::exception& error) {
    fmt::print(stderr, "carillon: {}\n", error.what());
    return static_cast<int>(carillon::cli::Exit::kServer);
  }
}
