#pragma once
// Small words that all commands share.

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "control/cli/client.h"

namespace carillon::cli {

/// A member as text for people; "-" when it is missing, null or empty.
std::string text_of(const boost::json::value& object, std::string_view name);
/// For a path or a query.
std::string escaped(const std::string& text);
/// throws Failure when it cannot be read
std::string read_file(const std::string& path);
/// A fresh Idempotency-Key.
std::string new_key();
/// An id (it begins with `prefix`) as it is, or the id of what has that name. throws Failure when nothing has it
std::string by_name(Client& client, const std::string& path, const std::string& prefix, const std::string& name);

}  // namespace carillon::cli
