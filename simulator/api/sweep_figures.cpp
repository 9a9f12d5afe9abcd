// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/sweep_figures.hpp"

#include <type_traits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/csv.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

/// The object that has the field.
template <typename T>
auto& field_of(Summary& summary, T Summary::*field) {
  return summary.*field;
}
template <typename T>
auto& field_of(Summary& summary, T RunInfo::*field) {
  return summary.info.*field;
}
template <typename T>
const auto& field_of(const Summary& summary, T Summary::*field) {
  return summary.*field;
}
template <typename T>
const auto& field_of(const Summary& summary, T RunInfo::*field) {
  return summary.info.*field;
}

}  // namespace

nlohmann::ordered_json figures_json(const Summary& summary) {
  nlohmann::ordered_json json;
  for (const SweepColumn& column : kSweepColumns) {
    std::visit([&](const auto field) { json[std::string(column.name)] = field_of(summary, field); },
               column.field);
  }
  return json;
}

Summary figures_of(const nlohmann::ordered_json& json) {
  Summary summary;
  for (const SweepColumn& column : kSweepColumns) {
    std::visit(
        [&](const auto field) {
          const nlohmann::ordered_json& value = json.at(std::string(column.name));
          // get_to() would cast a number with a fraction or an exponent, whatever its size.
          using Value = std::decay_t<decltype(field_of(summary, field))>;
          if (std::is_integral_v<Value> && value.is_number_float()) {
            throw InputError(fmt::format("{} must be an integer", column.name));
          }
          value.get_to(field_of(summary, field));
        },
        column.field);
  }
  return summary;
}

std::vector<std::string> figure_fields(const Summary& summary) {
  std::vector<std::string> fields;
  for (const SweepColumn& column : kSweepColumns) {
    fields.push_back(std::visit(
        [&](const auto field) {
          const auto& value = field_of(summary, field);
          using Value = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
            return csv_field(fmt::format("{}", fmt::join(value, "; ")));
          } else if constexpr (std::is_same_v<Value, std::string>) {
            return csv_field(value);
          } else {
            return nlohmann::json(value).dump();  // the digits of summary.json
          }
        },
        column.field));
  }
  return fields;
}

}  // namespace tilewake
