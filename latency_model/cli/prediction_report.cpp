// SPDX-License-Identifier: Apache-2.0
#include "latency_model/cli/prediction_report.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "simulator/cli/units.hpp"
#include "simulator/common/csv.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

using Alignment = TextTable::Alignment;
using Emphasis = TextTable::Emphasis;

std::string band_cell(std::optional<double> band) { return band ? "+-" + error_bound(*band) : "-"; }

std::string share_cell(std::int64_t part, std::int64_t whole) {
  return percent(whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

std::string prediction_table(const NetworkPrediction& prediction, bool color) {
  const std::int64_t total = prediction.total_cycles;
  TextTable table({{"layer", Alignment::kLeft},
                   {"op", Alignment::kLeft},
                   {"MACs"},
                   {"cycles"},
                   {"share"},
                   {"error"}});
  std::int64_t num_macs = 0;
  for (const PredictedLayer& layer : prediction.layers) {
    num_macs += layer.macs;
    std::vector<std::string> cells = {shortened(layer.layer), std::string(to_string(layer.op)),
                                      layer.macs == 0 ? "-" : with_prefix(layer.macs)};
    const bool takes_none = layer.cycles == 0;
    if (takes_none) {
      cells.insert(cells.end(), {"-", "-", "-"});
    } else {
      cells.insert(cells.end(), {with_separators(layer.cycles), share_cell(layer.cycles, total),
                                 band_cell(layer.error_band)});
    }
    table.add_row(std::move(cells), takes_none ? Emphasis::kDim : Emphasis::kNone);
  }
  table.add_row({"total", fmt::format("{} layers", prediction.layers.size()), with_prefix(num_macs),
                 with_separators(total), percent(1.0), band_cell(prediction.error_band)},
                Emphasis::kBold);
  return fmt::format(
      "{}\n{} on {}: {} ms predicted; 95 % of the held-out networks were within {} of the "
      "simulator\n",
      table.to_string(color), prediction.network, prediction.hardware,
      with_decimals(prediction.latency_ms), error_bound(prediction.error_band));
}

std::string prediction_csv(const NetworkPrediction& prediction) {
  std::string text = "layer,block,op,total_cycles\n";
  for (const PredictedLayer& layer : prediction.layers) {
    text += fmt::format("{},{},{},{}\n", csv_field(layer.layer), csv_field(layer.block),
                        to_string(layer.op), layer.cycles);
  }
  return text;
}

std::string prediction_json(const NetworkPrediction& prediction) {
  std::string text = fmt::format(
      "{{\n"
      "  \"network\": {},\n"
      "  \"hardware\": {},\n"
      "  \"machine\": {},\n"
      "  \"total_cycles\": {},\n"
      "  \"latency_ms\": {},\n"
      "  \"error_band\": {},\n"
      "  \"layers\": [",
      json_string(prediction.network), json_string(prediction.hardware),
      json_string(prediction.machine), prediction.total_cycles, prediction.latency_ms,
      prediction.error_band);
  std::string_view separator;
  for (const PredictedLayer& layer : prediction.layers) {
    text += fmt::format(
        "{}\n    {{\"layer\": {}, \"block\": {}, \"op\": \"{}\", \"total_cycles\": {}, "
        "\"error_band\": {}}}",
        separator, json_string(layer.layer), json_string(layer.block), to_string(layer.op),
        layer.cycles, layer.error_band ? fmt::format("{}", *layer.error_band) : "null");
    separator = ",";
  }
  return text + "\n  ]\n}\n";
}

}  // namespace tilewake
