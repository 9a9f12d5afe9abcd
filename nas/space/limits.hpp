// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tilewake {

/// Limits of a search space and its networks: far above published ones (kernels of 7x7, 31 blocks,
/// widths of 1568, 600 pixels), and small enough that tables of outcomes, supernets and scaling
/// stay within memory and time.
struct SpaceLimits {
  static constexpr int kMaxBranches = 4;
  static constexpr int kMaxKernel = 15;
  static constexpr int kMaxExpansionRatio = 16;  // of a branch, before branches are merged
  static constexpr int kMaxMergedRatio = kMaxBranches * kMaxExpansionRatio;
  static constexpr std::int64_t kMaxCombinations = 100'000;  // of the branches' options in a block
  static constexpr int kMaxStages = 32;
  static constexpr int kMaxDepth = 64;    // blocks of a stage
  static constexpr int kMaxBlocks = 256;  // of all stages
  static constexpr int kMaxStride = 4;
  static constexpr int kMaxWidth = 4096;          // channels of stem, stage, head and input
  static constexpr std::int64_t kMaxSide = 4096;  // pixels of the input
  static constexpr int kMaxClasses = 100'000;
  static constexpr int kMaxWidthDivisor = 1024;
  static constexpr std::int64_t kMaxParams = 1'000'000'000'000;
  static constexpr double kMinSeRatio = 0.001;
};

}  // namespace tilewake
