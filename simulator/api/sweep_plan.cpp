// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/sweep_plan.hpp"

#include <cassert>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {

SweepPlan::SweepPlan(std::vector<std::string> hardware, std::vector<std::string> networks,
                     std::vector<Setting> settings)
    : hardware_(std::move(hardware)),
      networks_(std::move(networks)),
      settings_(std::move(settings)) {
  std::vector<std::size_t> factors = {hardware_.size(), networks_.size()};
  for (const Setting& setting : settings_) factors.push_back(setting.values.size());
  std::int64_t size = 1;
  for (const std::size_t factor : factors) {
    if (factor == 0) throw InputError("a sweep without machines, networks or values of a setting");
    // Divided, not multiplied: the product may not fit into 64 bits.
    if (static_cast<std::int64_t>(factor) > kMaxPoints / size) {
      throw InputError(
          fmt::format("a sweep has at most {} points; these are more: {} machines, "
                      "{} networks and the values of the settings, each with each",
                      kMaxPoints, hardware_.size(), networks_.size()));
    }
    size *= static_cast<std::int64_t>(factor);
  }
  size_ = size;
}

SweepPoint SweepPlan::point(std::int64_t index) const {
  assert(index >= 0 && index < size_);
  auto rest = static_cast<std::size_t>(index);
  const auto take = [&rest](std::size_t count) {
    const std::size_t choice = rest % count;
    rest /= count;
    return choice;
  };
  SweepPoint point;
  point.settings.resize(settings_.size());
  for (std::size_t i = settings_.size(); i-- > 0;) {
    const Setting& setting = settings_[i];
    point.settings[i] = {setting.key, setting.values[take(setting.values.size())]};
  }
  point.network = take(networks_.size());
  point.hardware = rest;
  return point;
}

}  // namespace tilewake
