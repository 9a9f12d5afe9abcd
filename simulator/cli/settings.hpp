// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/api/sweep_plan.hpp"
#include "simulator/common/yaml_override.hpp"

namespace tilewake {

/// Parses the texts of --set (or of another `option`), KEY=VALUE[,VALUE...]. Throws UsageError for
/// a malformed text, and for a key or a value that is given twice.
std::vector<Setting> parse_settings(const std::vector<std::string>& texts,
                                    const std::string& option = "set");

/// The names in all values of --`option`, which may be joined by commas. Throws UsageError if one
/// is empty or given twice, or is a file with a comma in its name.
std::vector<std::string> listed_names(const std::string& option,
                                      const std::vector<std::string>& texts);

/// The only value of each key. Throws UsageError if a key has several values: these need a sweep.
std::vector<YamlOverride> single_values(const std::vector<Setting>& settings);

/// `text` split at its commas. Throws UsageError naming `option` for an empty part.
std::vector<std::string> split_at_commas(const std::string& option, const std::string& text);

/// The plan of --hw, --net and --set; names may be joined by commas. Throws UsageError if a name is
/// empty or given twice, if it is a file with a comma in its name, for a malformed setting, or if
/// there are more than SweepPlan::kMaxPoints points.
SweepPlan parse_sweep_plan(const std::vector<std::string>& hardware,
                           const std::vector<std::string>& networks,
                           const std::vector<std::string>& settings);

}  // namespace tilewake
