// SPDX-License-Identifier: Apache-2.0
#include "nas/common/settings_difference.hpp"

#include <map>
#include <sstream>

#include <fmt/format.h>

#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

std::map<std::string, std::string> settings_of(const std::string& fingerprint) {
  std::map<std::string, std::string> settings;
  std::istringstream lines(fingerprint);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find('=');
    settings[line.substr(0, equals)] = equals == std::string::npos ? "" : line.substr(equals + 1);
  }
  return settings;
}

}  // namespace

std::string settings_difference(const std::string& then, const std::string& now) {
  std::map<std::string, std::string> before = settings_of(then);
  for (const auto& [name, value] : settings_of(now)) {
    const auto found = before.find(name);
    if (found == before.end()) return fmt::format("{} is new", printable(name));
    if (found->second != value) {
      return fmt::format("{} was {}, is now {}", printable(name), printable(found->second),
                         printable(value));
    }
    before.erase(found);
  }
  if (before.empty()) return "";
  return fmt::format("{} is no longer read", printable(before.begin()->first));
}

}  // namespace tilewake
