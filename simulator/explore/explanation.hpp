// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/explore/objective.hpp"
#include "simulator/explore/point_runner.hpp"
#include "simulator/explore/time_use.hpp"
#include "simulator/hardware/machine_keys.hpp"

namespace tilewake {

/// The figures of a roofline model. MACs without padding taps.
struct Roofline {
  double macs_per_byte = 0.0;  // of the network: MACs per byte of DRAM traffic; 0 without traffic
  double balance = 0.0;  // of the machine: MACs per byte at which DRAM and MACs take equal time; 0
                         // for ideal DRAM
  double peak_gmacs_per_s = 0.0;    // of the machine
  double sustained_gb_per_s = 0.0;  // of long streams of its DRAM; infinite for ideal
  double least_ms = 0.0;         // the longer one of MACs at the peak and bytes at that bandwidth
  bool is_memory_bound = false;  // the bytes take longer
};

/// Where the time of one network goes.
struct NetworkExplanation {
  TimeUse time;
  Roofline roofline;
};

/// A simulation of the machine with one value changed.
struct MachineChange {
  std::string resource;                // of an upper bound: what is unlimited; otherwise empty
  std::vector<YamlOverride> settings;  // usually one
  std::string from;                    // the value of the machine
  double factor = 0.0;                 // of a number: new value / old value; 0 of a flag or a word
  PointResult result;  // failed: the machine refuses the value, or a network does not fit

  const std::string& key() const { return settings.front().path; }
  const std::string& value() const { return settings.front().value; }
  /// Change of a figure in relation to `base`: -0.24 is 24 % less; 0 if both are 0.
  double relative(const Objective& objective, const PointResult& base) const;
  /// Percent of latency that it gains for each percent of area; 0 without gain, infinite if it
  /// takes no area.
  double gain_per_area(const PointResult& base) const;
};

struct Explanation {
  std::vector<NetworkExplanation> networks;
  PointResult base;
  std::vector<MachineChange> limits;  // one resource unlimited: upper bounds of what it can gain
  /// Of one key: first those that gain latency without area, by their gain; then those that gain,
  /// by gain per area; then those that gain nothing, by latency; last those that fail.
  std::vector<MachineChange> changes;
  std::vector<std::string> slack;  // keys of which no change alters the latency

  /// The change with the least latency; null if none gains.
  const MachineChange* best() const;
};

/// The keys that are changed: all numbers, flags and words of a machine, without those that
/// describe arithmetic or software instead of a resource, and of a DRAM device only the
/// clock.
std::vector<MachineKey> explained_keys(const HardwareConfig& machine);

/// Where the time of the networks of `runner` goes on a machine, and what a change of each key
/// would alter: every change is simulated. A number is doubled and halved, as far as its range
/// allows; a flag or a word takes each other value.
///   @param fixed  values that are set in all simulations, also in `machine`
/// Throws as simulate() does, and Interrupted.
Explanation explain(PointRunner& runner, const Machine& machine,
                    const std::vector<YamlOverride>& fixed, const SimulateOptions& options = {});

}  // namespace tilewake
