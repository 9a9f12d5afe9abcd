// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace tilewake {

/// One term of the latency model, which is linear in its coefficients:
///
///   cycles(layer) = sum over features of coefficient[class of the layer][feature] x value
///
/// A value is what a closed form says in cycles, so that a coefficient is "measured cycles per
/// cycle that the formula expects": 1 where the formula tells all.
struct FeatureInfo {
  std::string_view name;     // as in model.yaml: "weight_wait"
  std::string_view unit;     // of the coefficient: "cycles per issue slot"
  std::string_view meaning;  // one line for a person
  // Outside of this range a coefficient has lost its physical meaning, which is reported.
  double plausible_min = 0.0;
  double plausible_max = 0.0;
};

/// What the formulas of one core kind tell. Each kind has its own; the fit knows none of them.
struct FeatureSet {
  std::span<const std::string_view> op_classes;  // layers that follow one law share coefficients
  std::span<const FeatureInfo> features;
};

inline constexpr std::size_t kMaxFeatures = 8;

/// `op_class` of a layer that another one computes on the way: it takes no cycles.
inline constexpr int kFusedLayer = -1;

struct LayerFeatures {
  int op_class = kFusedLayer;                 // index into FeatureSet::op_classes
  std::array<double, kMaxFeatures> values{};  // [i] belongs to FeatureSet::features[i], rest 0
};

}  // namespace tilewake
