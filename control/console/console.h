#pragma once

#include <string_view>

namespace carillon::control {

/// One file of the console, compiled into the program.
struct ConsoleFile {
  std::string_view content_type, body;
};

/// "/" and "/agent" are the pages, "/console/…" what they load. Null for any other path.
const ConsoleFile* console_file(std::string_view path);

}  // namespace carillon::control
