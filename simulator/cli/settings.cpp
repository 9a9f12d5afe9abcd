// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/settings.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

bool is_path(const std::string& key) {
  return !key.empty() && !key.starts_with('.') && !key.ends_with('.') &&
         key.find("..") == std::string::npos;
}

Setting parse_setting(const std::string& text, const std::string& option) {
  const std::size_t equals = text.find('=');
  Setting setting{text.substr(0, equals), {}};
  if (equals == std::string::npos || !is_path(setting.key)) {
    throw UsageError(fmt::format("--{}: '{}' is not KEY=VALUE, as in dram.num_channels=2", option,
                                 printable(text)));
  }
  setting.values = split_at_commas(option, text.substr(equals + 1));
  std::set<std::string> seen;
  for (const std::string& value : setting.values) {
    if (seen.insert(value).second) continue;
    throw UsageError(fmt::format("--{}: {} is given the value '{}' twice", option,
                                 printable(setting.key), printable(value)));
  }
  return setting;
}

}  // namespace

std::vector<std::string> listed_names(const std::string& option,
                                      const std::vector<std::string>& texts) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const std::string& text : texts) {
    std::error_code error;
    if (text.find(',') != std::string::npos && std::filesystem::exists(text, error)) {
      throw UsageError(
          fmt::format("--{}: '{}' is a file, but in a sweep a comma separates names; "
                      "rename it, or use a link to it",
                      option, printable(text)));
    }
    for (const std::string& name : split_at_commas(option, text)) {
      if (!seen.insert(name).second) {
        throw UsageError(fmt::format("--{}: '{}' is given twice", option, printable(name)));
      }
      names.push_back(name);
    }
  }
  return names;
}

std::vector<Setting> parse_settings(const std::vector<std::string>& texts,
                                    const std::string& option) {
  std::vector<Setting> settings;
  std::set<std::string> keys;
  for (const std::string& text : texts) {
    settings.push_back(parse_setting(text, option));
    const std::string& key = settings.back().key;
    if (!keys.insert(key).second) {
      throw UsageError(
          fmt::format("--{}: {} is given twice; use KEY=V1,V2", option, printable(key)));
    }
  }
  return settings;
}

std::vector<YamlOverride> single_values(const std::vector<Setting>& settings) {
  std::vector<YamlOverride> values;
  for (const Setting& setting : settings) {
    if (setting.values.size() > 1) {
      throw UsageError(
          fmt::format("--set: {} is given {} values; only 'simulate --sweep' takes several",
                      printable(setting.key), setting.values.size()));
    }
    values.push_back({setting.key, setting.values.front()});
  }
  return values;
}

std::vector<std::string> split_at_commas(const std::string& option, const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    if (parts.back().empty()) {
      throw UsageError(fmt::format("--{}: a value is missing in '{}'", option, printable(text)));
    }
    begin = end + 1;
  }
  return parts;
}

SweepPlan parse_sweep_plan(const std::vector<std::string>& hardware,
                           const std::vector<std::string>& networks,
                           const std::vector<std::string>& settings) {
  std::vector<std::string> machine_names = listed_names("hw", hardware);
  std::vector<std::string> network_names = listed_names("net", networks);
  std::vector<Setting> parsed = parse_settings(settings);
  try {
    return {std::move(machine_names), std::move(network_names), std::move(parsed)};
  } catch (const InputError& e) {
    throw UsageError(e.what());
  }
}

}  // namespace tilewake
