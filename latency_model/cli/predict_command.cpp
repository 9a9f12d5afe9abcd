// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latency_model/cli/latency_model_command.hpp"
#include "latency_model/cli/prediction_report.hpp"
#include "latency_model/model_yaml.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/stopwatch.hpp"

namespace tilewake {
namespace {

using Formatter = std::string (*)(const PredictionReport& report);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, Formatter>, 3> kFormats = {{
    {"table", [](const PredictionReport& report) { return prediction_table(report, use_color()); }},
    {"csv", prediction_csv},
    {"json", prediction_json},
}};

struct PredictOptions {
  std::string model;
  std::string network;
  std::string input_shape;
  std::string format = "table";
  bool verbose = false;
  bool quiet = false;
};

bool parse(const Arguments& arguments, PredictOptions& values) {
  Options options("predict",
                  "predict --model FILE --net FILE [--input-shape N,C,H,W]\n"
                  "                        [--format table|csv|json] [-v | -q]",
                  "Tells what the simulator would say of a network, with a model that `tilewake\n"
                  "calibrate` made. csv and json have the layers in the network's order, those of\n"
                  "`tilewake simulate` are in the order of execution: join them by name.");
  options.required("model", values.model, "FILE", "latency model, made by 'tilewake calibrate'");
  options.required("net", values.network, "FILE", kNetHelp);
  options.optional("input-shape", values.input_shape, "N,C,H,W", kInputShapeHelp);
  options.optional("format", values.format, "FORMAT", "what is printed: " + format_names(kFormats));
  options.flag("verbose,v", values.verbose, "tell what the prediction cost");
  options.flag("quiet,q", values.quiet, "suppress warnings");
  return options.parse(arguments);
}

/// Whole cycles that add up: each layer ends where the sum up to it rounds to.
std::vector<std::int64_t> rounded(const std::vector<double>& cycles) {
  std::vector<std::int64_t> whole;
  double end = 0.0;
  std::int64_t begin = 0;
  for (const double value : cycles) {
    end += value;
    const std::int64_t rounded_end = std::llround(end);
    whole.push_back(rounded_end - begin);
    begin = rounded_end;
  }
  return whole;
}

/// How wrong the model was about layers of the same class: 95 % of those held out were within.
std::vector<std::optional<double>> layer_bands(const LatencyModel& model,
                                               const std::vector<LayerFeatures>& features) {
  std::vector<std::optional<double>> bands;
  std::set<std::string> untested;
  for (const LayerFeatures& layer : features) {
    if (layer.op_class == kFusedLayer) {
      bands.emplace_back(0.0);
      continue;
    }
    const auto op_class = static_cast<std::size_t>(layer.op_class);
    const ErrorSummary& errors = model.holdout.by_class[op_class];
    const bool is_tested = errors.n > 0;
    bands.push_back(is_tested ? std::optional(errors.p95) : std::nullopt);
    if (!is_tested) untested.insert(model.holdout.op_classes[op_class]);
  }
  if (!untested.empty()) {
    log().warn("the model was tested on no layers of {}: how wrong it is about them is unknown",
               fmt::join(untested, ", "));
  }
  return bands;
}

}  // namespace

ExitCode predict_command(const Arguments& arguments) {
  PredictOptions options;
  if (!parse(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const Formatter format = formatter_of(kFormats, options.format);

  const LatencyModel model = read_latency_model(options.model, make_feature_extractor);
  const Workload workload = read_workload(options.network, parse_input_shape(options.input_shape));
  std::string text;
  try {
    const Predictor predictor(model);
    PredictionReport report{model, workload.name, {}, {}, {}, 0.0};
    std::vector<double> cycles;
    std::vector<LayerFeatures> features;
    const Stopwatch stopwatch;
    for (const Network& network : workload.networks) {
      const Prediction prediction = predictor.predict(network);
      cycles.insert(cycles.end(), prediction.layer_cycles.begin(), prediction.layer_cycles.end());
      report.band = prediction.band;
    }
    log().debug("predicted {} layers in {:.1f} us", cycles.size(), 1e6 * stopwatch.wall_seconds());
    for (const Network& network : workload.networks) {
      for (const Layer& layer : network.layers) report.layers.push_back(&layer);
      const auto extracted = predictor.extractor().extract(network);
      features.insert(features.end(), extracted.begin(), extracted.end());
    }
    report.layer_cycles = rounded(cycles);
    report.layer_bands = layer_bands(model, features);
    text = format(report);
  } catch (const InputError& e) {
    throw InputError(
        fmt::format("{}: on {}: {}", workload.file.path, model.hardware.name, e.what()));
  }
  write_result(text);
  return ExitCode::kOk;
}

}  // namespace tilewake
