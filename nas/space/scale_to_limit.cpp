// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "nas/space/scaling.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

// phi = 1 doubles the cost. At this minimum, every multiplier of the grid reduces any network
// within SpaceLimits to one block, one width step or 4 pixels.
constexpr double kMinPhi = -128.0;
constexpr double kPhiTolerance = 1e-4;

void check(const ScalingLimits& limits) {
  if (!(limits.latency_ms > 0.0))
    throw InputError(fmt::format("the limit must be positive, not {}", limits.latency_ms));
  if (limits.max_params < 0)
    throw InputError(
        fmt::format("the limit on parameters must be at least 0, not {}", limits.max_params));
  if (limits.width_divisor < 1 || limits.width_divisor > SpaceLimits::kMaxWidthDivisor)
    throw InputError(fmt::format("the divisor of widths must be from 1 to {}, not {}",
                                 SpaceLimits::kMaxWidthDivisor, limits.width_divisor));
}

/// Evaluation of one network.
struct Evaluated {
  Architecture architecture;
  double estimated_ms = 0.0;
  std::int64_t params = 0;
  std::string beyond;  // the exceeded limit; empty if it is within all limits

  bool is_within() const { return beyond.empty(); }
};

class Scaler {
 public:
  Scaler(const ScalingLimits& limits, const LatencyEstimate& estimate)
      : limits_(limits), estimate_(estimate) {}

  ScalingCandidate scaled(const Architecture& architecture, const Multipliers& multipliers) const;
  void fill(ScalingCandidate& candidate) const;
  Evaluated evaluate(Architecture architecture) const;

 private:
  std::optional<std::pair<Evaluated, std::string>> best_step(const Architecture& from) const;

  const ScalingLimits& limits_;
  const LatencyEstimate& estimate_;
};

Evaluated Scaler::evaluate(Architecture architecture) const {
  Evaluated result;
  result.architecture = std::move(architecture);
  try {
    const Network network = to_network(result.architecture);
    result.params = num_trained_params(network);
    if (limits_.max_params > 0 && result.params > limits_.max_params) {
      result.beyond = fmt::format("{} parameters, more than {}", result.params, limits_.max_params);
      return result;
    }
    result.estimated_ms = estimate_(network);
    if (!(result.estimated_ms <= limits_.latency_ms)) {
      result.beyond =
          limits_.as_text
              ? fmt::format("{}, more than {}", limits_.as_text(result.estimated_ms),
                            limits_.as_text(limits_.latency_ms))
              : fmt::format("{:.4f} ms, more than {:.4f}", result.estimated_ms, limits_.latency_ms);
    } else if (limits_.exceeds) {
      result.beyond = limits_.exceeds(network);
    }
  } catch (const InputError& e) {
    result.beyond = e.what();  // exceeds the machine, or the limits of a network
  }
  return result;
}

/// The architecture scaled by `multipliers` to the power of phi. Equal networks are evaluated once.
class ScaledFamily {
 public:
  ScaledFamily(const Architecture& base, const Multipliers& multipliers, int divisor,
               const Scaler& scaler)
      : base_(base), multipliers_(multipliers), divisor_(divisor), scaler_(scaler) {}

  /// The largest phi within the limits, to kPhiTolerance, if there is one.
  std::optional<double> largest_phi() {
    double inside = 0.0;
    double outside = 1.0;
    if (evaluated(0.0).is_within()) {
      while (evaluated(outside).is_within()) inside = outside++;
    } else {
      outside = 0.0;
      inside = -1.0;
      while (inside > kMinPhi && !evaluated(inside).is_within()) {
        outside = inside;
        inside *= 2.0;
      }
      if (!evaluated(inside).is_within()) return std::nullopt;
    }
    while (outside - inside > kPhiTolerance) {
      const double middle = 0.5 * (inside + outside);
      (evaluated(middle).is_within() ? inside : outside) = middle;
    }
    return inside;
  }

  /// The nearest networks so far within and beyond the limits.
  const Evaluated& within() const { return within_; }
  const Evaluated& beyond() const { return beyond_; }

 private:
  const Evaluated& evaluated(double phi) {
    const Multipliers power = {std::pow(multipliers_.depth, phi), std::pow(multipliers_.width, phi),
                               std::pow(multipliers_.resolution, phi)};
    Architecture architecture = scale(base_, power, divisor_);
    for (const Evaluated* known : {&within_, &beyond_}) {
      if (known->architecture == architecture) return *known;
    }
    Evaluated result = scaler_.evaluate(std::move(architecture));
    Evaluated& kept = result.is_within() ? within_ : beyond_;
    kept = std::move(result);
    return kept;
  }

  const Architecture& base_;
  const Multipliers& multipliers_;
  int divisor_;
  const Scaler& scaler_;
  Evaluated within_;
  Evaluated beyond_;
};

