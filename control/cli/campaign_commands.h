#pragma once
// Lists and campaigns from the command line.

#include <string>
#include <vector>

#include "control/cli/client.h"

namespace carillon::cli {

struct ImportOptions {
  std::string file, list, region, delimiter;
  std::vector<std::string> mapping;  ///< FIELD=HEADER
  bool dry_run = false, updates = false, creates = false;
};

// What a command prints goes to standard output, progress to standard error. throws Failure
void lists(Client& client);
/// Uploads a CSV file and follows its job to the end; prints the books and the first faulty rows.
/// Exit kRefused when the job fails or no row was good.
void import_leads(Client& client, const ImportOptions& options);
void campaigns(Client& client);
/// `action` start, pause or stop; `name` the campaign's id or name.
void campaign_action(Client& client, const std::string& name, const std::string& action);
/// What it does now, and why it dials as it does.
void campaign_status(Client& client, const std::string& name);
void stop_all(Client& client, bool hang_up);

}  // namespace carillon::cli
