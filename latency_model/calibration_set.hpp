// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Networks made to be measured: every op, from single pixels to whole images, few channels and
/// many, maps and weights that fit on chip and such that do not, in chains and blocks as CNNs have
/// them, so that prefetch and what stays on chip are seen. All parameters are drawn at random
/// around the machine's own sizes (calibration_set.cpp lists the families). No network that
/// exists is among them.
///
/// A machine may not be able to hold some of them: whoever measures leaves those out.
class CalibrationSet {
 public:
  static constexpr int kDefaultSize = 1500;

  CalibrationSet(const HardwareConfig& hardware, std::uint64_t seed, int size = kDefaultSize);

  int size() const { return size_; }

  /// The network `index` (from 0), always the same for a machine and a seed, whatever the size of
  /// the set; every family comes within the first 32.
  Network network(int index) const;

 private:
  MachineScale scale_;
  std::uint64_t seed_;
  int size_;
};

}  // namespace tilewake
