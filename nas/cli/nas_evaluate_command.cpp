// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <filesystem>
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
#include "nas/search/network_training.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

struct EvaluateOptions {
  TrainedNetworkOptions trained;
  std::string device = "auto";
  std::string format = "table";
  std::int64_t num_threads = 0;
  bool verbose = false;
  bool quiet = false;
};

bool parse_evaluate_options(const Arguments& arguments, EvaluateOptions& values) {
  Options options(
      "nas evaluate", "nas evaluate (--run DIR | --net FILE [--init FILE]) [--data NAME|DIR] ...",
      "Measures the accuracy of a trained network on the test images of a data set, in total and\n"
      "by class: of a run (nas run or nas train), in floats and in int8, with its preprocessing, "
      "or\n"
      "of an ONNX model, for which the mean and standard deviation of the data's training images\n"
      "normalise its images.");
  add_trained_network(options, values.trained);
  options.optional("device", values.device, "auto|cpu|cuda", "device");
  options.integer("threads", values.num_threads, 0, kMaxThreads, "N",
                  "number of threads; 0: one per core");
  options.optional("format", values.format, "table|json", "what is printed");
  options.flag("verbose,v", values.verbose, "log more on standard error");
  options.flag("quiet,q", values.quiet, "suppress warnings");
  if (!options.parse(arguments)) return false;
  check_trained_network(options, values.trained);
  check_word("--device", values.device, {"auto", "cpu", "cuda"});
  check_word("--format", values.format, {"table", "json"});
  return true;
}

/// Of the run's deploy/model_int8.onnx; none where there is no such file.
std::optional<Accuracy> int8_accuracy(const EvaluateOptions& options, const GivenNetwork& given,
                                      ImageLoader& images) {
  const std::string path = options.trained.run + "/deploy/model_int8.onnx";
  if (options.trained.run.empty() || !std::filesystem::exists(path)) return {};
  const IntegerExecutor executor(
      read_qdq_model(read_text_file(path, kMaxModelBytes), path, given.network));
  return accuracy(executor, images, torch::get_num_threads());
}

struct ClassAccuracy {
  std::int64_t num_images = 0;
  std::int64_t num_correct = 0;
};

std::vector<ClassAccuracy> by_class(const ImageData& data, const Accuracy& accuracy) {
  std::vector<ClassAccuracy> classes(data.classes.size());
  for (std::size_t i = 0; i < accuracy.correct.size(); ++i) {
    const int label = data.test->label(static_cast<std::int64_t>(i));
    ClassAccuracy& of_class = classes[static_cast<std::size_t>(label)];
    ++of_class.num_images;
    of_class.num_correct += accuracy.correct[i];
  }
  return classes;
}

std::string evaluation_json(const GivenNetwork& given, const ImageData& data,
                            const Accuracy& accuracy, const std::optional<Accuracy>& int8) {
  nlohmann::ordered_json json;
  json["network"] = given.network.name;
  json["data"] = data.name;
  json["images"] = accuracy.num_images;
  json["correct"] = accuracy.num_correct;
  json["accuracy"] = accuracy.share();
  json["standard_error"] = accuracy.standard_error();
  json["loss"] = accuracy.loss;
  if (int8)
    json["int8"] = {{"correct", int8->num_correct},
                    {"accuracy", int8->share()},
                    {"standard_error", int8->standard_error()}};
  const std::vector<ClassAccuracy> classes = by_class(data, accuracy);
  for (std::size_t i = 0; i < classes.size(); ++i)
    json["classes"].push_back({{"name", data.classes[i]},
                               {"images", classes[i].num_images},
                               {"correct", classes[i].num_correct}});
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string evaluation_table(const GivenNetwork& given, const ImageData& data,
                             const Accuracy& accuracy, const std::optional<Accuracy>& int8) {
  std::string text = fmt::format(
      "{} on {}: accuracy {} of {} test images, loss {:.4f}\n", given.network.name, data.name,
      as_percent(accuracy.share(), accuracy.standard_error()), accuracy.num_images, accuracy.loss);
  if (int8)
    text += fmt::format("int8: accuracy {}\n", as_percent(int8->share(), int8->standard_error()));
  text += "\n";
  text += fmt::format("{:>9}  {:>7}  class\n", "accuracy", "images");
  const std::vector<ClassAccuracy> classes = by_class(data, accuracy);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const ClassAccuracy& c = classes[i];
    const std::string share =
        c.num_images == 0
            ? "-"
            : as_percent(static_cast<double>(c.num_correct) / static_cast<double>(c.num_images));
    text += fmt::format("{:>9}  {:>7}  {}\n", share, c.num_images, printable(data.classes[i]));
  }
  return text;
}

}  // namespace

ExitCode nas_evaluate_command(const Arguments& arguments) {
  EvaluateOptions options;
  if (!parse_evaluate_options(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  RunContext run;
  run.num_loader_threads = start_threads(options.num_threads);
  run.device = device_of(options.device);
  run.data = open_image_data(options.trained.data);
  const GivenNetwork given = read_trained_network(options.trained, run.data);
  const auto images = test_loader(run, static_cast<int>(given.network.input.height));
  const Accuracy accuracy = accuracy_of(run, given, *images);
  const std::optional<Accuracy> int8 = int8_accuracy(options, given, *images);
  write_result(options.format == "json" ? evaluation_json(given, run.data, accuracy, int8)
                                        : evaluation_table(given, run.data, accuracy, int8));
  return ExitCode::kOk;
}

}  // namespace tilewake
