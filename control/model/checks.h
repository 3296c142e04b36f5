#pragma once
// What makes a text of ours valid. Each returns what is wrong with it, or nothing: fit for json::Rule::check.

#include <string>
#include <string_view>

namespace carillon::control {

std::string check_name(std::string_view text);      ///< 1..64 printable characters, no space at the ends
std::string check_e164(std::string_view text);      ///< "+" and 7 to 15 digits
std::string check_dialable(std::string_view text);  ///< optional "+", 2 to 20 digits
std::string check_host(std::string_view text);      ///< an IP address; empty passes
std::string check_username(std::string_view text);  ///< letters, digits, . _ - of a SIP user part
std::string check_caller(std::string_view text);    ///< what may stand in From: optional "+", letters, digits, . _ -
std::string check_digits(std::string_view text);    ///< 0-9 * #
std::string check_header_value(std::string_view text);

/// Does dialling this reach an emergency service, directly, behind an outside line's prefix or a country code?
bool is_emergency(std::string_view number);

}  // namespace carillon::control
