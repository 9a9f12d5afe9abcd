// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "simulator/api/sweep.hpp"

namespace tilewake {

/// A sweep that is complete, for people: a line a point, then what failed and why.
std::string sweep_table(const Sweep& sweep);

/// The text of sweep.csv: a row a point, a column a key that was set; behind it the figures of
/// summary.json. Equal inputs give equal bytes, whatever ended first and in whatever process.
std::string sweep_csv(const Sweep& sweep);

/// The same as JSON, without the figures of points that failed.
std::string sweep_json(const Sweep& sweep);

/// "midap, resnet18, dram.num_channels=4: what is wrong", of a point that failed.
std::string failure_text(const Sweep& sweep, std::int64_t index);

}  // namespace tilewake