ScalingCandidate Scaler::scaled(const Architecture& architecture,
                                const Multipliers& multipliers) const {
  ScaledFamily family(architecture, multipliers, limits_.width_divisor, *this);
  const std::optional<double> phi = family.largest_phi();
  const Evaluated& kept = phi ? family.within() : family.beyond();
  ScalingCandidate candidate;
  candidate.multipliers = multipliers;
  candidate.phi = phi.value_or(kMinPhi);
  candidate.architecture = kept.architecture;
  candidate.scaled_ms = candidate.estimated_ms = kept.estimated_ms;
  candidate.params = kept.params;
  candidate.limited_by = family.beyond().beyond;
  if (!phi) candidate.rejected = "beyond the limits at its smallest: " + candidate.limited_by;
  return candidate;
}

std::int64_t next_multiple(std::int64_t value, std::int64_t step) {
  return (value / step + 1) * step;
}

/// All networks one step from `from`, and descriptions of the steps.
std::vector<std::pair<Architecture, std::string>> steps_from(const Architecture& from,
                                                             int width_divisor) {
  std::vector<std::pair<Architecture, std::string>> steps;
  for (std::size_t s = 0; s < from.stages.size(); ++s) {
    const std::size_t n = from.stages[s].blocks.size();
    Architecture deeper = from;
    deeper.stages[s] = with_depth(from.stages[s], n + 1, from.se_ratio);
    steps.emplace_back(std::move(deeper),
                       fmt::format("depth of stage {} {} -> {}", s + 1, n, n + 1));
    Architecture wider = from;
    wider.stages[s].width = static_cast<int>(next_multiple(from.stages[s].width, width_divisor));
    const std::string text = fmt::format("width of stage {} {} -> {}", s + 1, from.stages[s].width,
                                         wider.stages[s].width);
    steps.emplace_back(std::move(wider), text);
  }
  Architecture larger = from;
  larger.input.height = next_multiple(from.input.height, kResolutionStep);
  larger.input.width = next_multiple(from.input.width, kResolutionStep);
  const std::string text = fmt::format("resolution {}x{} -> {}x{}", from.input.height,
                                       from.input.width, larger.input.height, larger.input.width);
  steps.emplace_back(std::move(larger), text);
  return steps;
}

/// The step within the limits that is closest to the latency limit; of several the first.
std::optional<std::pair<Evaluated, std::string>> Scaler::best_step(const Architecture& from) const {
  std::optional<std::pair<Evaluated, std::string>> best;
  for (auto& [architecture, text] : steps_from(from, limits_.width_divisor)) {
    Evaluated step = evaluate(std::move(architecture));
    if (!step.is_within()) continue;
    if (!best || step.estimated_ms > best->first.estimated_ms) best.emplace(std::move(step), text);
  }
  return best;
}

void Scaler::fill(ScalingCandidate& candidate) const {
  while (auto step = best_step(candidate.architecture)) {
    candidate.architecture = std::move(step->first.architecture);
    candidate.estimated_ms = step->first.estimated_ms;
    candidate.params = step->first.params;
    candidate.fills.push_back(std::move(step->second));
  }
}

/// alpha beta^2 gamma^2 = 2 with the doubling distributed in quarters: each of the three alone,
/// pairs, all three. The last one is as published (1.92): M to L+ and XL+ of S3NAS.
std::vector<Multipliers> grid() {
  constexpr int kShares = 4;
  std::vector<Multipliers> grid;
  for (int depth = kShares; depth >= 0; --depth) {
    for (int width = kShares - depth; width >= 0; --width) {
      const int resolution = kShares - depth - width;
      grid.push_back({std::exp2(depth / static_cast<double>(kShares)),
                      std::exp2(width / (2.0 * kShares)), std::exp2(resolution / (2.0 * kShares))});
    }
  }
  grid.push_back({1.1, 1.1, 1.2});
  return grid;
}

void reject_repetitions(std::vector<ScalingCandidate>& candidates) {
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    for (std::size_t j = 0; j < i && candidates[i].rejected.empty(); ++j) {
      if (candidates[j].rejected.empty() &&
          candidates[j].architecture == candidates[i].architecture)
        candidates[i].rejected = fmt::format("same network as #{}", j + 1);
    }
  }
}

}  // namespace

std::vector<ScalingCandidate> scale_to_limit(const Architecture& architecture,
                                             const ScalingLimits& limits,
                                             const LatencyEstimate& estimate) {
  check(limits);
  to_network(architecture);  // throws for an invalid network
  const Scaler scaler(limits, estimate);
  std::vector<ScalingCandidate> candidates;
  for (const Multipliers& multipliers : grid()) {
    ScalingCandidate candidate = scaler.scaled(architecture, multipliers);
    if (candidate.rejected.empty()) scaler.fill(candidate);
    candidates.push_back(std::move(candidate));
  }
  reject_repetitions(candidates);
  return candidates;
}

ScalingCandidate fill_slack(const Architecture& architecture, const ScalingLimits& limits,
                            const LatencyEstimate& estimate) {
  check(limits);
  to_network(architecture);
  const Scaler scaler(limits, estimate);
  Evaluated start = scaler.evaluate(architecture);
  ScalingCandidate candidate;
  candidate.architecture = architecture;
  candidate.scaled_ms = candidate.estimated_ms = start.estimated_ms;
  candidate.params = start.params;
  candidate.rejected = candidate.limited_by = start.beyond;
  if (start.is_within()) scaler.fill(candidate);
  return candidate;
}

}  // namespace tilewake
