#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace carillon::control {

enum class NumberError : std::uint8_t { kEmpty, kLetters, kTooShort, kTooLong, kNoRegion, kUnknownRegion };
std::string_view text(NumberError error);

/// A telephone number as people type it ("(212) 555-0100", "00 44 20 7946 0000", "8 (495) 123-45-67") as E.164 with
/// "+".
///
/// region   ISO 3166 two letters; needed for numbers without a country code
/// source   ITU-T E.164 §6; prefixes and lengths by libphonenumber's metadata of 245 regions (regions.inc). Where a
///          carrier's code follows the prefix for abroad (BR, CO, KR …), foreign numbers must begin with "+".
Result<std::string, NumberError> to_e164(std::string_view typed, std::string_view region);

bool is_known_region(std::string_view region);

}  // namespace carillon::control
