// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace tilewake {

/// Limits of a network. They are far above every real CNN, and small enough that sums and products
/// of sizes do not overflow std::int64_t.
inline constexpr int kMaxLayers = 100'000;
inline constexpr std::size_t kMaxNameLength = 200;
inline constexpr std::int64_t kMaxDimension = std::int64_t{1} << 20;   // channels, height or width
inline constexpr std::int64_t kMaxBatch = std::int64_t{1} << 16;       // images of one inference
inline constexpr std::int64_t kMaxFeatureMap = std::int64_t{1} << 32;  // elements, of all images
inline constexpr std::int64_t kMaxWeights = std::int64_t{1} << 40;     // of one layer
inline constexpr std::int64_t kMaxMacs = std::int64_t{1} << 56;  // of the whole network, all images
inline constexpr std::int64_t kMaxKernel = 1024;
inline constexpr std::int64_t kMaxStride = 1024;
inline constexpr std::int64_t kMaxDilation = 1024;
inline constexpr std::int64_t kMaxExpansionRatio = 1024;

}  // namespace tilewake
