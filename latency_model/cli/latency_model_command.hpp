// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/cli/command.hpp"

namespace tilewake {

/// Fits a latency model to a machine, or to its traces, and writes it.
ExitCode calibrate_command(const Arguments& arguments);

/// Predicts the latency of a network with a calibrated model.
ExitCode predict_command(const Arguments& arguments);

/// Fits a machine file to measured latencies, or compares the two.
ExitCode fit_command(const Arguments& arguments);

/// Writes a page with charts of the results of other commands.
ExitCode report_command(const Arguments& arguments);

}  // namespace tilewake
