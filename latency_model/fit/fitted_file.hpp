// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "latency_model/fit/machine_fit.hpp"
#include "simulator/common/yaml_override.hpp"

namespace tilewake {

/// First line of a fitted machine file, by which `tilewake fit` replaces only its own files.
inline constexpr std::string_view kFittedFirstLine = "# Fitted by tilewake fit";

/// First line of the file of rows; its number is incremented whenever a column changes.
inline constexpr std::string_view kFitRowsFirstLine = "# tilewake-fit v1";

/// The text of a machine file with other values: keys keep their places and comments. Keys that the
/// text does not have are inserted into their section. Where the text cannot be changed so that it
/// holds exactly these values, such as a section in braces over several lines, all values of the
/// machine are written in the order of `tilewake check`, without comments of the file.
///   @param path  of the text, for error messages
std::string with_values(const std::string& text, const std::string& path,
                        const std::vector<YamlOverride>& values);

/// The machine file of a fit: comments that state what was fitted to which data with which errors,
/// then the start file with the fitted values.
std::string fitted_machine_yaml(const MachineFit& fit, const MeasuredTable& table);

/// `network, machine, batch, measured_ms, start_ms, simulated_ms, holdout_ms, macs`: one line for
/// each row of the table, for `tilewake report`. `start_ms` and `holdout_ms` may be empty. Numbers
/// round-trip.
///   @param machine  its name
std::string fit_rows_csv(const MeasuredTable& table, const std::string& machine,
                         const std::vector<double>& start_ms,
                         const std::vector<double>& simulated_ms,
                         const std::vector<double>& holdout_ms);

/// A file beside a machine file: `machine.fit.csv` beside `machine.yaml`.
std::string beside_machine(const std::string& machine_path, std::string_view ending);

}  // namespace tilewake
