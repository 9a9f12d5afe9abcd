// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/api/inputs.hpp"
#include "simulator/api/sweep_plan.hpp"
#include "simulator/explore/explorer.hpp"

namespace tilewake {

/// The machines that a search may choose from, in a YAML file: values of keys of one machine, and
/// the largest area.
///
///   vary:
///     core.rows: [16, 32, 64]
///     core.vector_unit.lanes: 16..128
///   max_area_mm2: 3.2
///   evaluations: 2000
struct HardwareSpace {
  static constexpr std::size_t kMaxValues = 10'000;  // of all keys together

  std::vector<Setting> keys;  // at least one; values in an order that has a meaning
  double max_area_mm2 = 0.0;
  std::uint64_t max_evaluations = ExploreOptions{}.max_evaluations;
};

/// The number that is the whole text; none for infinities and what is no number.
std::optional<double> finite_number(std::string_view text);

/// The values of a key as an exploration takes them: a single LOW..HIGH becomes LOW, twice LOW, ...
/// up to HIGH, and numbers are sorted, since the search moves from a value to the next. Throws
/// InputError without a place.
Setting explored_setting(Setting setting);

/// Reads a space of variants of `machine`. Values that the machine cannot take whatever the other
/// keys are, are refused; combinations that it cannot take are part of a space.
///   @param area_mm2  of `machine`: the default of max_area_mm2, which may not be smaller
/// Throws InputError `name:line: key: what`, for several keys InputErrors.
HardwareSpace read_hardware_space_text(const std::string& text, const std::string& name,
                                       const Machine& machine, double area_mm2);

/// The space as a file: all keys, defaults included, ranges as values.
std::string hardware_space_yaml(const HardwareSpace& space);

}  // namespace tilewake
