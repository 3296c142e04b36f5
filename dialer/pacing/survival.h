#pragma once

#include <array>
#include <chrono>
#include <cstddef>

namespace carillon::dialer {

using Seconds = std::chrono::duration<double>;

/// How long agents are busy with one call, wrap-up included: learned from finished ones, with forgetting, on a prior.
/// Bins of 1 s to 64 s, then each 1/16 of an octave wider, so that the shape of short and long handling both show.
///
/// memory   the weight of what was learned halves every `half_life` observations
/// cost     learn O(bins) (kBins = 160), survival O(1)
class HandleTimes {
 public:
  struct Prior {
    double mean_s = 150;
    double cv = 1.0;    ///< coefficient of variation of a lognormal
    double weight = 5;  ///< observations that it counts for
  };
  explicit HandleTimes(Prior prior, double half_life = 400);

  void learn(Seconds handled);
  /// P(T > t).
  double survival(Seconds t) const;
  /// P(done within `more` | still busy after `elapsed`).
  double done_within(Seconds elapsed, Seconds more) const;
  double mean_s() const;

 private:
  static constexpr std::size_t kLinear = 64;
  static constexpr std::size_t kBins = 160;
  static std::size_t bin(double seconds);
  static double edge(std::size_t bin);
  void sum();

  std::array<double, kBins> weight_{};
  std::array<double, kBins + 1> survival_{};  ///< at each bin's lower edge
  double keep_;
};

/// How dials end: competing risks of a live answer and of everything else, by age. Bins of 0.5 s up to 90 s.
///
/// The prior says that every dial is answered by a person within a few seconds: so a cold start dials one line per free
/// agent (progressive), and becomes bolder as evidence comes in.
class DialOutcomes {
 public:
  explicit DialOutcomes(double prior_weight = 6, double half_life = 600);

  /// A dial that ended: answered by a person `age` after it was placed, or gone for any other reason.
  void learn(Seconds age, bool is_live);
  /// P(live answer in (age, age + more] | still in progress at age).
  double live_within(Seconds age, Seconds more) const;
  double live_rate() const;
  /// Quantile of the age at a live answer, for the look-ahead's horizons.
  Seconds live_quantile(double q) const;
  double observations() const { return observations_; }

 private:
  static constexpr std::size_t kBins = 180;
  static constexpr double kWidth = 0.5;
  static std::size_t bin(double seconds);
  void sum();

  std::array<double, kBins> live_{}, other_{};
  std::array<double, kBins + 1> live_after_{};      ///< live mass at or after the bin's lower edge
  std::array<double, kBins + 1> progress_after_{};  ///< all mass likewise
  double keep_;
  double observations_ = 0;
};

}  // namespace carillon::dialer
