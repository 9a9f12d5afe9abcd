// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "latency_model/cli/latency_model_command.hpp"
#include "latency_model/cli/prediction_report.hpp"
#include "latency_model/model_yaml.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/network/limits.hpp"

namespace tilewake {
namespace {

using PredictionFormatter = std::string (*)(const NetworkPrediction& prediction);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, PredictionFormatter>, 3> kPredictionFormats = {{
    {"table",
     [](const NetworkPrediction& prediction) {
       const std::size_t columns = output_columns();
       return wrapped_lines(prediction_table(prediction, use_color(), columns), columns);
     }},
    {"csv", prediction_csv},
    {"json", prediction_json},
}};

struct PredictOptions {
  std::string model;
  std::string network;
  ModelArguments model_arguments;
  std::optional<std::int64_t> batch;
  std::string format = "table";
  bool verbose = false;
  bool quiet = false;
};

bool parse(const Arguments& arguments, PredictOptions& values) {
  Options options(
      "predict",
      fmt::format("predict --model FILE --net FILE {} [--batch N]\n"
                  "                        [--format table|csv|json] [-v | -q]",
                  ModelArguments::kUsage),
      "Predicts the simulated latency of a network with a model of `tilewake calibrate`.\n"
      "csv and json list the layers in the network's order, `tilewake simulate` in the\n"
      "order of execution: join them by name.");
  options.required("model", values.model, "FILE", "latency model of 'tilewake calibrate'");
  options.required("net", values.network, "FILE", kNetHelp);
  values.model_arguments.add_to(options);
  options.integer("batch", values.batch, 1, kMaxBatch, "N", kBatchHelp);
  options.optional("format", values.format, "FORMAT",
                   "what is printed: " + format_names(kPredictionFormats));
  options.flag("verbose,v", values.verbose, "log what the prediction cost");
  options.flag("quiet,q", values.quiet, "suppress warnings");
  return options.parse(arguments);
}

}  // namespace

ExitCode predict_command(const Arguments& arguments) {
  PredictOptions options;
  if (!parse(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const PredictionFormatter format = formatter_of(kPredictionFormats, options.format);

  const LatencyModel model = read_latency_model(options.model);
  const Workload workload = load_workload(options.network, options.model_arguments, options.batch);
  const NetworkPrediction prediction = predict(model, workload);
  log().debug("predicted {} layers in {:.1f} us", prediction.layers.size(),
              1e6 * prediction.seconds);
  for (const std::string& warning : prediction.warnings) log().warn(warning);
  write_result(format(prediction));
  return ExitCode::kOk;
}

}  // namespace tilewake
