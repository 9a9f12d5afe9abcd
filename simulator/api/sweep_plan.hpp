// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "simulator/common/yaml_override.hpp"

namespace tilewake {

/// A key of the machine's file, by its path, and the values that it takes in turn.
struct Setting {
  std::string key;                  // "dram.num_channels"
  std::vector<std::string> values;  // at least one
};

/// One simulation of a sweep: indices into the plan's names, and what is set in the machine.
struct SweepPoint {
  std::size_t hardware = 0;
  std::size_t network = 0;
  std::vector<YamlOverride> settings;
};

/// Every machine with every network with every combination of settings. The points are numbered
/// like the rows of a table that is sorted by its columns: the last setting changes fastest, then
/// the settings before it, the network, and the machine last.
class SweepPlan {
 public:
  static constexpr std::int64_t kMaxPoints = 100'000;

  /// Names or paths of machines and networks. Throws InputError if there are more than kMaxPoints
  /// points, or none.
  SweepPlan(std::vector<std::string> hardware, std::vector<std::string> networks,
            std::vector<Setting> settings = {});

  const std::vector<std::string>& hardware() const { return hardware_; }
  const std::vector<std::string>& networks() const { return networks_; }
  const std::vector<Setting>& settings() const { return settings_; }

  std::int64_t size() const { return size_; }
  /// @param index  from 0, below size()
  SweepPoint point(std::int64_t index) const;

 private:
  std::vector<std::string> hardware_;
  std::vector<std::string> networks_;
  std::vector<Setting> settings_;
  std::int64_t size_ = 0;
};

}  // namespace tilewake
