// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/settings.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

bool is_path(const std::string& key) {
  return !key.empty() && !key.starts_with('.') && !key.ends_with('.') &&
         key.find("..") == std::string::npos;
}

Setting parse(const std::string& text) {
  const std::size_t equals = text.find('=');
  Setting setting{text.substr(0, equals), {}};
  if (equals == std::string::npos || !is_path(setting.key)) {
    throw UsageError(
        fmt::format("--set: '{}' is not KEY=VALUE, as in dram.num_channels=2", printable(text)));
  }
  setting.values = split_at_commas("set", text.substr(equals + 1));
  std::set<std::string> seen;
  for (const std::string& value : setting.values) {
    if (seen.insert(value).second) continue;
    throw UsageError(fmt::format("--set: {} is given the value '{}' twice", printable(setting.key),
                                 printable(value)));
  }
  return setting;
}

}  // namespace

std::vector<Setting> parse_settings(const std::vector<std::string>& texts) {
  std::vector<Setting> settings;
  std::set<std::string> keys;
  for (const std::string& text : texts) {
    settings.push_back(parse(text));
    const std::string& key = settings.back().key;
    if (!keys.insert(key).second) {
      throw UsageError(
          fmt::format("--set: {} is given twice; its values go behind one another, with commas",
                      printable(key)));
    }
  }
  return settings;
}

std::vector<YamlOverride> single_values(const std::vector<Setting>& settings) {
  std::vector<YamlOverride> values;
  for (const Setting& setting : settings) {
    if (setting.values.size() > 1) {
      throw UsageError(fmt::format("--set: {} is given {} values; several take 'simulate --sweep'",
                                   printable(setting.key), setting.values.size()));
    }
    values.push_back({setting.key, setting.values.front()});
  }
  return values;
}

std::string settings_text(const std::vector<YamlOverride>& values) {
  std::string text;
  for (const YamlOverride& value : values) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", value.path, value.value);
  }
  return text;
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

}  // namespace tilewake
