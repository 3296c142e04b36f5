#pragma once
// Microseconds counted one by one: 1 µs bins up to 100 ms, the last one takes the rest. Exact quantiles, no allocation
// after the start.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace carillon::bench {

class Histogram {
 public:
  void add(double us) {
    const auto bin = static_cast<std::size_t>(std::max(us, 0.0));
    ++bins_[std::min(bin, kBins)];
    ++count_;
    max_us_ = std::max(max_us_, us);
  }
  void clear() {
    std::ranges::fill(bins_, 0u);
    count_ = 0;
    max_us_ = 0;
  }
  std::uint64_t count() const { return count_; }
  double max_us() const { return max_us_; }
  /// Upper edge of the bin that holds the share `q` (0..1) of what was added; 0 when nothing was.
  double quantile_us(double q) const {
    const auto wanted = static_cast<std::uint64_t>(q * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t bin = 0; bin <= kBins && count_ > 0; ++bin)
      if ((seen += bins_[bin]) > wanted) return std::min(static_cast<double>(bin + 1), max_us_);
    return max_us_;
  }
  /// `"NAME_p50_us":…,"NAME_p99_us":…,"NAME_p999_us":…,"NAME_max_us":…`
  std::string json(const char* name) const {
    return fmt::format("\"{0}_p50_us\":{1:.1f},\"{0}_p99_us\":{2:.1f},\"{0}_p999_us\":{3:.1f},\"{0}_max_us\":{4:.1f}",
                       name, quantile_us(0.5), quantile_us(0.99), quantile_us(0.999), max_us_);
  }

 private:
  static constexpr std::size_t kBins = 100'000;
  std::vector<std::uint32_t> bins_ = std::vector<std::uint32_t>(kBins + 1);
  std::uint64_t count_ = 0;
  double max_us_ = 0;
};

}  // namespace carillon::bench
