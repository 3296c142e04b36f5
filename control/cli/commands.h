#pragma once

#include <string>
#include <vector>

#include "control/cli/client.h"

namespace carillon::cli {

struct DialOptions {
  std::string trunk, to, from, message, on_machine = "leave_message";
  bool record = false, detect = false, wait = false;
};
struct TrunkOptions {
  std::string name, username, password_file;
  std::vector<std::string> gateways;  ///< ADDRESS or ADDRESS:PORT
  bool registers = false;
};

// One function per command; what it prints goes to standard output. throws Failure
void status(Client& client);
void calls(Client& client, const std::string& state);
void call(Client& client, const std::string& id);
void dial(Client& client, const DialOptions& options);
void hangup(Client& client, const std::string& id);
void trace(Client& client, const std::string& id);
void prompts(Client& client);
/// Imports a WAV file and prints its id; a file that is there already is not sent twice.
std::string import_prompt(Client& client, const std::string& file, std::string name);
void trunks(Client& client);
void add_trunk(Client& client, const TrunkOptions& options);
void recordings(Client& client);
void get_recording(Client& client, const std::string& id, std::string file);

}  // namespace carillon::cli
