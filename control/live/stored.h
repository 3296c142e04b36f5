#pragma once

#include <optional>
#include <string>

#include "control/api/json/walker.h"

namespace carillon::control {

/// A described struct out of the body of a stored row, or nothing.
template <class T>
std::optional<T> read_stored(const std::string& text) {
  json::Faults faults;
  const auto body = json::parse(text, faults);
  T value;
  if (!body || !json::read(*body, value, json::Mode::kStore).empty()) return std::nullopt;
  return value;
}

}  // namespace carillon::control
