#pragma once

#include <expected>
#include <type_traits>
#include <utility>

namespace carillon {

/// A value, or a small enum that says what is wrong with the world. std::expected, but an error converts by itself:
/// `return ParseError::kShort;`
template <class T, class E>
class [[nodiscard]] Result : public std::expected<T, E> {
 public:
  using Base = std::expected<T, E>;
  using Base::Base;
  constexpr Result(E error) : Base(std::unexpect, std::move(error)) {}
};

}  // namespace carillon
