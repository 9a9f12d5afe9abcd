// SPDX-License-Identifier: Apache-2.0
#include "latency_model/cli/calibration_report.hpp"

#include <memory>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "latency_model/evaluation_report.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/json_document.hpp"
#include "simulator/common/text_table.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

Json coefficients_json(const LatencyModel& model, const FeatureSet& set) {
  Json json = Json::object();
  for (std::size_t i = 0; i < set.op_classes.size(); ++i)
    json[std::string(set.op_classes[i])] = features_json(set, model.coefficients[i]);
  return json;
}

/// Null where there is none.
Json text_or_null(const std::string& text, bool is_there) { return is_there ? Json(text) : Json(); }

}  // namespace

std::string calibration_table(const CalibrationReport& report) {
  const Calibration& calibration = report.calibration;
  const LatencyModel& model = calibration.model;
  const auto extractor = make_feature_extractor(model.hardware);
  const std::size_t columns = output_columns();
  std::string text = fmt::format(
      "latency model of {}, fitted to {} layers of {} networks: {}, seed {}\n\n"
      "on held-out networks: MAPE {:.2f} % of layers, {:.2f} % of networks\n\n{}\n"
      "on the networks of the fit: MAPE {:.2f} % of layers, {:.2f} % of networks\n",
      model.hardware.name, with_separators(model.provenance.num_layers),
      with_separators(model.provenance.num_networks), model.provenance.set, model.provenance.seed,
      100.0 * model.holdout.layers.mape, 100.0 * model.holdout.networks.mape,
      evaluation_report(model.holdout, extractor->set(), columns),
      100.0 * calibration.train.layers.mape, 100.0 * calibration.train.networks.mape);
  if (model.energy) {
    text +=
        fmt::format("energy, on held-out networks: MAPE {:.2f} % of layers, {:.2f} % of networks\n",
                    100.0 * model.energy->layers.mape, 100.0 * model.energy->networks.mape);
  }
  if (!calibration.warnings.empty()) {
    text += fmt::format("\nwarnings:\n  {}\n", fmt::join(calibration.warnings, "\n  "));
  }
  text += report.refusal.empty() ? fmt::format("\nmodel: {}\n", report.path)
                                 : fmt::format("\nno model written: {}\n", report.refusal);
  return wrapped_lines(text, columns);
}

std::string calibration_json(const CalibrationReport& report) {
  const Calibration& calibration = report.calibration;
  const LatencyModel& model = calibration.model;
  const Provenance& from = model.provenance;
  const auto extractor = make_feature_extractor(model.hardware);
  const FeatureSet& set = extractor->set();
  const bool is_written = report.refusal.empty();
  return json_text({{"hardware", model.hardware.name},
                    {"machine", from.machine},
                    {"version", from.version},
                    {"set", from.set},
                    {"seed", from.seed},
                    {"num_networks", from.num_networks},
                    {"num_layers", from.num_layers},
                    {"mape_train", calibration.train.layers.mape},
                    {"mape_holdout", model.holdout.layers.mape},
                    {"holdout", evaluation_json(model.holdout, set)},
                    {"coefficients", coefficients_json(model, set)},
                    {"warnings", calibration.warnings},
                    {"model", text_or_null(report.path, is_written)},
                    {"refusal", text_or_null(report.refusal, !is_written)}});
}

}  // namespace tilewake
