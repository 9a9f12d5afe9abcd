// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Generated networks for calibration. They cover every op that the machine runs, sizes from single
/// pixels to whole images, few and many channels, and maps and weights that do or do not fit on
/// chip, in the chains and blocks that CNNs use, so that prefetch and residency occur. Parameters
/// are random around the machine's sizes (calibration_set.cpp lists the families). No published
/// network is included.
///
/// A machine may be too small for some of them; the caller skips those.
class CalibrationSet {
 public:
  static constexpr int kDefaultSize = 1500;

  CalibrationSet(const HardwareConfig& hardware, std::uint64_t seed, int size = kDefaultSize);

  int size() const { return size_; }

  /// Network `index`, from 0. It depends on the machine, the seed and the index only, not on the
  /// size of the set. The first 32 networks include every family.
  Network network(int index) const;

 private:
  MachineScale scale_;
  std::uint64_t seed_;
  int size_;
};

}  // namespace tilewake
