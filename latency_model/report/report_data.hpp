// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace tilewake {

/// The data of a report on the results at `paths`: directories that the commands write, or files of
/// latency models. Returns `{"version": ..., "sections": [...]}`; README.md lists the sections'
/// members. Equal files give equal data.
///
/// If one of the results has a latency model of the machine that another was simulated on, the
/// layers of the simulation have their predictions.
///
/// Throws InputError for a path that is no such result, and for a file that is damaged, too large
/// or of another version of its format.
nlohmann::ordered_json report_data(const std::vector<std::string>& paths);

}  // namespace tilewake
