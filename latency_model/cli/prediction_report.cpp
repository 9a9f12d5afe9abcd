// SPDX-License-Identifier: Apache-2.0
#include "latency_model/cli/prediction_report.hpp"

#include <algorithm>
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

std::string number_or_null(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "null";
}

std::string share_cell(std::int64_t part, std::int64_t whole) {
  return percent(whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole));
}

/// The layers that take the most cycles.
std::string slowest_text(const NetworkPrediction& prediction) {
  constexpr std::size_t kNumSlowest = 3;
  std::vector<const PredictedLayer*> slowest;
  for (const PredictedLayer& layer : prediction.layers) slowest.push_back(&layer);
  std::stable_sort(
      slowest.begin(), slowest.end(),
      [](const PredictedLayer* a, const PredictedLayer* b) { return a->cycles > b->cycles; });
  if (slowest.size() > kNumSlowest) slowest.resize(kNumSlowest);
  std::string text = "slowest layers:";
  for (const PredictedLayer* layer : slowest) {
    text += fmt::format("{} {} ({})", text.ends_with(':') ? "" : ",", shortened(layer->layer),
                        share_cell(layer->cycles, prediction.total_cycles));
  }
  return text + "\n\n";
}

}  // namespace

std::string prediction_table(const NetworkPrediction& prediction, bool color,
                             std::size_t max_columns) {
  const std::int64_t total = prediction.total_cycles;
  TextTable table({{"layer", Alignment::kLeft},
                   {"op", Alignment::kLeft, 1},
                   {"MACs", Alignment::kRight, 2},
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
  const std::string energy =
      prediction.energy_mj
          ? fmt::format(
                "energy: {} mJ predicted; 95 % of the held-out networks were within {} of "
                "the simulator\n",
                with_decimals(*prediction.energy_mj), error_bound(prediction.energy_error_band))
          : "";
  return slowest_text(prediction) + fmt::format(
                                        "{}\n{}{} on {}: {} ms predicted{}; 95 % of the held-out "
                                        "networks were within {} of the "
                                        "simulator\n",
                                        table.to_string(color, max_columns), energy,
                                        prediction.network, prediction.hardware,
                                        with_decimals(prediction.latency_ms),
                                        batch_text(prediction.batch, prediction.ms_per_image()),
                                        error_bound(prediction.error_band));
}

std::string prediction_csv(const NetworkPrediction& prediction) {
  std::string text = "layer,block,op,total_cycles,energy_uj\n";
  for (const PredictedLayer& layer : prediction.layers) {
    text += fmt::format("{},{},{},{},{}\n", csv_field(layer.layer), csv_field(layer.block),
                        to_string(layer.op), layer.cycles,
                        layer.energy_uj ? fmt::format("{}", *layer.energy_uj) : "");
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
      "  \"batch\": {},\n"
      "  \"latency_ms\": {},\n"
      "  \"latency_ms_per_image\": {},\n"
      "  \"error_band\": {},\n"
      "  \"energy_mj\": {},\n"
      "  \"energy_error_band\": {},\n"
      "  \"layers\": [",
      json_string(prediction.network), json_string(prediction.hardware),
      json_string(prediction.machine), prediction.total_cycles, prediction.batch,
      prediction.latency_ms, prediction.ms_per_image(), prediction.error_band,
      number_or_null(prediction.energy_mj),
      prediction.energy_mj ? fmt::format("{}", prediction.energy_error_band) : "null");
  std::string_view separator;
  for (const PredictedLayer& layer : prediction.layers) {
    text += fmt::format(
        "{}\n    {{\"layer\": {}, \"block\": {}, \"op\": \"{}\", \"total_cycles\": {}, "
        "\"error_band\": {}, \"energy_uj\": {}}}",
        separator, json_string(layer.layer), json_string(layer.block), to_string(layer.op),
        layer.cycles, number_or_null(layer.error_band), number_or_null(layer.energy_uj));
    separator = ",";
  }
  return text + "\n  ]\n}\n";
}

}  // namespace tilewake
