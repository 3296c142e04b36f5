#pragma once

#include <string_view>

namespace carillon::control {

/// The time zones where a number may be, as IANA names with a space between: one for most area codes, all of its
/// country where the number does not tell (a mobile, a toll-free number), none for a country code that is not known.
///
/// e164     "+12125550100"
/// source   libphonenumber's map of prefixes to zones (zones.inc)
/// cost     a few hash look-ups; the first call builds the table
std::string_view zones_of(std::string_view e164);

}  // namespace carillon::control
