#pragma once

#include "control/cli/client.h"

namespace carillon::cli {

struct TopOptions {
  double interval_s = 1;
  bool once = false, json = false;
};

/// The load of every engine and shard, each interval anew: on a terminal a screen that q or Ctrl-C ends, else a block
/// of lines, or with `json` a line of JSON. With `once` it ends after two looks an interval apart, for rates need two.
/// A refresh that fails is told and tried again; the first one throws.
/// throws Failure
void top(Client& client, const TopOptions& options);

}  // namespace carillon::cli
