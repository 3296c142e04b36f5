#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_set>

namespace carillon::dialer {

/// Numbers that must not be called, exact. Looked up before every dial, so an opt-out counts at once.
/// Cost: one hash look-up; about 16 bytes of memory per number.
class DoNotCall {
 public:
  /// E.164 with or without "+"; anything else is not a number and is answered with false.
  bool add(std::string_view number);
  bool remove(std::string_view number);
  bool contains(std::string_view number) const;
  std::size_t size() const { return numbers_.size(); }

 private:
  std::unordered_set<std::uint64_t> numbers_;
};

}  // namespace carillon::dialer
