// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "nas/cli/given_inputs.hpp"
#include "nas/cli/nas_command.hpp"
#include "nas/cli/nas_options.hpp"
#include "nas/cli/run_setup.hpp"
#include "nas/export/deployed_onnx.hpp"
#include "nas/quantization/executor_accuracy.hpp"
#include "nas/quantization/qdq_onnx.hpp"
#include "nas/quantization/quantize.hpp"
#include "nas/search/bundle.hpp"
#include "nas/search/network_training.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxCalibrationImages = 4096;

struct QuantizeOptions {
  TrainedNetworkOptions trained;
  std::string ranges = "auto";
  std::string equalize = "auto";
  std::string correct_bias = "auto";
  std::string out;
  std::string deploy_layout = "nhwc";
  std::string format = "table";
  std::int64_t num_images = 256;
  std::int64_t num_threads = 0;
  bool force = false;
  bool verbose = false;
  bool quiet = false;
};

bool parse_quantize_options(const Arguments& arguments, QuantizeOptions& values) {
  Options options(
      "nas quantize",
      "nas quantize (--run DIR | --net FILE [--init FILE]) [--data NAME|DIR]\n"
      "                             [--out FILE.onnx] ...",
      "Quantizes a trained network to int8 without training, and measures its accuracy in floats\n"
      "and in int8 on the test images. Ranges of feature maps are set on training images; of the\n"
      "ways to do that, the one with the least error of the logits is kept. --out writes an ONNX\n"
      "model in QDQ form with the preprocessing inside, as the model_int8.onnx of a run.");
  add_trained_network(options, values.trained);
  options.integer("images", values.num_images, 1, kMaxCalibrationImages, "N",
                  "training images that set the ranges");
  options.optional("ranges", values.ranges, "auto|min-max|percentile|mse",
                   "how ranges are set; auto: all are tried");
  options.optional("equalize", values.equalize, "auto|on|off",
                   "equalise the channels of successive layers; auto: both are tried");
  options.optional("correct-bias", values.correct_bias, "auto|on|off",
                   "correct biases by the mean error; auto: both are tried");
  options.optional("out", values.out, "FILE.onnx", "model to write; none: only measured");
  options.flag("force", values.force, "replace FILE.onnx");
  options.optional("deploy-layout", values.deploy_layout, "nhwc|nchw",
                   "order of the images that the model takes");
  options.integer("threads", values.num_threads, 0, kMaxThreads, "N",
                  "number of threads; 0: one per core");
  options.optional("format", values.format, "table|json", "what is printed");
  options.flag("verbose,v", values.verbose, "log more on standard error");
  options.flag("quiet,q", values.quiet, "suppress warnings");
  if (!options.parse(arguments)) return false;
  check_trained_network(options, values.trained);
  check_word("--ranges", values.ranges, {"auto", "min-max", "percentile", "mse"});
  check_word("--equalize", values.equalize, {"auto", "on", "off"});
  check_word("--correct-bias", values.correct_bias, {"auto", "on", "off"});
  check_word("--deploy-layout", values.deploy_layout, {"nhwc", "nchw"});
  check_word("--format", values.format, {"table", "json"});
  return true;
}

QuantizationOptions quantization_options(const QuantizeOptions& options) {
  const auto flag = [](const std::string& word) -> std::optional<bool> {
    if (word == "auto") return {};
    return word == "on";
  };
  QuantizationOptions result;
  for (const auto& [name, method] : kRangeMethodNames)
    if (options.ranges == name) result.ranges = method;
  result.equalize = flag(options.equalize);
  result.correct_bias = flag(options.correct_bias);
  result.num_threads = torch::get_num_threads();
  return result;
}

struct Quantized {
  QuantizationResult result;
  Accuracy in_floats;
  Accuracy in_int8;
};

std::string quantized_json(const GivenNetwork& given, const ImageData& data,
                           const Quantized& quantized) {
  nlohmann::ordered_json json;
  json["network"] = given.network.name;
  json["data"] = data.name;
  json["images"] = quantized.in_floats.num_images;
  json["accuracy"] = quantized.in_floats.share();
  json["standard_error"] = quantized.in_floats.standard_error();
  json["int8"] = {{"accuracy", quantized.in_int8.share()},
                  {"standard_error", quantized.in_int8.standard_error()}};
  json["chosen"] = quantized.result.chosen.text();
  for (const QuantizationChoice& choice : quantized.result.tried)
    json["tried"].push_back({{"ranges", to_string(choice.ranges)},
                             {"equalized", choice.is_equalized},
                             {"bias_corrected", choice.has_corrected_bias},
                             {"squared_error", choice.error}});
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string quantized_table(const GivenNetwork& given, const ImageData& data,
                            const Quantized& quantized) {
  std::string text = fmt::format(
      "{} on {}: accuracy {} in int8, {} in floats, of {} test images\n\n", given.network.name,
      data.name, as_percent(quantized.in_int8.share(), quantized.in_int8.standard_error()),
      as_percent(quantized.in_floats.share(), quantized.in_floats.standard_error()),
      quantized.in_floats.num_images);
  text += "squared error of the logits, as a share of their square\n";
  for (const QuantizationChoice& choice : quantized.result.tried)
    text += fmt::format("{:>9.3f} %  {}{}\n", 100.0 * choice.error, choice.text(),
                        choice.text() == quantized.result.chosen.text() ? "  (chosen)" : "");
  return text;
}

void write_int8(const RunContext& run, const QuantizeOptions& options, const GivenNetwork& given,
                const Quantized& quantized) {
  const ModelMetadata metadata = {
      {"tilewake_version", std::string(kVersion)},
      {"data", run.data.name},
      {"test_accuracy", fmt::format("{}", quantized.in_int8.share())},
  };
  write_output_file(options.out, deployed_onnx(qdq_model(quantized.result.quantized),
                                               preprocessing_of(run, given.network.input),
                                               run.deploy_layout, metadata));
}

}  // namespace

ExitCode nas_quantize_command(const Arguments& arguments) {
  QuantizeOptions options;
  if (!parse_quantize_options(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  if (!options.out.empty()) check_output_file(options.out, options.force);
  RunContext run;
  run.num_loader_threads = start_threads(options.num_threads);
  run.data = open_image_data(options.trained.data);
  run.deploy_layout = options.deploy_layout == "nchw" ? ImageLayout::kNchw : ImageLayout::kNhwc;
  const GivenNetwork given = read_trained_network(options.trained, run.data);
  run.split = split_train(*run.data.train, Recipe().validation_share, run.seed);
  const int side = static_cast<int>(given.network.input.height);
  Quantized quantized;
  const auto calibration = calibration_loader(run, side, options.num_images);
  quantized.result =
      quantize(given.network, given.weights, calibration_images(*calibration, options.num_images),
               quantization_options(options));
  const auto test = test_loader(run, side);
  quantized.in_floats = accuracy_of(run, given, *test);
  quantized.in_int8 =
      accuracy(IntegerExecutor(quantized.result.quantized), *test, torch::get_num_threads());
  if (!options.out.empty()) write_int8(run, options, given, quantized);
  write_result(options.format == "json" ? quantized_json(given, run.data, quantized)
                                        : quantized_table(given, run.data, quantized));
  return ExitCode::kOk;
}

}  // namespace tilewake
