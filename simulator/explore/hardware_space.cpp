// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/hardware_space.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/common/yaml_reader.hpp"
#include "simulator/hardware/machine_keys.hpp"

namespace tilewake {

std::optional<double> finite_number(std::string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

namespace {

std::vector<std::string> doubled_values(const std::string& key, const std::string& range) {
  const std::size_t dots = range.find("..");
  const std::optional<double> low = finite_number(std::string_view(range).substr(0, dots));
  const std::optional<double> high = finite_number(std::string_view(range).substr(dots + 2));
  if (!low || !high || *low <= 0.0 || *high < *low) {
    throw InputError(fmt::format("{}: '{}' is no range LOW..HIGH of positive numbers",
                                 printable(key), printable(range)));
  }
  std::vector<std::string> values;
  for (int i = 0; std::ldexp(*low, i) <= *high; ++i)
    values.push_back(fmt::format("{}", std::ldexp(*low, i)));
  return values;
}

/// Whether the value is in the range of its key, so that a machine with other values of other keys
/// may take it.
bool is_in_range(const std::vector<MachineKey>& keys, const std::string& path,
                 const std::string& value) {
  const auto key = std::find_if(keys.begin(), keys.end(),
                                [&](const MachineKey& known) { return known.path == path; });
  if (key == keys.end()) return false;
  if (!key->is_number())
    return std::find(key->choices.begin(), key->choices.end(), value) != key->choices.end();
  const std::optional<double> number = finite_number(value);
  return number && *number >= key->min && *number <= key->max &&
         (key->kind == MachineKey::Kind::kNumber || std::floor(*number) == *number);
}

/// Why the machine cannot take a value of the key; empty: it can take all.
std::string refusal_of(const Setting& setting, const Machine& machine,
                       const std::vector<MachineKey>& keys) {
  const bool is_known = std::any_of(keys.begin(), keys.end(), [&](const MachineKey& key) {
    return key.path == setting.key && key.kind == MachineKey::Kind::kOther;
  });
  if (is_known) return "texts and sequences cannot be varied";
  for (const std::string& value : setting.values) {
    try {
      read_machine_text(machine.file.text, machine.file.path, {{setting.key, value}});
    } catch (const InputError& error) {
      if (!is_in_range(keys, setting.key, value)) return error.what();
    }
  }
  return "";
}

/// The keys under `vary`, with all errors at once.
std::vector<Setting> read_keys(YamlReader vary, const std::string& name, const Machine& machine) {
  const std::vector<MachineKey> known = machine_keys(machine.config);
  std::vector<Setting> keys;
  std::vector<std::string> errors;
  std::size_t num_values = 0;
  for (const std::string& key : vary.keys()) {
    const auto refuse = [&](const std::string& what) {
      errors.push_back(
          fmt::format("{}:{}: vary.{}: {}", name, vary.line(key), printable(key), what));
    };
    Setting setting{key, vary.strings(key)};
    try {
      setting = explored_setting(std::move(setting));
    } catch (const InputError& error) {
      errors.push_back(fmt::format("{}:{}: vary.{}", name, vary.line(key), error.what()));
      continue;
    }
    num_values += setting.values.size();
    if (num_values > HardwareSpace::kMaxValues) {
      refuse(fmt::format("more than {} values", HardwareSpace::kMaxValues));
      break;
    }
    if (std::set<std::string>(setting.values.begin(), setting.values.end()).size() <
        setting.values.size()) {
      refuse("a value is given twice");
      continue;
    }
    const std::string refused = refusal_of(setting, machine, known);
    if (!refused.empty()) refuse(refused);
    keys.push_back(std::move(setting));
  }
  if (errors.size() == 1) throw InputError(errors.front());
  if (!errors.empty()) throw InputErrors(std::move(errors));
  return keys;
}

}  // namespace

Setting explored_setting(Setting setting) {
  if (setting.values.size() == 1 && setting.values.front().find("..") != std::string::npos)
    setting.values = doubled_values(setting.key, setting.values.front());
  const bool has_numbers =
      std::all_of(setting.values.begin(), setting.values.end(),
                  [](const std::string& value) { return finite_number(value).has_value(); });
  if (!has_numbers) return setting;
  std::stable_sort(setting.values.begin(), setting.values.end(),
                   [](const std::string& a, const std::string& b) {
                     return *finite_number(a) < *finite_number(b);
                   });
  return setting;
}

HardwareSpace read_hardware_space_text(const std::string& text, const std::string& name,
                                       const Machine& machine, double area_mm2) {
  if (area_mm2 <= 0.0) {
    throw InputError(fmt::format(
        "{}: machine {} has no area (section energy.area), so there is no equal area to compare at",
        name, machine.config.name));
  }
  HardwareSpace space;
  YamlReader yaml = YamlReader::from_text(text, name);
  YamlReader vary = yaml.section("vary");
  space.max_area_mm2 =
      yaml.number("max_area_mm2", 0.0, std::numeric_limits<double>::max(), area_mm2);
  space.max_evaluations = static_cast<std::uint64_t>(
      yaml.integer("evaluations", 1, static_cast<std::int64_t>(ExploreOptions::kMaxExhaustive),
                   static_cast<std::int64_t>(space.max_evaluations)));
  yaml.finish();
  yaml.check(!vary.keys().empty(), "vary", "names no key of the machine");
  yaml.check(space.max_area_mm2 >= area_mm2, "max_area_mm2",
             fmt::format("{} is less than the {:.4g} mm2 of machine {}, with which the machines "
                         "found are compared",
                         space.max_area_mm2, area_mm2, machine.config.name));
  space.keys = read_keys(std::move(vary), name, machine);
  try {
    static_cast<void>(grid_size(space.keys));
  } catch (const UsageError&) {
    yaml.fail("vary", fmt::format("more than {} machines", kMaxGridSize));
  }
  return space;
}

std::string hardware_space_yaml(const HardwareSpace& space) {
  std::string text = "# tilewake machines: all values, defaults included\nvary:\n";
  for (const Setting& key : space.keys)
    text += fmt::format("  {}: [{}]\n", key.key, fmt::join(key.values, ", "));
  return text + fmt::format("max_area_mm2: {}\nevaluations: {}\n", space.max_area_mm2,
                            space.max_evaluations);
}

}  // namespace tilewake
