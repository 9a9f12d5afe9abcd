// SPDX-License-Identifier: Apache-2.0
#include "latency_model/cli/prediction_report.hpp"

#include <numeric>

#include <fmt/format.h>

#include "simulator/cli/units.hpp"
#include "simulator/common/csv.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

using Alignment = TextTable::Alignment;
using Emphasis = TextTable::Emphasis;

constexpr std::size_t kMaxNameLength = 40;

std::string band_cell(std::optional<double> band) { return band ? "+-" + error_bound(*band) : "-"; }

std::string share_cell(std::int64_t part, std::int64_t whole) {
  return percent(whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

std::int64_t PredictionReport::total_cycles() const {
  return std::accumulate(layer_cycles.begin(), layer_cycles.end(), std::int64_t{0});
}

std::string prediction_table(const PredictionReport& report, bool color) {
  const HardwareConfig& hardware = report.model.hardware;
  const std::int64_t total = report.total_cycles();
  TextTable table({{"layer", Alignment::kLeft},
                   {"op", Alignment::kLeft},
                   {"MACs"},
                   {"cycles"},
                   {"share"},
                   {"error"}});
  std::int64_t num_macs = 0;
  for (std::size_t i = 0; i < report.layer_cycles.size(); ++i) {
    const Layer& layer = *report.layers[i];
    const std::int64_t macs = layer.num_macs();
    num_macs += macs;
    std::vector<std::string> cells = {shortened(layer.name, kMaxNameLength),
                                      std::string(to_string(layer.op)),
                                      macs == 0 ? "-" : with_prefix(macs)};
    const std::int64_t cycles = report.layer_cycles[i];
    const bool takes_none = cycles == 0;
    if (takes_none) {
      cells.insert(cells.end(), {"-", "-", "-"});
    } else {
      cells.insert(cells.end(), {with_separators(cycles), share_cell(cycles, total),
                                 band_cell(report.layer_bands[i])});
    }
    table.add_row(std::move(cells), takes_none ? Emphasis::kDim : Emphasis::kNone);
  }
  table.add_row(
      {"total", fmt::format("{} layers", report.layer_cycles.size()), with_prefix(num_macs),
       with_separators(total), percent(1.0), band_cell(report.band)},
      Emphasis::kBold);
  return fmt::format(
      "{}\n{} on {}: {} ms predicted; 95 % of the networks held out were within {} of the "
      "simulator\n",
      table.to_string(color), report.name, hardware.name,
      with_decimals(hardware.cycles_to_ms(total)), error_bound(report.band));
}

std::string prediction_csv(const PredictionReport& report) {
  std::string text = "layer,block,op,total_cycles\n";
  for (std::size_t i = 0; i < report.layer_cycles.size(); ++i) {
    const Layer& layer = *report.layers[i];
    text += fmt::format("{},{},{},{}\n", csv_field(layer.name), csv_field(layer.block),
                        to_string(layer.op), report.layer_cycles[i]);
  }
  return text;
}

std::string prediction_json(const PredictionReport& report) {
  const std::int64_t total = report.total_cycles();
  std::string text = fmt::format(
      "{{\n"
      "  \"network\": {},\n"
      "  \"hardware\": {},\n"
      "  \"machine\": {},\n"
      "  \"total_cycles\": {},\n"
      "  \"latency_ms\": {},\n"
      "  \"error_band\": {},\n"
      "  \"layers\": [",
      json_string(report.name), json_string(report.model.hardware.name),
      json_string(report.model.provenance.machine), total,
      report.model.hardware.cycles_to_ms(total), report.band);
  for (std::size_t i = 0; i < report.layer_cycles.size(); ++i) {
    const Layer& layer = *report.layers[i];
    const std::optional<double>& band = report.layer_bands[i];
    text += fmt::format(
        "{}\n    {{\"layer\": {}, \"block\": {}, \"op\": \"{}\", \"total_cycles\": {}, "
        "\"error_band\": {}}}",
        i == 0 ? "" : ",", json_string(layer.name), json_string(layer.block), to_string(layer.op),
        report.layer_cycles[i], band ? fmt::format("{}", *band) : "null");
  }
  return text + "\n  ]\n}\n";
}

}  // namespace tilewake
