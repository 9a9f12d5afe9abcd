// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace tilewake {

/// One term of the latency model, which is linear in its coefficients:
///
///   cycles(layer) = dispatch cycles + sum over features of coefficient[class][feature] x value
///
/// A value is in cycles, computed by a closed form, so a coefficient is "measured cycles per
/// expected cycle": 1 where the formula is exact.
struct FeatureInfo {
  std::string_view name;     // as in model.yaml: "weight_wait"
  std::string_view unit;     // of the coefficient: "cycles per issue slot"
  std::string_view meaning;  // one line, for reports
  // A coefficient outside of this range has no physical meaning; it is reported.
  double plausible_min = 0.0;
  double plausible_max = 0.0;
};

/// The features of one core kind. The fit is independent of the kind.
struct FeatureSet {
  std::span<const std::string_view> op_classes;  // layers of a class share coefficients
  std::span<const FeatureInfo> features;
};

inline constexpr std::size_t kMaxFeatures = 8;

/// `op_class` of a layer that is fused into another one: it takes no cycles.
inline constexpr int kFusedLayer = -1;

struct LayerFeatures {
  int op_class = kFusedLayer;                 // index into FeatureSet::op_classes
  std::array<double, kMaxFeatures> values{};  // [i] belongs to FeatureSet::features[i], rest 0
  double dispatch_cycles = 0.0;  // known exactly: their coefficient is 1 and is not fitted
};

}  // namespace tilewake
