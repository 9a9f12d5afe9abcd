// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/space_report.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

/// The names of costs in JSON end with their unit.
std::string suffix(CostUnit unit) { return unit == CostUnit::kMj ? "_mj" : "_ms"; }

std::string as_cost(CostUnit unit, double cost) {
  return unit == CostUnit::kMj ? as_mj(cost) : as_ms(cost);
}

Json json_of(const OperatorProfile& profile, CostUnit unit) {
  return {{"operator", to_string(profile.op)},
          {cost_column(unit), profile.latency_ms},
          {"macs", profile.macs},
          {"params", profile.params},
          {"capacity", profile.capacity},
          {"score", profile.score},
          {"kept", profile.is_kept},
          {"verdict", profile.verdict}};
}

OperatorProfile profile_of(const Json& json, CostUnit unit) {
  OperatorProfile profile;
  profile.op = operator_named(json.at("operator").get<std::string>()).value();
  const Json& latency = json.at(cost_column(unit));  // JSON has no infinity: null
  profile.latency_ms =
      latency.is_null() ? std::numeric_limits<double>::infinity() : latency.get<double>();
  profile.macs = json.at("macs");
  profile.params = json.at("params");
  profile.capacity = json.at("capacity");
  profile.score = json.at("score");
  profile.is_kept = json.at("kept");
  profile.verdict = json.at("verdict");
  return profile;
}

Json json_of(const MachineSpace& space) {
  Json json;
  json["machine"] = space.machine;
  const std::string unit = suffix(space.unit);
  json["target" + unit] = space.target_ms;
  json["fixed" + unit] = space.design.fixed_ms;
  json["share" + unit] = space.design.share_ms;
  json["best_scores" + unit] = space.best_ms;
  json["fastest" + unit] = space.fastest_ms;
  json["log10_networks"] = log10_num_networks(space.space);
  json["positions"] = Json::array();
  for (const PositionDesign& at : space.design.positions) {
    Json position;
    position["name"] = at.position.name;
    position["operators"] = Json::array();
    for (const OperatorProfile& profile : at.operators)
      position["operators"].push_back(json_of(profile, space.unit));
    json["positions"].push_back(std::move(position));
  }
  return json;
}

std::string kept_text(const PositionDesign& at, CostUnit unit) {
  std::vector<std::string> kept;
  for (const OperatorProfile& profile : at.operators) {
    if (profile.is_kept) {
      kept.push_back(fmt::format("{} ({}, {:.3g}/{})", to_string(profile.op),
                                 as_cost(unit, profile.latency_ms), profile.score,
                                 unit == CostUnit::kMj ? "mJ" : "ms"));
    }
  }
  return fmt::format("{}", fmt::join(kept, ", "));
}

}  // namespace

std::string machine_space_text(const MachineSpace& space) {
  Json json = json_of(space);
  json["space"] = operator_space_yaml(space.space);
  return json.dump();
}

MachineSpace machine_space_of(const std::string& text) {
  const Json json = Json::parse(text);
  MachineSpace space;
  space.machine = json.at("machine");
  space.unit = json.contains("target_mj") ? CostUnit::kMj : CostUnit::kMs;
  const std::string unit = suffix(space.unit);
  space.target_ms = json.at("target" + unit);
  space.design.fixed_ms = json.at("fixed" + unit);
  space.design.share_ms = json.at("share" + unit);
  space.best_ms = json.at("best_scores" + unit);
  space.fastest_ms = json.at("fastest" + unit);
  space.space = read_operator_space_text(json.at("space").get<std::string>(), space.machine);
  const std::vector<OperatorPosition> positions = positions_of(space.space);
  for (std::size_t p = 0; p < positions.size(); ++p) {
    PositionDesign at{positions[p], {}};
    for (const Json& profile : json.at("positions").at(p).at("operators"))
      at.operators.push_back(profile_of(profile, space.unit));
    space.design.positions.push_back(std::move(at));
  }
  return space;
}

double share_in_common(const OperatorSpace& a, const OperatorSpace& b) {
  const std::vector<OperatorPosition> left = positions_of(a);
  const std::vector<OperatorPosition> right = positions_of(b);
  double sum = 0.0;
  for (std::size_t p = 0; p < left.size(); ++p) {
    std::size_t shared = 0;
    for (const Operator& op : left[p].operators) {
      const std::vector<Operator>& others = right.at(p).operators;
      if (std::find(others.begin(), others.end(), op) != others.end()) ++shared;
    }
    const std::size_t either = left[p].operators.size() + right[p].operators.size() - shared;
    sum += static_cast<double>(shared) / static_cast<double>(either);
  }
  return sum / static_cast<double>(left.size());
}

std::string spaces_table(const std::vector<MachineSpace>& spaces) {
  std::size_t width = 0;
  for (const MachineSpace& space : spaces) width = std::max(width, space.machine.size());
  std::string text;
  for (std::size_t p = 0; p < spaces.front().design.positions.size(); ++p) {
    const OperatorPosition& at = spaces.front().design.positions[p].position;
    text += fmt::format("{}: {} to {} channels, {}x{}, stride {}\n", at.name, at.in_channels,
                        at.out_channels, at.height, at.width, at.stride);
    for (const MachineSpace& space : spaces) {
      text += fmt::format("  {:<{}}  {}\n", space.machine, width,
                          kept_text(space.design.positions[p], space.unit));
    }
  }
  text += "\n";
  for (const MachineSpace& space : spaces) {
    text += fmt::format(
        "{}: limit {}, a position's share {}; network of the best scores {}, of the fastest "
        "operators {}; 10^{:.1f} networks\n",
        space.machine, as_cost(space.unit, space.target_ms),
        as_cost(space.unit, space.design.share_ms), as_cost(space.unit, space.best_ms),
        as_cost(space.unit, space.fastest_ms), log10_num_networks(space.space));
  }
  for (std::size_t a = 0; a < spaces.size(); ++a) {
    for (std::size_t b = a + 1; b < spaces.size(); ++b) {
      text +=
          fmt::format("{} and {} have {:.0f} % of their operators in common\n", spaces[a].machine,
                      spaces[b].machine, 100.0 * share_in_common(spaces[a].space, spaces[b].space));
    }
  }
  return text;
}

std::string spaces_json(const std::vector<MachineSpace>& spaces) {
  Json json;
  json["machines"] = Json::array();
  for (const MachineSpace& space : spaces) json["machines"].push_back(json_of(space));
  json["in_common"] = Json::array();
  for (std::size_t a = 0; a < spaces.size(); ++a) {
    for (std::size_t b = a + 1; b < spaces.size(); ++b) {
      json["in_common"].push_back({{"machines", {spaces[a].machine, spaces[b].machine}},
                                   {"share", share_in_common(spaces[a].space, spaces[b].space)}});
    }
  }
  return json.dump(1) + "\n";
}

std::string spaces_csv(const std::vector<MachineSpace>& spaces) {
  std::string text;
  for (const MachineSpace& space : spaces) {
    std::istringstream lines(space_design_csv(space.design, cost_column(space.unit)));
    int number = 0;
    for (std::string line; std::getline(lines, line); ++number) {
      if (number == 0 && text.empty()) text += line + "\n";
      if (number == 1 && &space == &spaces.front()) text += "machine," + line + "\n";
      if (number > 1) text += space.machine + "," + line + "\n";
    }
  }
  return text;
}

}  // namespace tilewake
