// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/common/yaml_override.hpp"

namespace tilewake {

/// One --set: a key of the machine's file, by its path, and the values that it takes in turn.
struct Setting {
  std::string key;                  // "dram.num_channels"
  std::vector<std::string> values;  // at least one
};

/// Reads what stands behind each --set, KEY=VALUE[,VALUE...]. Throws UsageError for what is no such
/// thing, and for a key or a value that is given twice.
std::vector<Setting> parse_settings(const std::vector<std::string>& texts);

/// The only value of each. Throws UsageError if a key has several, which take a sweep.
std::vector<YamlOverride> single_values(const std::vector<Setting>& settings);

/// "core.num_cims=8 dram.num_channels=2"
std::string settings_text(const std::vector<YamlOverride>& values);

/// `text` cut at its commas. Throws UsageError, naming `option`, where nothing is between two.
std::vector<std::string> split_at_commas(const std::string& option, const std::string& text);

}  // namespace tilewake
