#pragma once

#include <string>
#include <vector>

#include "engine/record/disk.h"

namespace carillon::record {

struct Repair {
  std::vector<Recorded> recorded;  ///< repaired files, and closed ones that nobody had taken note of
  std::vector<std::string> notes;  ///< what could not be repaired and why: lines for the log
};

/// Brings the recordings of a killed engine in order: blocks that the mapping still holds are written into their
/// `.part` files, each file is cut to its true length, gets its right header and its final name. Without a mapping
/// (power loss) the length is where the file's data ends. Running it again after a crash in the middle is harmless.
///
/// folder    of the recordings
/// map_path  the mapping; removed at the end
/// cost      reads each repaired file once for its digest
Repair repair(const std::string& folder, const std::string& map_path);

}  // namespace carillon::record
