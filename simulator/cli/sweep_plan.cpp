// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/sweep_plan.hpp"

#include <cassert>
#include <filesystem>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

std::vector<std::string> names_in(const std::string& option,
                                  const std::vector<std::string>& texts) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const std::string& text : texts) {
    std::error_code error;
    if (text.find(',') != std::string::npos && std::filesystem::exists(text, error)) {
      throw UsageError(
          fmt::format("--{}: '{}' is a file, but in a sweep a comma separates names; "
                      "give it another name, or a link to it",
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

}  // namespace

SweepPlan::SweepPlan(const std::vector<std::string>& hardware,
                     const std::vector<std::string>& networks,
                     const std::vector<std::string>& settings)
    : hardware_(names_in("hw", hardware)),
      networks_(names_in("net", networks)),
      settings_(parse_settings(settings)) {
  std::vector<std::size_t> factors = {hardware_.size(), networks_.size()};
  for (const Setting& setting : settings_) factors.push_back(setting.values.size());
  std::int64_t size = 1;
  for (const std::size_t factor : factors) {
    // No factor is larger than a command line, so the product cannot overflow before it is refused.
    size *= static_cast<std::int64_t>(factor);
    if (size > kMaxPoints) {
      throw UsageError(
          fmt::format("a sweep has at most {} points; these are more: {} machines, "
                      "{} networks and the values of --set, each with each",
                      kMaxPoints, hardware_.size(), networks_.size()));
    }
  }
  size_ = size;
}

SweepPoint SweepPlan::point(std::int64_t index) const {
  assert(index >= 0 && index < size_);
  auto rest = static_cast<std::size_t>(index);
  const auto take = [&rest](std::size_t count) {
    const std::size_t choice = rest % count;
    rest /= count;
    return choice;
  };
  SweepPoint point;
  point.settings.resize(settings_.size());
  for (std::size_t i = settings_.size(); i-- > 0;) {
    const Setting& setting = settings_[i];
    point.settings[i] = {setting.key, setting.values[take(setting.values.size())]};
  }
  point.network = take(networks_.size());
  point.hardware = rest;
  return point;
}

}  // namespace tilewake
