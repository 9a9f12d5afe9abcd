// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/objective.hpp"

#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

double latency_of(const Summary& network) { return network.latency_ms; }

double energy_of(const Summary& network) { return network.energy_mj; }

/// Of the machine: equal in all networks.
double area_of(const PointResult& point) { return point.networks.front().area_mm2; }

double dram_megabytes_of(const Summary& network) {
  return static_cast<double>(network.dram_read_bytes + network.dram_write_bytes) / 1e6;
}

double on_chip_kibibytes_of(const PointResult& point) {
  return static_cast<double>(point.on_chip_bytes) / 1024.0;
}

template <double (*of_network)(const Summary&)>
double sum_of(const PointResult& point) {
  double sum = 0.0;
  for (const Summary& network : point.networks) sum += of_network(network);
  return sum;
}

// To add an objective: one line here.
constexpr Objective kObjectives[] = {
    {"latency", "latency_ms", "ms", sum_of<latency_of>, latency_of},
    {"energy", "energy_mj", "mJ", sum_of<energy_of>, energy_of},
    {"area", "area_mm2", "mm2", area_of},
    {"dram", "dram_mb", "DRAM MB", sum_of<dram_megabytes_of>, dram_megabytes_of},
    {"memory", "memory_kib", "on chip KiB", on_chip_kibibytes_of},
};

}  // namespace

std::span<const Objective> objectives() { return kObjectives; }

const Objective& objective_named(const std::string& name, std::string_view option) {
  std::vector<std::string_view> names;
  for (const Objective& objective : kObjectives) {
    if (name == objective.name || name == objective.key) return objective;
    names.push_back(objective.name);
  }
  std::string list;
  for (const std::string_view known : names)
    list += fmt::format("{}{}", list.empty() ? "" : ", ", known);
  throw UsageError(fmt::format("{}: '{}' is none of {}{}", option, printable(name), list,
                               suggestion(name, names)));
}

}  // namespace tilewake
