// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

struct MeasuredTable;

/// A key of a machine file whose value is fitted.
///
/// Numbers are searched on a scale u(x) on which equal steps are equally plausible: log(x), or
/// log(1 + x / offset) for a range that contains 0. The prior of u is a normal distribution around
/// the value of the start file; `spread` is its standard deviation. A choice has no prior.
struct FitKey {
  enum class Kind { kReal, kInteger, kChoice };

  std::string path;  // "core.efficiency.conv2d"
  Kind kind = Kind::kReal;
  double low = 0.0;  // of a number; both ends are included
  double high = 0.0;
  double start = 0.0;
  double offset = 0.0;               // 0: the scale is log(x)
  double spread = 1.0;               // on the scale
  std::vector<std::string> choices;  // of a choice; the one nearest to the start file comes first
  std::string start_text;            // as in the start file

  bool is_number() const { return kind != Kind::kChoice; }
  /// Position of a value on the scale, in units of `spread` from the start value.
  double position_of(double value) const;
  /// The value at a position, clamped to the range, as text for the machine file: six significant
  /// digits, or the nearest integer.
  std::string text_at(double position) const;
  double low_position() const { return position_of(low); }
  double high_position() const { return position_of(high); }
};

/// The keys that no data sheet gives: efficiencies of the operator classes in `table`, overheads,
/// and the bandwidth and latency of the DRAM.
std::vector<FitKey> default_fit_keys(const HardwareConfig& start, const MeasuredTable& table);

/// The keys of --vary. Each text is `default` (the keys above), KEY, KEY=LOW..HIGH, or
/// KEY=CHOICE,CHOICE,...; KEY is a path of the machine file with a number, a flag or a word. Only
/// listed choices are tried. Throws UsageError for a malformed text, values outside the range of
/// the key and what is given twice, InputError for a key that is unknown or cannot be varied.
std::vector<FitKey> parse_fit_keys(const std::vector<std::string>& texts,
                                   const HardwareConfig& start, const MeasuredTable& table);

}  // namespace tilewake
