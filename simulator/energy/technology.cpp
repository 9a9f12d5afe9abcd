// SPDX-License-Identifier: Apache-2.0
#include "simulator/energy/technology.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>

namespace tilewake {
namespace {

/// Energy of the paper's test circuit: a2 V^2 + a1 V + a0 (fJ).
struct Node {
  double nm;
  double voltage;
  double a2, a1, a0;
  double area;  // relative to 45 nm
};

// Ascending. High-performance transistors where the paper has two kinds.
constexpr Node kNodes[] = {
    {7, 0.70, 0.1776, -0.09097, 0.02447, 0.059}, {10, 0.75, 0.2068, -0.09311, 0.02375, 0.1},
    {14, 0.80, 0.2363, -0.09675, 0.02239, 0.17}, {16, 0.80, 0.2958, -0.1241, 0.03024, 0.19},
    {20, 0.85, 0.373, -0.1582, 0.04104, 0.21},   {32, 0.90, 0.8367, -0.4341, 0.1701, 0.46},
    {45, 0.90, 1.018, -0.3107, 0.1539, 1.0},     {65, 1.00, 3.755, -4.398, 1.975, 1.5},
    {90, 1.10, 4.762, -4.781, 2.092, 2.8},       {130, 1.20, 7.171, -6.709, 2.904, 6.4},
    {180, 1.80, 24.64, -17.98, 0.0, 19.0},
};

double energy_of(const Node& node) {
  return (node.a2 * node.voltage + node.a1) * node.voltage + node.a0;
}

/// Of value(node), on a line in the logarithms of both between the neighbours.
template <typename Value>
double interpolated(double node_nm, Value value) {
  const double nm = std::clamp(node_nm, std::begin(kNodes)->nm, std::prev(std::end(kNodes))->nm);
  const Node* above = std::begin(kNodes) + 1;
  while (above->nm < nm) ++above;
  const Node& below = *std::prev(above);
  const double share = std::log(nm / below.nm) / std::log(above->nm / below.nm);
  return value(below) * std::pow(value(*above) / value(below), share);
}

constexpr double kPaperNode = 45.0;

}  // namespace

double nominal_voltage(double node_nm) {
  return interpolated(node_nm, [](const Node& node) { return node.voltage; });
}

double energy_scale(double node_nm, double voltage) {
  const double relative = voltage / nominal_voltage(node_nm);
  return interpolated(node_nm, energy_of) / interpolated(kPaperNode, energy_of) * relative *
         relative;
}

double area_scale(double node_nm) {
  return interpolated(node_nm, [](const Node& node) { return node.area; });
}

double wire_pj_per_bit_mm(double node_nm) {
  constexpr double kActivity = 0.5;
  return kActivity * 0.24 * std::pow(node_nm / 40.0, std::log(0.24 / 0.15) / std::log(40.0 / 10.0));
}

ArithmeticCost arithmetic_cost(ElementType type) {
  // Multipliers of 16 bits lie between those of 8 and 32 bits, on a line in the logarithms.
  constexpr double kAdd32Pj = 0.1;
  constexpr double kAdd32Um2 = 137;
  constexpr double kAddFp32Pj = 0.9;
  constexpr double kAddFp32Um2 = 4184;
  switch (type) {
    case ElementType::kInt8:
      return {0.2 + kAdd32Pj, 282 + kAdd32Um2};
    case ElementType::kInt16:
      return {std::sqrt(0.2 * 3.1) + kAdd32Pj, std::sqrt(282.0 * 3495.0) + kAdd32Um2};
    case ElementType::kFp16:
    case ElementType::kBf16:  // no figure: as fp16
      return {1.1 + kAddFp32Pj, 1640 + kAddFp32Um2};
    case ElementType::kFp32:
      return {3.7 + kAddFp32Pj, 7700 + kAddFp32Um2};
  }
  return {};
}

double sram_access_pj(double bytes, double width_bytes) {
  return 10.0 * std::sqrt(bytes / 8192.0) * width_bytes / 8.0;
}

}  // namespace tilewake
