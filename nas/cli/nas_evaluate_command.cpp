// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <filesystem>
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
#include "nas/search/network_training.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kMaxModelBytes = std::size_t{1} << 30;

struct EvaluateOptions {
  std::string run;      // directory; or
  std::string network;  // model
  std::string init = "file";
  std::string data = "fashion-mnist";
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
      "by class. The network is that of a run (of nas run or nas train), whose preprocessing is\n"
      "used, or an ONNX model, for which images are normalised by the mean and the standard\n"
      "deviation of the data's training images.");
  options.optional("run", values.run, "DIR", "directory of a finished run");
  options.optional("net", values.network, "FILE", "ONNX model, or a network with --init");
  options.optional("init", values.init, "FILE|file",
                   "weights: those of the ONNX model (file), or a weights.safetensors");
  options.optional("data", values.data, "NAME|DIR",
                   "fashion-mnist, synthetic, or a directory (images in CLASS/, CIFAR, idx files)");
  options.optional("device", values.device, "auto|cpu|cuda", "device");
  options.integer("threads", values.num_threads, 0, kMaxThreads, "N",
                  "number of threads; 0: one per core");
  options.optional("format", values.format, "table|json", "what is printed");
  options.flag("verbose,v", values.verbose, "log more on standard error");
  options.flag("quiet,q", values.quiet, "suppress warnings");
  if (!options.parse(arguments)) return false;
  if (values.run.empty() == values.network.empty()) throw UsageError("give one of --run and --net");
  if (!values.run.empty() && options.is_given("init"))
    throw UsageError("--init is for --net; --run has its weights");
  if (values.init == "scratch") throw UsageError("--init scratch: an untrained network");
  check_word("--device", values.device, {"auto", "cpu", "cuda"});
  check_word("--format", values.format, {"table", "json"});
  return true;
}

/// The normalisation of the run, if the data have its classes.
void take_preprocessing(const std::string& directory, ImageData& data) {
  const std::string path = directory + "/deploy/model.onnx";
  if (!std::filesystem::exists(path))
    throw InputError(fmt::format("{}: holds no finished run (no deploy/model.onnx)", directory));
  const Preprocessing run = read_preprocessing(read_text_file(path, kMaxModelBytes), path);
  std::vector<std::string> labels;
  for (const std::string& label : data.classes) labels.push_back(one_line(label));
  if (run.labels != labels)
    throw InputError(fmt::format(
        "{}: was trained for the {} classes in deploy/labels.txt; data {} has {} classes, of other "
        "names or another number",
        directory, run.labels.size(), data.name, data.classes.size()));
  if (run.channels != data.channels)
    throw InputError(fmt::format("{}: takes images of {} channels, data {} has {}", directory,
                                 run.channels, data.name, data.channels));
  data.mean = run.mean;
  data.stddev = run.stddev;
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
                            const Accuracy& accuracy) {
  nlohmann::ordered_json json;
  json["network"] = given.network.name;
  json["data"] = data.name;
  json["images"] = accuracy.num_images;
  json["correct"] = accuracy.num_correct;
  json["accuracy"] = accuracy.share();
  json["standard_error"] = accuracy.standard_error();
  json["loss"] = accuracy.loss;
  const std::vector<ClassAccuracy> classes = by_class(data, accuracy);
  for (std::size_t i = 0; i < classes.size(); ++i)
    json["classes"].push_back({{"name", data.classes[i]},
                               {"images", classes[i].num_images},
                               {"correct", classes[i].num_correct}});
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string evaluation_table(const GivenNetwork& given, const ImageData& data,
                             const Accuracy& accuracy) {
  std::string text =
      fmt::format("{} on {}: accuracy {} (+-{}) of {} test images, loss {:.4f}\n\n",
                  given.network.name, data.name, as_percent(accuracy.share()),
                  as_percent(accuracy.standard_error()), accuracy.num_images, accuracy.loss);
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
  run.data = open_image_data(options.data);
  if (!options.run.empty()) take_preprocessing(options.run, run.data);
  const std::string network = options.run.empty() ? options.network : options.run + "/model.onnx";
  const GivenNetwork given = read_given_network(network, options.init, run.data, /*seed=*/0);
  if (given.weights.empty())
    throw InputError(fmt::format("{}: has no weights; give an ONNX model, or --init", network));
  if (given.has_new_classifier)
    throw InputError(
        fmt::format("{}: is for another number of classes than data {}", network, run.data.name));
  const auto images = test_loader(run, static_cast<int>(given.network.input.height));
  const Accuracy accuracy = accuracy_of(run, given, *images);
  write_result(options.format == "json" ? evaluation_json(given, run.data, accuracy)
                                        : evaluation_table(given, run.data, accuracy));
  return ExitCode::kOk;
}

}  // namespace tilewake
